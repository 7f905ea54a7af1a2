"""Runs that are hit by something, and files that mean harm."""

import os
import pickle
import shutil
import zipfile

import pytest
import torch
from tiny import TINY

from cifar_lightning.models.classifier import ImageClassifier


def run_folder(tmp_path):
    return tmp_path / "lightning_logs/quickstart/version_0"


def fail_in_epoch(monkeypatch, epoch, error):
    """Lets the first training step of an epoch (0, 1, ...) raise `error`."""
    training_step = ImageClassifier.training_step

    def failing_step(self, batch, batch_idx):
        if self.current_epoch == epoch:
            raise error
        return training_step(self, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "training_step", failing_step)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_epoch_before(command, tmp_path):
    outcome = command("fit", *TINY, "--trainer.max_epochs=50", "--model.optimizer.lr=1e5")
    assert outcome.code == 2
    assert "lower the learning rate" in outcome.err
    checkpoint = run_folder(tmp_path) / "checkpoints/last.ckpt"
    if checkpoint.exists():
        weights = torch.load(checkpoint, weights_only=True)["state_dict"]
        number = int(outcome.err.partition(" in epoch ")[2].partition(",")[0])
        assert torch.load(checkpoint, weights_only=True)["epoch"] + 1 == number - 1
        assert weights


def test_a_gpu_out_of_memory_is_one_sentence_and_keeps_the_epoch_before(command, tmp_path, monkeypatch):
    fail_in_epoch(monkeypatch, 1, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))
    outcome = command("fit", *TINY)
    assert outcome.code == 1
    assert outcome.err == (
        "cifar-lightning: the GPU is out of memory; lower data.batch_size, or use --trainer.accelerator cpu\n"
    )
    assert torch.load(run_folder(tmp_path) / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 0


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_run_that_failed_in_any_epoch_goes_on_to_the_weights_of_one_that_did_not(
    command, tmp_path, monkeypatch, kept
):
    epochs = "--trainer.max_epochs=5"
    assert command("fit", *TINY, epochs, "--trainer.logger.name=whole").code == 0
    with monkeypatch.context() as patch:
        fail_in_epoch(patch, kept + 1, OSError(28, "No space left on device"))
        assert command("fit", *TINY, epochs).code == 1
    assert command("fit", *TINY, epochs, "--ckpt_path=last").code == 0
    whole, resumed = (
        torch.load(tmp_path / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)
        for name in ("whole", "quickstart")
    )
    assert all(torch.equal(whole["state_dict"][key], resumed["state_dict"][key]) for key in whole["state_dict"])
    momentum = [state["optimizer_states"][0]["state"][0]["momentum_buffer"] for state in (whole, resumed)]
    assert torch.equal(*momentum)


def test_a_net_with_dropout_goes_on_drawing_where_it_stopped(command, tmp_path):
    (tmp_path / "dropout_net.py").write_text(
        "from torch import nn\n\n\nclass DropoutNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Dropout(0.5))\n"
    )
    net = "--model.backbone=dropout_net.DropoutNet"
    assert command("fit", *TINY, net, "--trainer.max_epochs=4", "--trainer.logger.name=whole").code == 0
    assert command("fit", *TINY, net).code == 0
    assert command("fit", *TINY, net, "--trainer.max_epochs=4", "--ckpt_path=last").code == 0
    whole, resumed = (
        torch.load(tmp_path / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "quickstart")
    )
    assert torch.equal(whole["head.weight"], resumed["head.weight"])


class Poison:
    """Unpickling this makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("poisoned",)


def poisoned_checkpoint(checkpoint):
    """The same archive with another pickle in it."""
    content = zipfile.ZipFile(checkpoint)
    members = {name: content.read(name) for name in content.namelist()}
    content.close()
    with zipfile.ZipFile(checkpoint, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, pickle.dumps(Poison()) if name.endswith("data.pkl") else data)


def cut_checkpoint(checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("damage", "said"),
    [(poisoned_checkpoint, "more than tensors and plain values"), (cut_checkpoint, "is damaged")],
    ids=["poisoned", "cut"],
)
@pytest.mark.parametrize("name", ["test", "fit", "validate"])
def test_a_bad_checkpoint_is_refused_and_runs_nothing(command, finished_run, tmp_path, damage, said, name):
    shutil.copytree(finished_run, tmp_path / "run")
    damage(tmp_path / "run/checkpoints/last.ckpt")
    settings = ["--config", "run/config.yaml"] if name == "fit" else []
    outcome = command(name, *settings, "--ckpt_path", "run")
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "poisoned").exists()


def test_a_run_folder_without_its_config_says_so(command, finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run/config.yaml").unlink()
    outcome = command("test", "--ckpt_path", "run")
    assert outcome.code == 2
    assert "add --config" in outcome.err
