"""Steps that are taken straight through are the steps that Lightning would take."""

import pytest
import torch
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from tiny import TINY
from torch import Tensor

# 90 training pictures: three batches an epoch, the last one smaller.
FIT = [*TINY, "--data.batch_size=40"]
NUM_STEPS = 2 * 3


def write_own_code(folder, hook):
    """A user's callback that marks every call of `hook`, and a net that draws random numbers; returns their module."""
    # Of another name each, since a module is imported once.
    module = f"own_{hook}"
    (folder / f"{module}.py").write_text(
        "import pathlib\nfrom torch import nn\nfrom lightning.pytorch.callbacks import Callback\n"
        f"class Watcher(Callback):\n    def {hook}(self, *arguments):\n"
        "        with pathlib.Path('calls').open('a') as file:\n            file.write('.')\n"
        "class Dropping(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout())\n"
    )
    return module


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
    """Every leaf of nested dicts and lists, by its path."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else None
    if items is None:
        return {path: tree.tolist() if isinstance(tree, Tensor) else tree}
    return {place: leaf for key, value in items for place, leaf in flat(value, f"{path}/{key}").items()}


def checkpoint(folder, name):
    """All of a run's last checkpoint but the callbacks and settings, which say who watched and how long it took."""
    saved = torch.load(folder / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)
    return flat({key: value for key, value in saved.items() if key not in ("callbacks", "hyper_parameters")})


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["--trainer.max_steps=4", "--trainer.max_epochs=-1"],
        ["--trainer.limit_train_batches=2"],
        ["--model.backbone=own_on_train_batch_end.Dropping"],
        ["--model.optimizer=torch.optim.AdamW", "--model.scheduler=StepLR", "--model.scheduler.step_size=1"],
        ["--model.backbone=torch.nn.Flatten", "--model.optimizer=LBFGS", "--model.optimizer.max_iter=3"],
        ["--model.scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.scheduler.monitor=train_loss"],
    ],
)
def test_a_checkpoint_is_the_same_as_by_lightnings_own_steps(command, tmp_path, steps_by_lightning, settings):
    own = write_own_code(tmp_path, "on_train_batch_end")
    assert command("fit", *FIT, *settings, "--trainer.logger.name=straight").code == 0
    assert steps_by_lightning == []
    assert (
        command("fit", *FIT, *settings, f"--trainer.callbacks={own}.Watcher", "--trainer.logger.name=watched").code == 0
    )
    assert steps_by_lightning
    assert checkpoint(tmp_path, "straight") == checkpoint(tmp_path, "watched")


@pytest.mark.parametrize(
    "hook",
    [
        "on_train_batch_start",
        "on_before_zero_grad",
        "on_before_backward",
        "on_after_backward",
        "on_before_optimizer_step",
        "on_train_batch_end",
    ],
)
def test_a_callback_that_looks_at_steps_is_called_at_every_one(command, tmp_path, hook):
    own = write_own_code(tmp_path, hook)
    assert command("fit", *FIT, f"--trainer.callbacks={own}.Watcher").code == 0
    assert len((tmp_path / "calls").read_text()) == NUM_STEPS


def test_a_callback_that_looks_at_epochs_leaves_the_steps_alone(command, tmp_path, steps_by_lightning):
    own = write_own_code(tmp_path, "on_train_epoch_end")
    assert command("fit", *FIT, f"--trainer.callbacks={own}.Watcher").code == 0
    assert len((tmp_path / "calls").read_text()) == 2
    assert steps_by_lightning == []


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


def test_a_resumed_run_goes_straight_on(command, tmp_path, steps_by_lightning):
    assert command("fit", *FIT).code == 0
    resume = ["--ckpt_path=lightning_logs/quickstart/version_0", "--trainer.max_epochs=3"]
    assert command("fit", *FIT, *resume).code == 0
    assert steps_by_lightning == []
