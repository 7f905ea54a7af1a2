"""Steps that are taken straight through are the steps that Lightning would take."""

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from tiny import TINY
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_lightning.cli.plain_loop import PlainEpochLoop
from cifar_lightning.cli.progress import EpochProgress
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs.recorder import RunRecorder

# 90 training images: three batches an epoch, the last one smaller.
FIT = [*TINY, "--data.batch_size=40"]
NUM_STEPS = 2 * 3

OWN_CODE = """
import pathlib

from lightning.pytorch import Callback
from torch import nn


class Watcher(Callback):
    def on_before_zero_grad(self, *arguments):
        with pathlib.Path("calls").open("a") as file:
            file.write(".")


class Dropping(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout())
"""


@pytest.fixture(scope="module", autouse=True)
def own_code(tmp_path_factory):
    """A module of the user's own: a callback that marks its calls, and a net that draws numbers."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "steps_watched.py").write_text(OWN_CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.fixture
def steps_by_lightning(monkeypatch):
    """A list that grows by one whenever Lightning's own loop takes a step."""
    steps, advance = [], _TrainingEpochLoop.advance

    def counted(loop, data_fetcher):
        steps.append(loop)
        advance(loop, data_fetcher)

    monkeypatch.setattr(_TrainingEpochLoop, "advance", counted)
    return steps


def flat(tree, path=""):
    """Every leaf of nested dicts and lists by its path; of tensors type, shape and bytes."""
    if isinstance(tree, Tensor):
        return {path: (tree.dtype, tree.shape, tree.numpy().tobytes())}
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else ()
    leaves = {place: leaf for key, value in items for place, leaf in flat(value, f"{path}/{key}").items()}
    return leaves or {path: tree}


def checkpoint(folder, name):
    """All of a run's last checkpoint but the callbacks and settings, which say who watched and how long it took."""
    saved = torch.load(folder / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)
    return flat({key: value for key, value in saved.items() if key not in ("callbacks", "hyper_parameters")})


@pytest.mark.parametrize(
    "settings",
    [
        ["--model.backbone=steps_watched.Dropping"],
        ["--trainer.max_steps=4", "--trainer.max_epochs=-1"],
        ["--trainer.limit_train_batches=2", "--trainer.detect_anomaly=true"],
        ["--model.optimizer=AdamW", "--model.scheduler=StepLR", "--model.scheduler.step_size=1"],
        ["--model.optimizer=LBFGS", "--model.optimizer.max_iter=3"],
        ["--model.scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.scheduler.monitor=train_loss"],
    ],
)
def test_a_checkpoint_is_the_same_as_by_lightnings_own_steps(command, tmp_path, steps_by_lightning, settings):
    assert command("fit", *FIT, *settings, "--trainer.logger.name=straight").code == 0
    assert steps_by_lightning == []
    watched = ["--trainer.callbacks=steps_watched.Watcher", "--trainer.logger.name=watched"]
    assert command("fit", *FIT, *settings, *watched).code == 0
    assert steps_by_lightning
    assert checkpoint(tmp_path, "straight") == checkpoint(tmp_path, "watched")


class Reads(TorchDispatchMode):
    """Counts the operations within, and those that hand a tensor's value to Python: a GPU would be waited for."""

    num_operations = num_reads = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        self.num_operations += 1
        self.num_reads += operation is torch.ops.aten._local_scalar_dense.default
        return operation(*arguments, **(options or {}))


def test_no_step_reads_a_value_that_a_gpu_would_have_to_be_waited_for(command, monkeypatch):
    reads, advance = Reads(), PlainEpochLoop.advance

    def watched(loop, data_fetcher):
        with reads:
            advance(loop, data_fetcher)

    monkeypatch.setattr(PlainEpochLoop, "advance", watched)
    assert command("fit", *FIT).code == 0
    assert reads.num_operations > 10 * NUM_STEPS
    assert reads.num_reads == 0
    with reads:
        torch.ones(1).item()
    assert reads.num_reads == 1


def test_a_users_callback_is_called_at_every_step(command, tmp_path):
    assert command("fit", *FIT, "--trainer.callbacks=steps_watched.Watcher").code == 0
    assert len((tmp_path / "calls").read_text()) == NUM_STEPS


@pytest.mark.parametrize(
    "setting",
    [
        "--trainer.gradient_clip_val=0.1",
        "--trainer.accumulate_grad_batches=2",
        "--trainer.precision=bf16-mixed",
        "--trainer.profiler=simple",
        "--trainer.max_time=00:01:00:00",
        "--trainer.callbacks=LearningRateMonitor",
    ],
)
def test_a_setting_that_asks_for_more_than_a_plain_step_goes_lightnings_way(command, steps_by_lightning, setting):
    assert command("fit", *FIT, setting).code == 0
    assert len(steps_by_lightning) == NUM_STEPS


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (EpochProgress, Callback),
        (RunRecorder, Callback),
        (ImageClassifier, LightningModule),
        (SubsetDataModule, LightningDataModule),
    ],
)
def test_none_of_our_own_classes_has_a_hook_that_a_straight_step_would_leave_out(kind, base):
    of_callbacks = ("zero_grad", "backward", "optimizer_step")
    hooks = [
        "on_train_batch_start",
        "on_train_batch_end",
        "on_after_backward",
        *(f"on_before_{name}" for name in of_callbacks),
    ]
    hooks += ["on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"]
    hooks += ["optimizer_zero_grad", "backward", "configure_gradient_clipping", "optimizer_step"]
    present = [hook for hook in hooks if hasattr(base, hook)]
    assert present
    assert not [hook for hook in present if getattr(kind, hook) is not getattr(base, hook)]
