"""Strategies made by `--sweep` and kept by `--only`."""

import pytest

from cifar_lightning.study.plan import plan_runs
from cifar_lightning.study.study_settings import read_study
from cifar_lightning.training.experiment import to_arguments

NETS = {
    "strategies": {
        name: {"model": {"backbone": {"class_path": f"cifar_lightning.models.backbones.{name}"}}}
        for name in ("MaxPoolNet", "AvgPoolNet", "StrideNet")
    },
    "model": {"optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": 0.5}}},
    "trainer": {"max_epochs": 7},
    "data": {"source": {"class_path": "cifar_lightning.data.DrawnShapes"}, "classes": ["circle", "star"]},
}
ONE_NET = {**NETS, "strategies": {}, "model": {**NETS["model"], **NETS["strategies"]["StrideNet"]["model"]}}


def plan(*arguments, content=NETS):
    """Runs by the name of their strategy."""
    return {run.strategy: run for run in plan_runs(*read_study([content], ["--seeds=[5]", *arguments]))}


def learning_rates(runs):
    return {name: run.settings["model"]["optimizer"]["init_args"]["lr"] for name, run in runs.items()}


@pytest.mark.parametrize("only", [["--only", "AvgPoolNet,MaxPoolNet"], ["--only=[AvgPoolNet, MaxPoolNet]"]])
def test_only_the_strategies_that_are_named_are_run_in_their_order(only):
    assert list(plan(*only)) == ["MaxPoolNet", "AvgPoolNet"]


def test_a_config_may_name_them_too():
    assert list(plan(content={**NETS, "only": ["StrideNet"]})) == ["StrideNet"]


@pytest.mark.parametrize("key", ["model.optimizer.init_args.lr", "model.optimizer.lr"])
def test_each_value_of_a_swept_setting_makes_a_strategy_of_a_config_without_any(key):
    runs = plan("--sweep", key, "0.001,0.005,1e-2", content=ONE_NET)
    assert learning_rates(runs) == {"lr=0.001": 0.001, "lr=0.005": 0.005, "lr=1e-2": 0.01}
    run = runs["lr=0.001"]
    assert run.folder.as_posix() == "lightning_logs/sweep/lr=0.001/seed_5"
    assert run.settings["model"]["optimizer"]["init_args"]["momentum"] == 0.5


def test_every_strategy_is_run_with_every_value():
    runs = plan("--only=MaxPoolNet,StrideNet", "--sweep", "model.optimizer.lr", "0.001", "0.005")
    assert learning_rates(runs) == {
        "MaxPoolNet lr=0.001": 0.001,
        "MaxPoolNet lr=0.005": 0.005,
        "StrideNet lr=0.001": 0.001,
        "StrideNet lr=0.005": 0.005,
    }
    assert runs["StrideNet lr=0.001"].settings["model"]["backbone"]["class_path"].endswith("StrideNet")
    assert runs["StrideNet lr=0.001"].folder.parts[1:3] == ("study", "StrideNet lr=0.001")


def test_two_swept_settings_are_crossed_and_one_combination_can_be_run_alone():
    sweeps = ("--sweep", "data.batch_size", "32,64", "--sweep", "model.label_smoothing", "0,0.1")
    names = [f"batch_size={size} label_smoothing={share}" for size in (32, 64) for share in (0, 0.1)]
    assert list(plan(*sweeps, content=ONE_NET)) == names
    (run,) = plan(*sweeps, "--only", names[3], content=ONE_NET).values()
    assert (run.settings["data"]["batch_size"], run.settings["model"]["label_smoothing"]) == (64, 0.1)


def test_a_swept_setting_holds_beside_what_goes_to_every_run():
    runs = plan("--sweep", "model.optimizer.lr", "0.001,0.005", "--model.optimizer=torch.optim.Adam", content=ONE_NET)
    assert learning_rates(runs) == {"lr=0.001": 0.001, "lr=0.005": 0.005}
    assert {run.settings["model"]["optimizer"]["class_path"] for run in runs.values()} == {"torch.optim.Adam"}


def test_classes_and_lists_make_names_that_a_folder_can_have():
    assert list(plan("--sweep", "model.optimizer", "torch.optim.SGD,torch.optim.Adam", content=ONE_NET)) == [
        "optimizer=SGD",
        "optimizer=Adam",
    ]
    assert list(plan("--sweep", "data.classes", "[[star, ring], [ring, cross]]", content=ONE_NET)) == [
        "classes=star_ring",
        "classes=ring_cross",
    ]


def test_sweeps_are_settings_of_the_python_function_and_of_a_config():
    sweep = {"model.optimizer.lr": [0.001, 0.005]}
    assert list(plan(content={**ONE_NET, "sweep": sweep})) == ["lr=0.001", "lr=0.005"]
    settings = to_arguments([], {"only": ["StrideNet"], "sweep": sweep})
    assert list(plan(*settings)) == ["StrideNet lr=0.001", "StrideNet lr=0.005"]
    strategies = {"slow": {"model.optimizer.lr": 0.001}, "usual": {}}
    assert learning_rates(plan(content={**ONE_NET, "strategies": strategies})) == {"slow": 0.001, "usual": 0.1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "AvgPoolNt"], "a strategy of the study for --only, got 'AvgPoolNt'; did you mean 'AvgPoolNet'"),
        (["--only", "x"], "got 'x'; there are MaxPoolNet, AvgPoolNet, StrideNet"),
        (["--sweep", "model.optimizer.lr"], "--sweep model.optimizer.lr 0.001,0.005, got 'model.optimizer.lr'"),
        (["--sweep", "--seeds=3"], "--sweep model.optimizer.lr 0.001,0.005, got ''"),
        (["--sweep", "model.optimizer.lr", "[0.1"], r"got 'model\.optimizer\.lr \[0\.1'"),
        (["--sweep", "lr", "0.1"], "unknown key 'lr' in strategy MaxPoolNet lr=0.1; a strategy changes data, model"),
        (["--sweep", "model.optimizer.lrr", "0.1"], "unknown key 'lrr'; did you mean 'lr'"),
        (["--sweep", "model.optimizer.leaning_rate", "0.1"], "unknown key 'leaning_rate'; did you mean 'lr'"),
        (["--sweep", "model.optimizer.lr", "0.1,0.1"], "every value of a sweep once, got two for 'MaxPoolNet lr=0.1'"),
        (["--sweep", "model.optimizer.lr", "fast"], "in strategy MaxPoolNet lr=fast: .*'fast'"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, said):
    with pytest.raises(ValueError, match=said):
        plan(*arguments)
