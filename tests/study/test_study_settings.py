"""The settings of a study, from configs and arguments."""

from pathlib import Path

import pytest

from cifar_lightning.study.plan import plan_runs
from cifar_lightning.study.study_settings import merge, read_study
from cifar_lightning.training.experiment import to_arguments

NETS = {
    "strategies": {
        "maxpool": {"model": {"backbone": {"class_path": "cifar_lightning.models.backbones.MaxPoolNet"}}},
        "slow": {
            "model": {
                "backbone": {"class_path": "cifar_lightning.models.backbones.AvgPoolNet"},
                "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.001}},
            }
        },
    },
    "model": {"optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": 0.5}}},
    "trainer": {"max_epochs": 7},
    "data": {"source": {"class_path": "cifar_lightning.data.DrawnShapes"}, "classes": ["circle", "star"]},
}


def test_later_configs_are_laid_over_and_arguments_over_all_of_them():
    study, to_runs = read_study(
        [NETS, {"seeds": [4, 2], "trainer": {"max_epochs": 9}}],
        ["--save_dir=elsewhere", "--trainer.max_epochs", "11", "--data.batch_size=64"],
    )
    assert (study.seed_list, study.save_dir, study.trainer["max_epochs"]) == ([4, 2], "elsewhere", 9)
    assert to_runs == ["--trainer.max_epochs", "11", "--data.batch_size=64"]


@pytest.mark.parametrize("save_dir", ["~/runs", "$HOME/runs"])
def test_a_tilde_and_a_variable_are_what_a_shell_makes_of_them(save_dir):
    study, _ = read_study([NETS], [f"--save_dir={save_dir}", "--name=mine"])
    assert study.folder == Path.home() / "runs/mine"


def test_a_number_of_seeds_stands_for_the_first_ones():
    assert read_study([NETS], ["--seeds=3"])[0].seed_list == [0, 1, 2]
    assert read_study([NETS], [])[0].seed_list == list(range(10))


def test_a_class_takes_the_place_of_another_with_its_arguments_and_the_same_class_keeps_its_own():
    sgd = {"class_path": "SGD", "init_args": {"lr": 0.1, "momentum": 0.9}}
    assert merge(sgd, {"class_path": "Adam", "init_args": {"lr": 0.01}}) == {
        "class_path": "Adam",
        "init_args": {"lr": 0.01},
    }
    assert merge(sgd, {"class_path": "SGD", "init_args": {"lr": 0.01}})["init_args"] == {"lr": 0.01, "momentum": 0.9}
    assert merge(sgd, {"init_args": {"lr": 1}})["init_args"] == {"lr": 1, "momentum": 0.9}


def test_every_strategy_is_planned_with_every_seed_seed_by_seed():
    runs = plan_runs(*read_study([NETS], ["--seeds=2", "--trainer.max_epochs=3", "--num_threads=1"]))
    assert [(run.strategy, run.seed) for run in runs] == [("maxpool", 0), ("slow", 0), ("maxpool", 1), ("slow", 1)]
    first, slow, *_ = runs
    assert first.folder.as_posix() == "lightning_logs/study/maxpool/seed_0"
    assert first.settings["seed_everything"] == 0
    assert first.settings["trainer"]["max_epochs"] == 3
    assert first.settings["model"]["optimizer"]["init_args"]["momentum"] == 0.5
    rates = [run.settings["model"]["optimizer"]["init_args"]["lr"] for run in (first, slow)]
    assert rates == [0.1, 0.001]
    assert slow.settings["model"]["optimizer"]["init_args"]["momentum"] == 0.5


def test_max_epochs_holds_over_the_configs_and_under_what_goes_to_every_run():
    for settings, expected in (
        ({"max_epochs": 2}, 2),
        ({"max_epochs": 2, "trainer.max_epochs": 3}, 3),
    ):
        [run, *_] = plan_runs(*read_study([NETS], to_arguments([], settings)))
        assert run.num_epochs == expected


def test_each_seed_draws_its_own_validation_share_where_asked_to():
    runs = plan_runs(*read_study([NETS], ["--seeds=[3,5]", "--vary_split"]))
    assert {run.seed: run.settings["data"]["split_seed"] for run in runs} == {3: 3, 5: 5}
    with pytest.raises(ValueError, match="val_fraction is 0"):
        plan_runs(*read_study([NETS], ["--vary_split", "--data.val_fraction=0"]))


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({"strategies": {}}, [], "expected strategies"),
        ({"strategies": {"a/b": {"data": {}}}}, [], "'a/b'"),
        ({"strategy": 1}, [], "did you mean 'strategies'"),
        ({}, ["--seeds=0"], "seeds"),
        ({}, ["--seeds=[1,1]"], "every seed once"),
        ({}, ["--seeds=many"], "'many'"),
        ({}, ["--engine=warp"], "one of processes, .*serial.*, got 'warp'; leave it out"),
        ({}, ["--engine=stack"], "did you mean 'stacked'?"),
        ({}, ["--sedes=3"], "did you mean `--seeds 3`"),
        ({"seeds": [-1]}, [], "seeds"),
    ],
)
def test_a_mistake_is_named(changes, arguments, said):
    content = {**NETS, **changes}
    if "strategies" in changes:
        content["strategies"] = changes["strategies"]
    with pytest.raises(ValueError, match=said):
        read_study([content], arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trainer.max_epochs=0"], "max_epochs of at least 1"),
        (["--trainer.logger.name=mine"], "use save_dir"),
        (["--data.classes=[circle,strar]"], "in strategy maxpool: unknown class 'strar'; did you mean 'star'"),
    ],
)
def test_a_mistake_in_the_settings_of_a_run_is_named_with_its_strategy(arguments, said):
    with pytest.raises(ValueError, match=said):
        plan_runs(*read_study([NETS], arguments))
