"""Runs that are hit by something other than a signal or a full disk."""

import contextlib
import os
import shutil
import sys

import insides
import pytest
import torch
from checks import assert_one_sentence, assert_same_run, assert_same_weights, contents, read_checkpoint
from PIL import Image
from tiny import TINY

RUN = "lightning_logs/quickstart/version_0"


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(("rate", "has_an_epoch"), [(1e6, True), (1e30, False)])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_epoch_before(command, tmp_path, rate, has_an_epoch):
    outcome = command("fit", *TINY, "--trainer.max_epochs=50", f"--model.optimizer.lr={rate}")
    assert_one_sentence(outcome, 2, " in epoch ", "lower the learning rate")
    number = int(outcome.err.partition(" in epoch ")[2].partition(",")[0])
    assert (number > 1) == has_an_epoch == (tmp_path / RUN / "checkpoints/last.ckpt").exists()
    if has_an_epoch:
        assert read_checkpoint(tmp_path / RUN)["epoch"] + 1 == number - 1


def test_weights_that_diverge_in_the_last_step_are_not_kept(command, tmp_path):
    arguments = ["--trainer.max_epochs=1", "--data.val_fraction=0", "--data.batch_size=1000"]
    # The one loss of the epoch is from before the step.
    outcome = command("fit", *TINY, *arguments, "--model.optimizer.lr=1e20", "--model.optimizer.weight_decay=1e30")
    assert_one_sentence(outcome, 2, "weights", "in epoch 1")
    assert not (tmp_path / RUN / "checkpoints").exists()


@pytest.mark.parametrize("value", [float("nan"), 3e38], ids=str)
@pytest.mark.parametrize("name", ["test", "predict"])
def test_a_net_that_has_diverged_gives_no_scores_and_takes_none_away(command, run, tmp_path, name, value):
    checkpoint = read_checkpoint(run)
    for weights in checkpoint["state_dict"].values():
        weights.fill_(value)
    torch.save(checkpoint, run / "checkpoints/last.ckpt")
    Image.new("RGB", (32, 32), (9, 200, 40)).save(tmp_path / "a.png")
    before = contents(tmp_path)
    outcome = command(name, "--ckpt_path", "run", *(["--images=a.png"] if name == "predict" else []))
    assert_one_sentence(outcome, 2, "lower learning rate")
    assert contents(tmp_path) == before


def test_a_gpu_out_of_memory_is_one_sentence_and_keeps_the_epoch_before(command, tmp_path, monkeypatch):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    insides.fail_in_epoch(monkeypatch, 1, error)
    assert_one_sentence(command("fit", *TINY), 1, "the GPU is out of memory", "lower data.batch_size")
    assert read_checkpoint(tmp_path / RUN)["epoch"] == 0


def test_an_allocation_that_fails_is_the_memory_of_the_machine(command):
    assert_one_sentence(command("fit", *TINY, "--model.num_outputs=100000000000"), 1, "out of memory; lower")


@pytest.mark.parametrize("kept", [0, 1])
def test_a_run_that_failed_in_any_epoch_resumes_to_the_one_that_did_not(
    command, tmp_path, monkeypatch, longer_run, kept
):
    fit = ["fit", *TINY, "--trainer.max_epochs=3"]
    with monkeypatch.context() as patch:
        insides.fail_in_epoch(patch, kept + 1, OSError(5, "Input/output error"))
        assert_one_sentence(command(*fit), 1, "Input/output error")
    assert command(*fit, "--ckpt_path=last").code == 0
    assert_same_run(tmp_path / RUN, longer_run)


def test_a_net_with_dropout_resumes_drawing_where_it_stopped(command, tmp_path):
    (tmp_path / "dropout_net.py").write_text(
        "from torch import nn\n\n\nclass DropoutNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Dropout(0.5))\n"
    )
    fit = ["fit", *TINY, "--model.backbone=dropout_net.DropoutNet"]
    assert command(*fit, "--trainer.max_epochs=4", "--trainer.logger.name=whole").code == 0
    assert command(*fit).code == 0
    assert command(*fit, "--trainer.max_epochs=4", "--ckpt_path=last").code == 0
    assert_same_weights(tmp_path / RUN, tmp_path / "lightning_logs/whole/version_0")


@contextlib.contextmanager
def into_a_closed_pipe(monkeypatch):
    """Lets all output of the block go where nobody reads any more, as behind `| head` once it has ended."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with monkeypatch.context() as patch, open(write_end, "w") as pipe:
        patch.setattr(sys, "stdout", pipe)
        yield
        # What could not be written would be tried once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), write_end)


def test_a_closed_pipe_does_not_end_a_training(command, tmp_path, monkeypatch):
    with into_a_closed_pipe(monkeypatch):
        outcome = command("fit", *TINY, "--trainer.max_epochs=4")
    assert (outcome.code, outcome.err) == (0, "")
    assert read_checkpoint(tmp_path / RUN)["epoch"] == 3


def test_a_closed_pipe_behind_a_test_costs_no_scores(command, fitted_run, tmp_path, monkeypatch, undrawn):
    shutil.copytree(fitted_run, tmp_path / "run")
    with into_a_closed_pipe(monkeypatch):
        outcome = command("test", "--ckpt_path", "run")
    assert (outcome.code, outcome.err) == (1, "")
    assert (tmp_path / "run/scores.json").is_file()
