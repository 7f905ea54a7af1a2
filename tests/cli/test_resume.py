"""What a resumed run keeps, and what it refuses."""

import json
import shlex
import shutil

import pytest
import torch
import yaml
from PIL import Image
from tiny import TINY

from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs.folder import hold

MORE = "--trainer.max_epochs=3"


def contents(run):
    return {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file() and "events" not in path.name}


def test_a_run_goes_on_in_its_own_folder_whatever_the_config_is_called(command, tmp_path):
    assert command("fit", *TINY, "--trainer.logger.name=first").code == 0
    assert command("fit", *TINY, "--trainer.logger.name=second").code == 0
    first, second = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("first", "second"))
    before = contents(second)
    assert command("fit", *TINY, MORE, "--trainer.logger.name=second", "--ckpt_path", str(first)).code == 0
    assert contents(second) == before
    assert len((first / "curves.csv").read_text().splitlines()) == 1 + 3


def test_a_moved_run_goes_on_where_it_is(command, finished_run, tmp_path):
    run = tmp_path / "else where/my run"
    shutil.copytree(finished_run, run)
    assert command("fit", "--config", str(run / "config.yaml"), MORE, "--ckpt_path", str(run)).code == 0
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 2
    assert not (tmp_path / "lightning_logs").exists()


def test_a_longer_run_says_so_in_its_config_and_is_no_longer_tested(command, finished_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    before = yaml.safe_load((run / "config.yaml").read_text())
    assert command("fit", "--config", "run/config.yaml", MORE, "--ckpt_path", "run").code == 0
    after = yaml.safe_load((run / "config.yaml").read_text())
    assert after["trainer"].pop("max_epochs") == 3
    before["trainer"].pop("max_epochs")
    assert after == before
    assert not (run / "scores.json").exists()


def test_a_tested_run_stays_as_it_is_until_an_epoch_more_is_kept(command, finished_run, tmp_path, monkeypatch):
    shutil.copytree(finished_run, tmp_path / "run")
    before = contents(tmp_path / "run")

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassifier, "training_step", stopped)
        outcome = command("fit", "--config", "run/config.yaml", MORE, "--ckpt_path", "run")
    assert outcome.code == 130
    assert contents(tmp_path / "run") == before
    (said,) = [line for line in outcome.out.splitlines() if "go on with" in line]
    assert command(*shlex.split(said.partition("cifar-lightning ")[2])).code == 0
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["epoch"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--seed_everything=9"], "seed_everything 0"),
        (["--data.val_fraction=0.3"], "data.val_fraction 0.1"),
        (["--data.split_seed=4"], "data.split_seed 0"),
        (["--data.batch_size=64"], "data.batch_size 128"),
        (["--trainer.gradient_clip_val=0.1"], "trainer.gradient_clip_val None"),
        (["--trainer.precision=bf16-mixed"], "trainer.precision None"),
        (["--trainer.limit_train_batches=1"], "trainer.limit_train_batches None"),
        (["--trainer.callbacks=WeightAveraging"], "trainer.callbacks.class_path None"),
        (["--trainer.enable_checkpointing=false"], "trainer.enable_checkpointing None"),
        (["--data.source.seed=7"], "data.source.init_args.seed 0"),
        (["--config=lab_protocol"], "data.val_fraction 0.1"),
        (["--model.optimizer=torch.optim.Adam"], "model.optimizer"),
        (["--num_threads=7"], "num_threads"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_resumed_run_does_not_turn_into_another_experiment(command, finished_run, tmp_path, change, said):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    before = contents(run)
    outcome = command("fit", "--config", "run/config.yaml", MORE, *change, "--ckpt_path", "run")
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert contents(run) == before


@pytest.mark.parametrize("change", ["--data.val_fraction=0.4", "--seed_everything=9", "--data.split_seed=3"])
def test_a_test_on_other_pictures_or_under_another_seed_is_refused(command, finished_run, tmp_path, change):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    before = contents(run)
    assert command("test", "--ckpt_path", "run", change).code == 2
    assert contents(run) == before


@pytest.mark.parametrize("name", ["test", "validate", "fit", "predict"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.split_seed", 5),
        ("data.batch_size", 16),
        ("model.optimizer.init_args.lr", 0.5),
        ("seed_everything", 1),
        ("num_threads", 7),
        ("trainer.gradient_clip_val", 0.1),
        ("trainer.logger.init_args.name", "other"),
    ],
)
def test_an_edited_config_is_told_from_the_one_that_the_checkpoint_was_made_with(
    command, finished_run, tmp_path, name, key, value
):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    Image.new("RGB", (32, 32)).save(tmp_path / "picture.png")
    config = yaml.safe_load((run / "config.yaml").read_text())
    *groups, last = key.split(".")
    group = config
    for part in groups:
        group = group[part]
    group[last] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    before = contents(run)
    extra = {"fit": ["--config", "run/config.yaml", MORE], "predict": ["--images", "picture.png"]}.get(name, [])
    outcome = command(name, *extra, "--ckpt_path", "run")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert f"got {value!r}" in outcome.err
    assert contents(run) == before


def test_a_config_of_another_run_is_told_from_the_runs_own(command, tmp_path):
    others = ["--seed_everything=1", "--data.split_seed=5", "--data.val_fraction=0.4", "--trainer.logger.name=other"]
    assert command("fit", *TINY, "--trainer.logger.name=one").code == 0
    assert command("fit", *TINY, *others).code == 0
    one, other = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("one", "other"))
    shutil.copy(other / "config.yaml", one)
    before = contents(one)
    for arguments in (["test"], ["fit", "--config", str(one / "config.yaml"), MORE]):
        outcome = command(*arguments, "--ckpt_path", str(one))
        assert outcome.code == 2
        assert "expected data.split_seed 0" in outcome.err
        assert contents(one) == before


def test_last_is_the_newest_run_that_has_epochs_left(command, tmp_path):
    assert command("fit", *TINY, "--trainer.max_epochs=1").code == 0
    assert command("fit", *TINY).code == 0
    stopped, finished = (tmp_path / f"lightning_logs/quickstart/version_{number}" for number in (0, 1))
    before = contents(finished)
    outcome = command("fit", *TINY, "--ckpt_path=last")
    assert (outcome.code, outcome.err) == (0, "")
    assert "version_0" in outcome.out
    assert contents(finished) == before
    assert (stopped / "curves.csv").read_text().count("\n") == 1 + 2
    # And past its end the newest goes on.
    assert command("fit", *TINY, MORE, "--ckpt_path=last").code == 0
    assert (finished / "curves.csv").read_text().count("\n") == 1 + 3
    assert (stopped / "curves.csv").read_text().count("\n") == 1 + 2


def test_an_epoch_that_is_cut_short_is_run_again(command, tmp_path):
    # Some six steps an epoch.
    fit = ["fit", *TINY, MORE, "--data.batch_size=20", "--num_threads=1"]
    stopped = command(*fit, "--trainer.max_steps=9", "--trainer.logger.name=parts")
    assert (stopped.code, stopped.err) == (0, "")
    assert "nan" not in stopped.out
    parts, whole = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("parts", "whole"))
    assert (parts / "curves.csv").read_text().count("\n") == 1 + 1
    resumed = command(*fit, "--trainer.logger.name=parts", "--ckpt_path=last")
    assert (resumed.code, resumed.err) == (0, "")
    assert command(*fit, "--trainer.logger.name=whole").code == 0
    checkpoints = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (parts, whole)]
    assert checkpoints[0]["global_step"] == checkpoints[1]["global_step"]
    weights, others = (checkpoint["state_dict"] for checkpoint in checkpoints)
    assert all(torch.equal(weights[key], others[key]) for key in others)


