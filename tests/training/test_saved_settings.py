"""Which settings may differ from those that a run was made with."""

from pathlib import Path

import pytest

from cifar_lightning.training.saved_settings import refuse_changes, refuse_other_experiment

SAVED = {
    "seed_everything": 0,
    "num_threads": 1,
    "data": {"batch_size": 128, "source": {"init_args": {"root": None, "seed": 3}}},
    "model": {"optimizer": {"init_args": {"lr": 0.1}}},
    "trainer": {"max_epochs": 5, "precision": None, "logger": {"init_args": {"name": "net"}}},
}


def changed(key, value):
    *groups, name = key.split(".")
    settings = {group: dict(values) if isinstance(values, dict) else values for group, values in SAVED.items()}
    place = settings
    for group in groups:
        place[group] = dict(place[group])
        place = place[group]
    place[name] = value
    return settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainer.max_epochs", 9),
        ("trainer.logger.init_args.name", "other"),
        ("trainer.accelerator", "gpu"),
        ("data.source.init_args.root", "elsewhere"),
    ],
)
def test_a_run_may_be_longer_and_elsewhere(key, value):
    refuse_other_experiment(Path("run"), SAVED, changed(key, value), with_training=True)


@pytest.mark.parametrize(
    ("key", "old", "new", "is_training"),
    [
        ("data.batch_size", 128, 64, False),
        ("data.source.init_args.seed", 3, 4, False),
        ("seed_everything", 0, 1, False),
        ("model.optimizer.init_args.lr", 0.1, 0.2, True),
        ("num_threads", 1, 2, True),
        ("trainer.precision", None, "bf16-mixed", True),
    ],
)
def test_a_change_that_makes_another_experiment_is_named(key, old, new, is_training):
    with pytest.raises(ValueError, match=f"expected {key} {old!r}, as the run in run has it, got {new!r};"):
        refuse_other_experiment(Path("run"), SAVED, changed(key, new), with_training=True)
    if is_training:
        refuse_other_experiment(Path("run"), SAVED, changed(key, new), with_training=False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ([("EarlyStopping", 1)], [("EarlyStopping", 5)], "0.init_args.patience 1, as the run in run has it, got 5;"),
        ([("EarlyStopping", 1)], [("Timer", 1)], "0.class_path 'EarlyStopping', as the run in run has it, got 'Timer'"),
        (
            [("EarlyStopping", 1)],
            [("EarlyStopping", 1), ("Timer", 2)],
            "1.class_path None, as the run in run has it, got 'Timer'",
        ),
        ([("Timer", 2)], None, "0.class_path 'Timer', as the run in run has it, got None"),
    ],
)
def test_of_callbacks_only_what_differs_is_named(old, new, said):
    saved, settings = (
        changed("trainer.callbacks", those and [{"class_path": a, "init_args": {"patience": b}} for a, b in those])
        for those in (old, new)
    )
    with pytest.raises(ValueError, match=rf"^expected trainer\.callbacks\.{said}"):
        refuse_other_experiment(Path("run"), saved, settings, with_training=True)


def test_a_key_that_only_one_of_them_has_is_a_change():
    with pytest.raises(ValueError, match=r"expected a\.b None, as saved, got 1; stop"):
        refuse_changes({}, {"a": {"b": 1}}, ["a"], besides=(), owner="as saved", advice="stop")
    # A name that is only the beginning of another frees nothing.
    with pytest.raises(ValueError, match="abc"):
        refuse_changes({}, {"abc": 1}, ["abc"], besides=["ab"], owner="as saved", advice="stop")
