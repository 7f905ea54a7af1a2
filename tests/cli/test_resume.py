"""What a resumed run keeps, and what it refuses."""

import shutil

import insides
import pytest
import yaml
from checks import (
    assert_one_sentence,
    assert_same_run,
    assert_same_weights,
    contents,
    next_command,
    read_checkpoint,
    read_curves,
)
from tiny import SMALL, TINY

from cifar_lightning.data import DrawnShapes

FIT = ["fit", *TINY]
MORE = "--trainer.max_epochs=3"
RUN = "lightning_logs/quickstart/version_0"


def num_epochs(folder, name="quickstart/version_0"):
    return len(read_curves(folder / "lightning_logs" / name))


@pytest.mark.parametrize(
    "change",
    [
        ["--model.optimizer=torch.optim.Adam"],
        ["--trainer.precision=64-true"],
        ["--trainer.precision=bf16-mixed"],
        ["--model.backbone=own_state_net.KeepsMore"],
        [f"--model.augmentation{one}" for one in ("=torchvision.transforms.v2.RandomCrop", ".size=32", ".padding=4")],
    ],
    ids=" ".join,
)
def test_a_run_resumed_past_its_end_equals_one_that_was_never_stopped(command, tmp_path, undrawn, change):
    (tmp_path / "own_state_net.py").write_text(
        "from torch import nn\n\nclass KeepsMore(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten())\n\n    def get_extra_state(self):\n"
        "        return {'seen': 3}\n\n    def set_extra_state(self, state):\n        assert state == {'seen': 3}\n"
    )
    assert command(*FIT, *change, MORE, "--trainer.logger.name=whole").code == 0
    assert command(*FIT, *change, "--trainer.logger.name=parts").code == 0
    parts, whole = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("parts", "whole"))
    for reading in ("test", "validate"):
        outcome = command(reading, "--ckpt_path", parts)
        assert (outcome.code, outcome.err) == (0, "")
    assert command(*FIT, *change, MORE, "--trainer.logger.name=parts", "--ckpt_path=last").code == 0
    assert [path.name for path in parts.parent.iterdir()] == ["version_0"]
    if "KeepsMore" in change[0]:
        assert read_curves(parts) == read_curves(whole)
    else:
        assert_same_run(parts, whole)


def test_a_resumed_fit_whose_data_cannot_be_fetched_says_so_alone(command, run, monkeypatch, undrawn):
    def fail(source):
        raise OSError("no host has the images")

    monkeypatch.setattr(DrawnShapes, "prepare", fail)
    outcome = command(*FIT, MORE, "--ckpt_path", run)
    assert_one_sentence(outcome, 1, "no host has the images")
    assert outcome.out == ""


def test_a_run_resumes_in_its_own_folder_whatever_the_config_is_called(command, tmp_path):
    assert command(*FIT, "--trainer.logger.name=first").code == 0
    assert command(*FIT, "--trainer.logger.name=second").code == 0
    first, second = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("first", "second"))
    before = contents(second)
    assert command(*FIT, MORE, "--trainer.logger.name=second", "--ckpt_path", first).code == 0
    assert contents(second) == before
    assert num_epochs(tmp_path, "first/version_0") == 3


def test_a_moved_run_resumes_where_it_is_says_so_in_its_config_and_is_no_longer_tested(command, run, tmp_path):
    moved = tmp_path / "else where/my run"
    moved.parent.mkdir()
    run.rename(moved)
    before = yaml.safe_load((moved / "config.yaml").read_text())
    assert command("fit", "--config", moved / "config.yaml", MORE, "--ckpt_path", moved).code == 0
    after = yaml.safe_load((moved / "config.yaml").read_text())
    assert after["trainer"].pop("max_epochs") == 3
    before["trainer"].pop("max_epochs")
    assert after == before
    assert read_checkpoint(moved)["epoch"] == 2
    assert not (moved / "scores.json").exists()
    assert not (tmp_path / "lightning_logs").exists()


def test_a_tested_run_stays_as_it_is_until_one_more_epoch_is_kept(command, run, monkeypatch):
    before = contents(run)
    with monkeypatch.context() as patch:
        insides.fail_in_epoch(patch, 2, KeyboardInterrupt())
        outcome = command("fit", "--config", "run/config.yaml", MORE, "--ckpt_path", "run")
    assert outcome.code == 130
    assert contents(run) == before
    assert command(*next_command(outcome)).code == 0
    assert read_checkpoint(run)["epoch"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("--seed_everything=9", "seed_everything 0"),
        ("--data.batch_size=64", "data.batch_size 128"),
        ("--trainer.precision=bf16-mixed", "trainer.precision None"),
        ("--trainer.enable_checkpointing=false", "trainer.enable_checkpointing None"),
        ("--data.source.seed=7", "data.source.init_args.seed 0"),
        ("--config=lab_protocol", "data.val_fraction 0.1"),
        ("--model.optimizer=torch.optim.Adam", "model.optimizer"),
        ("--model.label_smoothing=0.1", "model.label_smoothing 0.0"),
        ("--num_threads=7", "num_threads"),
    ],
)
def test_a_resumed_run_does_not_turn_into_another_experiment(command, run, change, said):
    before = contents(run)
    outcome = command("fit", "--config", "run/config.yaml", MORE, change, "--ckpt_path", "run")
    assert_one_sentence(outcome, 2, said)
    assert contents(run) == before