def test_a_run_does_not_go_on_by_steps_and_what_to_do_is_said(command, tmp_path):
    fit = ["fit", *TINY, "--data.batch_size=20"]
    assert command(*fit, "--trainer.max_steps=9").code == 0
    outcome = command(*fit, "--trainer.max_steps=20", "--ckpt_path=last")
    assert outcome.code == 2
    assert "add --trainer.max_steps -1" in outcome.err
    assert command(*fit, "--trainer.max_steps=-1", "--ckpt_path=last").code == 0


ODD_NETS = """
import random

import numpy as np
from torch import nn


class Draws(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 8))

    def forward(self, images):
        factor = random.random() + random.gauss(1, 0.1) + np.random.rand() if self.training else 2
        return super().forward(images) * factor


class KeepsMore(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(8), nn.Flatten())

    def get_extra_state(self):
        return {"seen": 3}

    def set_extra_state(self, state):
        assert state == {"seen": 3}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        ["--model.scheduler=torch.optim.lr_scheduler.MultiStepLR", "--model.scheduler.milestones=[1]"],
        ["--trainer.precision=64-true"],
        ["--trainer.precision=bf16-true"],
        ["--trainer.precision=bf16-mixed"],
        ["--model.backbone=odd_nets.KeepsMore"],
        ["--model.backbone=odd_nets.Draws"],
    ],
    ids=" ".join,
)
def test_what_can_be_fitted_can_be_tested_and_goes_on_to_the_last_bit(command, tmp_path, undrawn, change):
    (tmp_path / "odd_nets.py").write_text(ODD_NETS)
    fit = ["fit", *TINY, *change]
    run, whole = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("parts", "whole"))
    assert command(*fit, "--trainer.logger.name=parts").code == 0
    for reading in ("test", "validate"):
        outcome = command(reading, "--ckpt_path", str(run))
        assert (outcome.code, outcome.err) == (0, "")
    scores = json.loads((run / "scores.json").read_text())
    assert scores["robustness"]["noise"]["0"] == scores["splits"]["test"]["accuracy"]
    assert command(*fit, MORE, "--trainer.logger.name=parts", "--ckpt_path=last").code == 0
    assert command(*fit, MORE, "--trainer.logger.name=whole").code == 0
    weights, others = (
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for folder in (run, whole)
    )
    tensors = [key for key, value in others.items() if isinstance(value, torch.Tensor)]
    assert all(torch.equal(weights[key], others[key]) for key in tensors)


def test_a_run_without_a_whole_epoch_is_not_kept_and_that_is_said(command, tmp_path):
    outcome = command("fit", *TINY, "--trainer.max_steps=1", "--data.batch_size=20")
    assert (outcome.code, outcome.err) == (0, "")
    assert "no run folder was kept" in outcome.out
    assert not (tmp_path / "lightning_logs").exists()


def test_scores_are_not_taken_of_a_run_that_goes_on(command, finished_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    before = contents(run)
    with hold(run):
        outcome = command("test", "--ckpt_path", "run")
    assert outcome.code == 2
    assert "another process goes on with" in outcome.err
    assert contents(run) == before


def test_a_version_that_has_a_run_is_never_written_into(command, tmp_path):
    assert command("fit", *TINY, "--trainer.logger.version=0").code == 0
    before = contents(tmp_path / "lightning_logs")
    assert command("fit", *TINY, "--trainer.logger.version=0").code == 2
    assert contents(tmp_path / "lightning_logs") == before
    # And the saved config does not pin it.
    assert command("fit", "--config", "lightning_logs/quickstart/version_0/config.yaml").code == 0
    assert (tmp_path / "lightning_logs/quickstart/version_1").is_dir()


def test_a_run_in_half_precision_is_tested(command, tmp_path):
    assert command("fit", *TINY, "--trainer.precision=bf16-mixed").code == 0
    assert command("test", "--ckpt_path", "lightning_logs/quickstart/version_0").code == 0


def test_a_share_of_the_test_pictures_does_not_pass_for_all(command, finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "run")
    before = (tmp_path / "run/scores.json").read_text()
    assert command("test", "--ckpt_path", "run", "--trainer.limit_test_batches=0").code == 0
    assert (tmp_path / "run/scores.json").read_text() == before


SCHEDULERS = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "CosineAnnealingLR": {"T_max": 6},
    "OneCycleLR": {"max_lr": 0.1, "total_steps": 7},
    "ExponentialLR": {"gamma": 0.7},
    "LinearLR": {"total_iters": 5},
    # With such a threshold no epoch is better than the first.
    "ReduceLROnPlateau": {"monitor": "val_loss", "patience": 0, "threshold": 0.99, "factor": 0.5},
    "ReduceLROnPlateau of the training loss": {
        "monitor": "train_loss",
        "patience": 1,
        "threshold": 0.99,
        "factor": 0.5,
    },
}


@pytest.mark.parametrize(("name", "stopped_after"), [*zip(SCHEDULERS, [3, 1, 4, 2, 2, 1, 3], strict=True)])
def test_the_learning_rate_goes_on_as_if_the_run_was_never_stopped(command, tmp_path, name, stopped_after):
    class_name = name.partition(" ")[0]
    module = "lightning.pytorch.cli" if class_name == "ReduceLROnPlateau" else "torch.optim.lr_scheduler"
    scheduler = {"class_path": f"{module}.{class_name}", "init_args": SCHEDULERS[name]}
    (tmp_path / "scheduler.yaml").write_text(yaml.safe_dump({"model": {"scheduler": scheduler}}))
    fit = ["fit", *TINY, "--config", "scheduler.yaml", "--num_threads=1"]
    assert command(*fit, "--trainer.max_epochs=6", "--trainer.logger.name=whole").code == 0
    assert command(*fit, f"--trainer.max_epochs={stopped_after}", "--trainer.logger.name=parts").code == 0
    resumed = command(*fit, "--trainer.max_epochs=6", "--trainer.logger.name=parts", "--ckpt_path=last")
    assert (resumed.code, resumed.err) == (0, "")
    whole, parts = (
        torch.load(tmp_path / f"lightning_logs/{run}/version_0/checkpoints/last.ckpt", weights_only=True)
        for run in ("whole", "parts")
    )
    assert all(torch.equal(whole["state_dict"][key], parts["state_dict"][key]) for key in whole["state_dict"])
    assert whole["lr_schedulers"] == parts["lr_schedulers"]
    rates = [state["optimizer_states"][0]["param_groups"][0]["lr"] for state in (whole, parts)]
    assert rates[0] == rates[1]
    assert rates[0] != 0.02


def test_a_plateau_of_a_metric_that_there_is_not_is_refused_with_those_that_there_are(command):
    change = ["--model.scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.scheduler.monitor=val_los"]
    outcome = command("fit", *TINY, *change)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert "train_loss" in outcome.err
    assert "got 'val_los'" in outcome.err


def diverge(run, value):
    """A checkpoint whose weights are `value`."""
    path = run / "checkpoints/last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    for weights in checkpoint["state_dict"].values():
        weights.fill_(value)
    torch.save(checkpoint, path)


EARLY_STOPPING = [
    "--trainer.callbacks=EarlyStopping",
    "--trainer.callbacks.monitor=val_loss",
    "--trainer.callbacks.min_delta=0.2",
    "--trainer.callbacks.patience=2",
    "--trainer.max_epochs=60",
]


def test_a_run_that_was_stopped_early_is_finished(command, tmp_path):
    fit = ["fit", *TINY, *EARLY_STOPPING]
    whole, parts = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("whole", "parts"))
    assert command(*fit, "--trainer.logger.name=whole").code == 0
    before = contents(whole)
    num_epochs = len(before["curves.csv"].splitlines()) - 1
    assert 3 <= num_epochs < 60
    outcome = command(*fit, "--trainer.logger.name=whole", "--ckpt_path=last")
    assert outcome.code == 0
    assert f"after {num_epochs} epochs, where a callback stopped it early; raise trainer.min_epochs" in outcome.out
    assert contents(whole) == before
    # One that was stopped otherwise, just before, goes on to the same end.
    assert command(*fit, "--trainer.logger.name=parts", f"--trainer.max_epochs={num_epochs - 1}").code == 0
    assert command(*fit, "--trainer.logger.name=parts", "--ckpt_path=last").code == 0
    weights, others = (
        torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for run in (parts, whole)
    )
    assert all(torch.equal(weights[key], others[key]) for key in others)
    # It is not what `last` means, where an older one has epochs left.
    assert command(*fit[:-1], "--trainer.max_epochs=1", "--trainer.logger.name=two").code == 0
    assert command(*fit, "--trainer.logger.name=two").code == 0
    assert command(*fit, "--trainer.logger.name=two", "--ckpt_path=last").code == 0
    older, newer = (tmp_path / f"lightning_logs/two/version_{number}/curves.csv" for number in (0, 1))
    assert [len(path.read_text().splitlines()) - 1 for path in (older, newer)] == [num_epochs, num_epochs]
    # Told to train longer at least, it does.
    outcome = command(*fit, "--trainer.logger.name=whole", "--ckpt_path=last", f"--trainer.min_epochs={num_epochs + 1}")
    assert len(contents(whole)["curves.csv"].splitlines()) - 1 > num_epochs, outcome


def test_a_run_that_was_stopped_in_its_first_epoch_is_finished(command, tmp_path):
    stop = [*EARLY_STOPPING[:2], "--trainer.callbacks.stopping_threshold=100.0", "--trainer.max_epochs=3"]
    assert command("fit", *TINY, *stop).code == 0
    outcome = command("fit", *TINY, *stop, "--ckpt_path=last")
    assert "nothing was left to train after 1 epochs, where a callback stopped it early" in outcome.out


def test_a_run_of_which_the_time_was_up_may_be_given_more(command, tmp_path):
    fit = ["fit", *TINY[:2], *TINY[3:], "--trainer.max_epochs=-1"]
    used_up = "the run has used up its time; raise trainer.max_time to go on\n"
    assert used_up in command(*fit, "--trainer.max_time=00:00:00:01").out
    curves = tmp_path / "lightning_logs/quickstart/version_0/curves.csv"
    before = len(curves.read_text().splitlines())
    assert used_up in command(*fit, "--trainer.max_time=00:00:00:01", "--ckpt_path=last").out
    assert len(curves.read_text().splitlines()) == before
    assert command(*fit, "--trainer.max_time=00:00:00:02", "--ckpt_path=last").code == 0
    assert len(curves.read_text().splitlines()) > before


def test_last_of_a_named_version_is_that_version(command, tmp_path):
    fit = ["fit", *TINY, "--trainer.logger.version=lab_0"]
    assert command(*fit).code == 0
    assert command("fit", *TINY).code == 0
    assert command(*fit, MORE, "--ckpt_path=last").code == 0
    runs = [tmp_path / "lightning_logs/quickstart" / version / "curves.csv" for version in ("lab_0", "version_0")]
    assert [len(path.read_text().splitlines()) - 1 for path in runs] == [3, 2]
    outcome = command("fit", *TINY, "--trainer.logger.version=lab_1", "--ckpt_path=last")
    assert "expected a run to go on from in lightning_logs/quickstart/lab_1, but there is none" in outcome.err


def test_a_net_whose_state_no_checkpoint_can_hold_is_refused_before_it_has_trained_for_long(command, tmp_path):
    (tmp_path / "odd_state.py").write_text(
        "from torch import nn\n\nclass OddState(nn.Flatten):\n    def get_extra_state(self):\n"
        "        return {'kind': OddState}\n\n    def set_extra_state(self, state):\n        pass\n"
    )
    outcome = command("fit", *TINY, "--model.backbone=odd_state.OddState")
    assert outcome.code == 2
    assert "fix its get_extra_state" in outcome.err
    assert not (tmp_path / "lightning_logs").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38], ids=str)
@pytest.mark.parametrize("name", ["test", "predict"])
def test_a_net_that_has_diverged_gives_no_scores_and_takes_none_away(command, finished_run, tmp_path, name, value):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    diverge(run, value)
    Image.new("RGB", (32, 32), (9, 200, 40)).save(tmp_path / "a.png")
    before = contents(run)
    outcome = command(name, "--ckpt_path", "run", *(["--images=a.png"] if name == "predict" else []))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "fit anew with a lower learning rate" in outcome.err
    assert contents(run) == before
    assert not (tmp_path / "predictions.csv").exists()


def test_weights_that_diverge_in_the_last_step_are_not_kept(command, tmp_path):
    arguments = ["--trainer.max_epochs=1", "--data.val_fraction=0", "--data.batch_size=1000"]
    # The one loss of the epoch is from before the step.
    outcome = command("fit", *TINY, *arguments, "--model.optimizer.lr=1e20", "--model.optimizer.weight_decay=1e30")
    assert outcome.code == 2
    assert "weights became infinite, or no numbers, in epoch 1, no epoch was finished" in outcome.err
    assert not (tmp_path / "lightning_logs/quickstart/version_0/checkpoints").exists()


def test_curves_that_cannot_be_drawn_cost_no_scores(command, finished_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    with (run / "curves.csv").open("a") as file:
        file.write("9" * 200_000)
    before = contents(run)
    outcome = command("test", "--ckpt_path", "run")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert contents(run) == before


MINE = ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.dirpath=mine"]


@pytest.mark.parametrize("setting", ["save_on_train_epoch_end=false", "every_n_train_steps=1"])
def test_a_checkpoint_from_within_an_epoch_is_validated_but_not_gone_on_from(command, tmp_path, setting):
    assert command("fit", *TINY, *MINE, f"--trainer.callbacks.{setting}", "--trainer.max_epochs=1").code == 0
    [saved] = (tmp_path / "mine").iterdir()
    outcome = command("fit", *TINY, f"--ckpt_path={saved}")
    assert outcome.code == 2
    assert "was saved within epoch 1" in outcome.err
    assert "last.ckpt" in outcome.err
    assert command("validate", *TINY, f"--ckpt_path={saved}").code == 0


def test_another_callbacks_checkpoint_of_a_finished_epoch_has_its_line_of_the_curves(command, tmp_path):
    monitor = "--trainer.callbacks.monitor=val_loss"
    assert command("fit", *TINY, *MINE, monitor, "--trainer.max_epochs=1").code == 0
    [saved] = (tmp_path / "mine").iterdir()
    assert command("fit", *TINY, f"--ckpt_path={saved}", "--trainer.logger.name=gone_on").code == 0
    whole, gone_on = (tmp_path / f"lightning_logs/{name}/version_0/curves.csv" for name in ("quickstart", "gone_on"))
    assert len(gone_on.read_text().splitlines()) == 1 + 2
    assert [line.rpartition(",")[0] for line in gone_on.read_text().splitlines()[:2]] == [
        line.rpartition(",")[0] for line in whole.read_text().splitlines()
    ]
