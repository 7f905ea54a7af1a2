"""The progress of a fit, on a terminal and in a log."""

import re
import sys
from types import SimpleNamespace

import torch

from cifar_lightning.models.backbones import AvgPoolNet
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.training.progress import EpochProgress


def play(num_epochs, max_epochs):
    """Shows a fit of which the train loss is the number of the epoch."""
    data = SimpleNamespace(train=range(1350), val=range(150), validate_on_test=False)
    trainer = SimpleNamespace(current_epoch=0, max_epochs=max_epochs, callback_metrics={}, datamodule=data)
    progress = EpochProgress()
    progress.on_train_start(trainer, ImageClassifier(AvgPoolNet()))
    for epoch in range(num_epochs):
        trainer.current_epoch = epoch
        progress.on_train_epoch_start(trainer, None)
        trainer.callback_metrics = {"train_loss": torch.tensor(epoch + 1.0), "train_accuracy": torch.tensor(0.5)}
    trainer.current_epoch = num_epochs
    progress.on_train_end(trainer, None)


def test_a_log_gets_a_line_for_each_twentieth_of_the_epochs(capsys):
    play(100, 100)
    first, *lines = capsys.readouterr().out.splitlines()
    # As the lab counts the parameters.
    assert first.startswith(
        "AvgPoolNet (22,659 parameters); 1,350 images of apple, forest, lawn_mower; 150 more to validate on; CPU, "
    )
    assert [line.split("/")[0] for line in lines] == [f"epoch {number}" for number in range(5, 101, 5)]
    assert lines[-1] == "epoch 100/100: train 100.000 (50.0 %)"


def test_without_a_limit_of_epochs_only_the_end_is_told(capsys):
    play(3, -1)
    assert capsys.readouterr().out.endswith("\nepoch 3: train 3.000 (50.0 %)\n")


def test_a_terminal_gets_one_line_that_is_rewritten(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    play(3, 3)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert re.search(r"epoch 3/3 ━+ train 3\.000 \(50\.0 %\)", shown)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", shown))