@pytest.mark.parametrize("change", ["--data.val_fraction=0.4", "--seed_everything=9"])
def test_a_test_on_other_images_or_under_another_seed_is_refused(command, run, change):
    before = contents(run)
    assert_one_sentence(command("test", "--ckpt_path", "run", change), 2, "run/config.yaml")
    assert contents(run) == before


@pytest.mark.parametrize("name", ["test", "fit"])
@pytest.mark.parametrize(("group", "key", "value"), [("data", "split_seed", 5), ("trainer", "gradient_clip_val", 0.1)])
def test_an_edited_config_is_told_from_the_one_that_the_checkpoint_was_made_with(command, run, name, group, key, value):
    config = yaml.safe_load((run / "config.yaml").read_text())
    config[group][key] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    before = contents(run)
    more = ["--config", "run/config.yaml", MORE] if name == "fit" else []
    assert_one_sentence(command(name, *more, "--ckpt_path", "run"), 2, f"{group}.{key}", repr(value))
    assert contents(run) == before


def test_last_is_the_newest_run(command, tmp_path):
    assert command(*FIT, "--trainer.max_epochs=1").code == 0
    assert command(*FIT).code == 0
    assert command(*FIT, MORE, "--ckpt_path=last").code == 0
    assert [num_epochs(tmp_path, f"quickstart/version_{number}") for number in (0, 1)] == [1, 3]


def test_last_of_a_named_version_is_that_version(command, tmp_path):
    assert command(*FIT, "--trainer.logger.version=lab_0").code == 0
    assert command(*FIT).code == 0
    assert command(*FIT, "--trainer.logger.version=lab_0", MORE, "--ckpt_path=last").code == 0
    assert [num_epochs(tmp_path, f"quickstart/{version}") for version in ("lab_0", "version_0")] == [3, 2]
    outcome = command(*FIT, "--trainer.logger.version=lab_1", "--ckpt_path=last")
    assert_one_sentence(outcome, 2, "lightning_logs/quickstart/lab_1")


def test_a_newest_run_that_was_stopped_before_its_first_epoch_is_not_resumed(command, fitted_run, tmp_path):
    shutil.copytree(fitted_run, tmp_path / RUN)
    (tmp_path / "lightning_logs/quickstart/version_1").mkdir()
    before = contents(tmp_path)
    assert_one_sentence(command(*FIT, MORE, "--ckpt_path=last"), 2, "quickstart/version_1")
    assert contents(tmp_path) == before


def test_a_run_with_nothing_left_to_train_stays_as_it_is_and_that_is_said(command, run):
    before = contents(run)
    outcome = command(*FIT, "--ckpt_path=run")
    assert (outcome.code, outcome.err) == (0, "")
    assert "after 2 epochs; raise trainer.max_epochs" in outcome.out
    assert contents(run) == before


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_run_is_not_shortened(command, run, epochs):
    before = contents(run)
    outcome = command(*FIT, f"--trainer.max_epochs={epochs}", "--ckpt_path=run")
    assert_one_sentence(outcome, 2, "trainer.max_epochs of at least 2")
    assert contents(run) == before


def test_a_run_that_is_in_use_is_neither_resumed_nor_tested(command, run):
    before = contents(run)
    with insides.held(run):
        for arguments in ([*FIT, MORE], ["test"]):
            assert_one_sentence(command(*arguments, "--ckpt_path=run"), 2, "another process", "run")
    assert contents(run) == before


def test_an_epoch_that_is_cut_short_is_run_again(command, tmp_path, longer_run):
    # Some six steps an epoch.
    fit = [*FIT, MORE, "--data.batch_size=20"]
    stopped = command(*fit, "--trainer.max_steps=9", "--trainer.logger.name=parts")
    assert (stopped.code, stopped.err) == (0, "")
    assert "nan" not in stopped.out
    assert num_epochs(tmp_path, "parts/version_0") == 1
    resume = [*fit, "--trainer.logger.name=parts", "--ckpt_path=last"]
    # Steps do not say where in the run it is.
    assert_one_sentence(command(*resume, "--trainer.max_steps=20"), 2, "--trainer.max_steps -1")
    outcome = command(*resume)
    assert (outcome.code, outcome.err) == (0, "")
    assert command(*fit, "--trainer.logger.name=whole").code == 0
    parts, whole = (tmp_path / f"lightning_logs/{name}/version_0" for name in ("parts", "whole"))
    assert_same_run(parts, whole)
    assert read_checkpoint(parts)["global_step"] == read_checkpoint(whole)["global_step"]


def test_a_version_that_has_a_run_is_never_written_into(command, tmp_path):
    assert command(*FIT, "--trainer.logger.version=0").code == 0
    before = contents(tmp_path / "lightning_logs")
    assert command(*FIT, "--trainer.logger.version=0").code == 2
    assert contents(tmp_path / "lightning_logs") == before
    # And the saved config does not pin it.
    assert command("fit", "--config", f"{RUN}/config.yaml").code == 0
    assert (tmp_path / "lightning_logs/quickstart/version_1").is_dir()


