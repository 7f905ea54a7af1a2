"""What a fit leaves in its run folder, and resuming from there."""

import csv

import pytest
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch import callbacks as lightnings
from torch import nn

from cifar_lightning.data import DrawnShapes, SubsetDataModule
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.training.checkpoints import BLOCK, Checkpoint
from cifar_lightning.training.logger import RunLogger
from cifar_lightning.training.recorder import RunRecorder

CLASSES = ["ring", "star"]
COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")

pytestmark = pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")


class DrawingNet(nn.Sequential):
    """Draws random numbers at every step, so that a resumed run must continue drawing where it stopped."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2))


class Interruption(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("the machine failed")


class Watcher(lightnings.Checkpoint):
    """Notes what the trainer says of every epoch; as a checkpoint callback, when all is said."""

    def __init__(self):
        self.epochs = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append([trainer.callback_metrics[name].item() for name in COLUMNS])


def fit(folder, max_epochs, resume=False, keep_best=True, sync_seconds=1000.0, callbacks=()):
    seed_everything(0, verbose=False)
    data = SubsetDataModule(DrawnShapes(num_train=10, num_test=2, image_size=10), CLASSES, 0.2, batch_size=6)
    model = ImageClassifier(DrawingNet(), CLASSES, image_size=10)
    checkpoint = Checkpoint.read(run_of(folder) / "checkpoints/last.ckpt") if resume else None
    recorder = RunRecorder(
        "seed: 0\n",
        CLASSES,
        keep_best,
        checkpoint,
        sync_seconds,
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=max_epochs,
        logger=RunLogger(str(folder), version=0),
        callbacks=[*callbacks, recorder],
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, data, ckpt_path=checkpoint.path if checkpoint else None, weights_only=True)
    return model


def run_of(folder):
    return folder / "run/version_0"


def read_curves(folder):
    with (run_of(folder) / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def load(folder, name):
    return torch.load(run_of(folder) / "checkpoints" / name, weights_only=True)


def test_curves_hold_what_the_trainer_logged_in_full(tmp_path):
    watcher = Watcher()
    fit(tmp_path, 3, callbacks=[watcher])
    rows = read_curves(tmp_path)
    assert list(rows[0]) == ["epoch", *COLUMNS, "seconds"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [[float(row[name]) for name in COLUMNS] for row in rows] == watcher.epochs
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


def test_last_is_the_last_epoch_and_best_that_of_the_lowest_validation_loss(tmp_path):
    model = fit(tmp_path, 4)
    last, best = load(tmp_path, "last.ckpt"), load(tmp_path, "best.ckpt")
    assert last["epoch"] == 3
    for name, weights in model.state_dict().items():
        assert torch.equal(last["state_dict"][name], weights)
    losses = [float(row["val_loss"]) for row in read_curves(tmp_path)]
    assert best["epoch"] == losses.index(min(losses))


def test_without_a_validation_share_to_choose_by_there_is_no_best(tmp_path):
    fit(tmp_path, 1, keep_best=False)
    assert sorted(path.name for path in (run_of(tmp_path) / "checkpoints").iterdir()) == ["last.ckpt"]


def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path):
    whole = fit(tmp_path / "whole", 4)
    fit(tmp_path / "parts", 2)
    parts = fit(tmp_path / "parts", 4, resume=True)
    for name, weights in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], weights), name
    rows, expected = read_curves(tmp_path / "parts"), read_curves(tmp_path / "whole")
    assert [row.pop("seconds") for row in rows] != []
    assert [row.pop("seconds") for row in expected] != []
    assert rows == expected
    assert (run_of(tmp_path / "whole") / "config.yaml").read_text() == "seed: 0\n"


def test_a_checkpoint_without_lightnings_loop_state_resumes_to_the_same_weights(tmp_path):
    whole = fit(tmp_path / "whole", 4)
    fit(tmp_path / "parts", 2)
    path = run_of(tmp_path / "parts") / "checkpoints/last.ckpt"
    written_elsewhere = torch.load(path, weights_only=True)
    for entry in ("loops", "callbacks"):
        del written_elsewhere[entry]
    torch.save(written_elsewhere, path)
    parts = fit(tmp_path / "parts", 4, resume=True)
    for name, weights in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], weights), name
    rows, expected = read_curves(tmp_path / "parts"), read_curves(tmp_path / "whole")
    assert [row["val_loss"] for row in rows] == [row["val_loss"] for row in expected]
    last, other = load(tmp_path / "parts", "last.ckpt"), load(tmp_path / "whole", "last.ckpt")
    assert (last["epoch"], last["global_step"]) == (other["epoch"], other["global_step"])


def test_the_block_that_resuming_needs_is_in_every_checkpoint(tmp_path):
    fit(tmp_path, 3)
    for name, num_epochs in (("last.ckpt", 3), ("best.ckpt", None)):
        block = load(tmp_path, name)[BLOCK]
        num_epochs = num_epochs or load(tmp_path, name)["epoch"] + 1
        assert (block["num_epochs"], block["is_finished"]) == (num_epochs, True)
        assert (block["class_names"], block["config"]) == (CLASSES, "seed: 0\n")
        assert len(block["curves"].splitlines()) == 1 + num_epochs
        assert block["random_state"].keys() == {"cpu"}


def test_an_error_leaves_the_state_of_the_last_finished_epoch(tmp_path):
    with pytest.raises(RuntimeError, match="the machine failed"):
        fit(tmp_path, 4, callbacks=[Interruption(epoch=2)])
    assert load(tmp_path, "last.ckpt")["epoch"] == 1
    assert [row["epoch"] for row in read_curves(tmp_path)] == ["1", "2"]


def test_an_error_in_the_first_epoch_leaves_no_checkpoint(tmp_path):
    with pytest.raises(RuntimeError, match="the machine failed"):
        fit(tmp_path, 4, callbacks=[Interruption(epoch=0)])
    assert not (run_of(tmp_path) / "checkpoints").exists()
    assert not (run_of(tmp_path) / "curves.csv").exists()


def test_files_grow_no_older_than_asked(tmp_path):
    ages = []

    class Look(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            ages.append(len(read_curves(tmp_path)) if (run_of(tmp_path) / "curves.csv").exists() else 0)

    fit(tmp_path, 3, sync_seconds=0.0, callbacks=[Look()])
    assert ages == [0, 1, 2]


def test_a_gpu_continues_drawing_where_it_stopped_too(tmp_path, monkeypatch):
    # There need not be one: what the recorder asks of it is played.
    states = iter(range(100))
    restored = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.get_rng_state", lambda: torch.tensor([next(states)], dtype=torch.uint8))
    monkeypatch.setattr("torch.cuda.set_rng_state", lambda state: restored.append(state.tolist()))
    fit(tmp_path, 3)
    assert restored == []
    fit(tmp_path, 4, resume=True)
    # Of the third epoch.
    assert restored == [[2]]


def test_a_run_of_a_gpu_resumes_where_there_is_none(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("torch.cuda.is_initialized", lambda: True)
        patch.setattr("torch.cuda.get_rng_state", lambda: torch.tensor([7], dtype=torch.uint8))
        fit(tmp_path, 1)
    fit(tmp_path, 2, resume=True)
    assert load(tmp_path, "last.ckpt")["epoch"] == 1