# With such a threshold no epoch is better than the first.
PLATEAU = {"monitor": "val_loss", "patience": 0, "threshold": 0.99, "factor": 0.5}


@pytest.mark.parametrize(
    ("name", "arguments", "stopped_after"),
    [
        ("torch.optim.lr_scheduler.StepLR", {"step_size": 2, "gamma": 0.5}, 3),
        ("torch.optim.lr_scheduler.OneCycleLR", {"max_lr": 0.1, "total_steps": 5}, 2),
        ("lightning.pytorch.cli.ReduceLROnPlateau", PLATEAU, 1),
        ("lightning.pytorch.cli.ReduceLROnPlateau", PLATEAU | {"monitor": "train_loss", "patience": 1}, 3),
    ],
)
def test_the_learning_rate_resumes_as_if_the_run_was_never_stopped(command, tmp_path, name, arguments, stopped_after):
    scheduler = {"class_path": name, "init_args": arguments}
    (tmp_path / "scheduler.yaml").write_text(yaml.safe_dump({"model": {"scheduler": scheduler}}))
    fit = [*FIT, "--config", "scheduler.yaml"]
    assert command(*fit, "--trainer.max_epochs=4", "--trainer.logger.name=whole").code == 0
    assert command(*fit, f"--trainer.max_epochs={stopped_after}").code == 0
    resumed = command(*fit, "--trainer.max_epochs=4", "--ckpt_path=last")
    assert (resumed.code, resumed.err) == (0, "")
    parts, whole = tmp_path / RUN, tmp_path / "lightning_logs/whole/version_0"
    assert_same_run(parts, whole)
    ours, theirs = read_checkpoint(parts), read_checkpoint(whole)
    assert ours["lr_schedulers"] == theirs["lr_schedulers"]
    rates = [state["optimizer_states"][0]["param_groups"][0]["lr"] for state in (ours, theirs)]
    assert rates[0] == rates[1] != 0.02


def test_a_run_that_was_stopped_early_is_finished(command, tmp_path):
    stop = ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val_loss"]
    fit = [*FIT, *stop, "--trainer.callbacks.min_delta=9", "--trainer.callbacks.patience=2", "--trainer.max_epochs=60"]
    assert command(*fit, "--trainer.logger.name=whole").code == 0
    whole = tmp_path / "lightning_logs/whole/version_0"
    before = contents(whole)
    assert len(read_curves(whole)) == 3
    outcome = command(*fit, "--trainer.logger.name=whole", "--ckpt_path=last")
    assert (outcome.code, "after 3 epochs" in outcome.out, "trainer.min_epochs" in outcome.out) == (0, True, True)
    assert contents(whole) == before
    # One that was stopped otherwise, just before, comes to the same end.
    assert command(*fit, "--trainer.max_epochs=2").code == 0
    assert command(*fit, "--ckpt_path=last").code == 0
    assert_same_run(tmp_path / RUN, whole)
    changed = command(*fit, "--ckpt_path=last", "--trainer.callbacks.patience=5")
    assert_one_sentence(changed, 2, f"trainer.callbacks.0.init_args.patience 2, as the run in {RUN} has it, got 5")
    # Told to train longer at least, it does.
    assert command(*fit, "--ckpt_path=last", "--trainer.min_epochs=5").code == 0
    assert num_epochs(tmp_path) == 5


def test_a_run_of_which_the_time_was_up_may_be_given_more(command, tmp_path):
    fit = ["fit", *SMALL, "--trainer.max_epochs=-1"]
    assert "raise trainer.max_time" in command(*fit, "--trainer.max_time=00:00:00:01").out
    before = num_epochs(tmp_path)
    assert command(*fit, "--trainer.max_time=00:00:00:02", "--ckpt_path=last").code == 0
    assert num_epochs(tmp_path) > before


MINE = ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.dirpath=mine", "--trainer.max_epochs=1"]


def test_a_checkpoint_from_within_an_epoch_is_validated_but_not_resumed(command, tmp_path):
    assert command(*FIT, *MINE, "--trainer.callbacks.every_n_train_steps=1").code == 0
    [saved] = (tmp_path / "mine").iterdir()
    assert_one_sentence(command(*FIT, f"--ckpt_path={saved}"), 2, "within epoch 1", "last.ckpt")
    assert command("validate", *TINY, f"--ckpt_path={saved}").code == 0


def test_another_callbacks_checkpoint_of_a_finished_epoch_has_its_line_of_the_curves(command, tmp_path, fitted_run):
    assert command(*FIT, *MINE, "--trainer.callbacks.monitor=val_loss").code == 0
    [saved] = (tmp_path / "mine").iterdir()
    assert command(*FIT, f"--ckpt_path={saved}", "--trainer.logger.name=resumed").code == 0
    resumed = tmp_path / "lightning_logs/resumed/version_0"
    assert read_curves(resumed) == read_curves(fitted_run)
    assert_same_weights(resumed, fitted_run)
