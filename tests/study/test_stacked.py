"""The engine `stacked`: its run folders are those of `serial`, file by file, seed by seed and on a CPU bit by bit."""

from pathlib import Path

import insides
import pytest
import torch
import warm
import yaml
from checks import read_checkpoint

import cifar_lightning
from cifar_lightning.runs import folder
from cifar_lightning.study.engines.stacked import list_gpus
from cifar_lightning.study.planned_run import PlannedRun

ADAM = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.002, "weight_decay": 0.01}}
NESTEROV = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.02, "momentum": 0.9, "nesterov": True}}
HALVING = {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 1, "gamma": 0.5}}
# 54 images for training: a batch of 40, and one of 14.
DATA = {
    "source": {"class_path": "cifar_lightning.data.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
    "classes": ["circle", "square", "star"],
    "val_fraction": 0.1,
    "batch_size": 40,
}


def make(tmp_path, engine, models, seeds=2, epochs=2, name=None, vary_split=False, **settings):
    """Makes a study, and returns its runs; `models` are the settings of the model, by strategy."""
    config = {
        "name": name or engine,
        "save_dir": str(tmp_path),
        "seeds": seeds,
        "engine": engine,
        "num_threads": 1,
        "vary_split": vary_split,
        "strategies": {strategy: {"model": model} for strategy, model in models.items()},
        "trainer": {"max_epochs": epochs, "accelerator": "cpu"},
        "data": DATA,
    }
    return cifar_lightning.study(config, settings, progress=False)


def with_net(name, module="cifar_lightning.models.backbones", **settings):
    return {"backbone": {"class_path": f"{module}.{name}"}, **settings}


def own(name, **settings):
    return with_net(name, "own_nets", **settings)


@pytest.fixture
def untested(monkeypatch):
    insides.test_nothing(monkeypatch)


def assert_same_runs(ours, theirs, within=0.0):
    assert [run.folder.name for run in ours] == [run.folder.name for run in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert_same_run(one, other, within)


def assert_same_run(one, other, within=0.0):
    def names(run):
        return {
            str(path.relative_to(run.folder)).split(".tfevents")[0]
            for path in run.folder.rglob("*")
            if not path.name.startswith(".")
        }

    assert names(one) == names(other)
    configs = [yaml.safe_load((run.folder / folder.CONFIG).read_text()) for run in (one, other)]
    for config in configs:
        del config["trainer"]["logger"]
    assert configs[0] == configs[1]
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        assert getattr(one.curves, name) == pytest.approx(getattr(other.curves, name), abs=1e-5, nan_ok=True)
    for path in (other.folder / folder.CHECKPOINTS).iterdir():
        assert_same_state(*(read_checkpoint(run.folder, path.name) for run in (one, other)), within)


def assert_same_state(ours, theirs, within):
    assert ours.keys() == theirs.keys() - {"loops"}
    for key in ("epoch", "global_step", "hyper_parameters", "lr_schedulers"):
        assert ours[key] == theirs[key]
    torch.testing.assert_close(ours["state_dict"], theirs["state_dict"], rtol=0, atol=within)
    torch.testing.assert_close(ours["optimizer_states"], theirs["optimizer_states"], rtol=0, atol=within)
    block, other = ours["cifar_lightning"], theirs["cifar_lightning"]
    assert block.keys() == other.keys()
    for key in ("num_epochs", "is_finished", "class_names", "stopped_early", "logger_versions"):
        assert block[key] == other[key]
    assert torch.equal(block["random_state"]["cpu"], other["random_state"]["cpu"])


STRATEGIES = {
    "baseline": with_net("BaselineNet"),
    "stride": with_net("StrideNet", optimizer=ADAM, label_smoothing=0.1),
    "maxpool": with_net("MaxPoolNet", optimizer=NESTEROV, scheduler=HALVING),
    "avgpool": with_net("AvgPoolNet", optimizer=ADAM, scheduler=HALVING, num_outputs=5),
}


def test_run_folders_equal_those_of_the_serial_engine(tmp_path, undrawn):
    ours, theirs = (make(tmp_path, engine, STRATEGIES) for engine in ("stacked", "serial"))
    assert_same_runs(ours, theirs)
    for one, other in zip(ours, theirs, strict=True):
        for split, scores in other.scores["splits"].items():
            for key in ("accuracy", "confusion_matrix"):
                assert one.scores["splits"][split][key] == scores[key]
        assert one.scores["robustness"] == other.scores["robustness"]


OWN = {"chain": own("Chain", optimizer=ADAM), "residual": own("Residual", scheduler=HALVING)}


@pytest.mark.parametrize(
    "settings",
    [{"vary_split": True}, {"data.validate_on_test": True, "data.val_fraction": 0}, {"data.val_fraction": 0}],
    ids=["a validation share per seed", "lab protocol", "no validation"],
)
def test_nets_of_users_are_trained_in_every_protocol(tmp_path, untested, settings):
    assert_same_runs(*(make(tmp_path, engine, OWN, **settings) for engine in ("stacked", "serial")))


def test_nets_that_run_together_as_on_a_gpu_differ_by_rounding_alone(tmp_path, untested, monkeypatch):
    models = {"avgpool": STRATEGIES["avgpool"], "residual": OWN["residual"]}
    theirs = make(tmp_path, "serial", models)
    insides.run_stacks_together(monkeypatch)
    assert_same_runs(make(tmp_path, "stacked", models), theirs, within=1e-5)


def test_no_step_of_nets_that_run_together_asks_the_device_for_a_value(tmp_path, untested, monkeypatch):
    results = insides.repeat_stacked_epochs_without_values(monkeypatch)
    models = {
        "maxpool": with_net("MaxPoolNet"),
        "avgpool": with_net("AvgPoolNet", optimizer=ADAM),
        "residual": own("Residual"),
    }
    make(tmp_path, "stacked", models, epochs=1)
    # A loss, an accuracy and three recalls for training and for validation, and whether the weights are finite.
    assert [(values.device.type, tuple(values.shape)) for values in results] == 3 * [("meta", (2, 11))]


def test_a_stopped_study_keeps_its_last_epoch_and_resumes_with_more_seeds(tmp_path, untested, monkeypatch):
    models = {"chain": own("Chain", optimizer=ADAM, scheduler=HALVING)}
    with monkeypatch.context() as patch:
        insides.fail_in_stacked_epoch(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, "stacked", models, epochs=4)
    stopped = tmp_path / "stacked/chain/seed_1"
    assert folder.count_epochs(stopped) == read_checkpoint(stopped)["epoch"] + 1 == 2
    whole = make(tmp_path, "serial", models, seeds=4, epochs=4)
    # Two runs have two epochs, and two are new: two stacks.
    assert_same_runs(make(tmp_path, "stacked", models, seeds=4, epochs=4), whole)


def test_a_run_of_a_stack_resumes_by_itself(tmp_path, untested, monkeypatch):
    models = {"residual": own("Residual", optimizer=ADAM, scheduler=HALVING)}
    with monkeypatch.context() as patch:
        insides.fail_in_stacked_epoch(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, "stacked", models, epochs=3, name="first")
    resumed = make(tmp_path, "serial", models, epochs=3, name="first")
    for one, other in zip(resumed, make(tmp_path, "serial", models, epochs=3), strict=True):
        ours, theirs = (read_checkpoint(run.folder) for run in (one, other))
        assert ours["global_step"] == theirs["global_step"]
        torch.testing.assert_close(ours["state_dict"], theirs["state_dict"], rtol=0, atol=0)
        assert len(one.curves.train_loss) == 3


def test_what_does_not_fit_in_memory_is_halved_and_gives_the_same(tmp_path, untested, monkeypatch):
    models = {"chain": own("Chain")}
    whole = make(tmp_path, "stacked", models, seeds=4, name="whole")
    insides.fail_in_stacked_epoch(monkeypatch, 1, torch.OutOfMemoryError("too much"), above=2)
    with pytest.warns(UserWarning, match=r"chain: 4 seeds at a time failed \(too much\); half as many are tried"):
        halved = make(tmp_path, "stacked", models, seeds=4)
    for one, other in zip(halved, whole, strict=True):
        ours, theirs = (read_checkpoint(run.folder) for run in (one, other))
        assert "loops" not in ours
        torch.testing.assert_close(ours["state_dict"], theirs["state_dict"], rtol=0, atol=0)


def test_seeds_are_cut_into_groups_that_fit_in_memory_and_give_the_same(tmp_path, untested, monkeypatch):
    models = {"chain": own("Chain", optimizer=ADAM, scheduler=HALVING)}
    sizes = insides.record_stacks(monkeypatch)
    insides.let_two_nets_fit(monkeypatch)
    assert_same_runs(*(make(tmp_path, engine, models, seeds=4) for engine in ("stacked", "serial")))
    assert sizes == [2, 2]


def test_on_several_devices_strategies_go_side_by_side_and_give_the_same(tmp_path, untested, monkeypatch):
    whole = make(tmp_path, "serial", OWN)
    insides.pretend_gpus(monkeypatch, 2)
    insides.start_workers_from(monkeypatch, warm.CONTEXT)
    for one, other in zip(make(tmp_path, "stacked", OWN), whole, strict=True):
        assert_same_state(*(read_checkpoint(run.folder) for run in (one, other)), within=0.0)


def test_the_gpus_of_a_machine_are_those_that_cuda_shows(monkeypatch):
    def run(**trainer):
        return PlannedRun("net", 0, Path("there"), {"trainer": {"accelerator": "auto", "devices": 1, **trainer}})

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert list_gpus([run()]) == ["0", "1"]
    assert list_gpus([run(accelerator="cpu")]) == list_gpus([run(), run(devices=2)]) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7")
    assert list_gpus([run()]) == ["3", "7"]


def test_a_seed_that_diverges_ends_alone(tmp_path, untested):
    models = {"hot": own("DivergesWithSeedOne")}
    said = {}
    for engine in ("stacked", "serial"):
        with pytest.raises(RuntimeError, match=r"1 of 3 runs failed \(hot seed 1: the loss became") as raised:
            make(tmp_path, engine, models, seeds=3)
        said[engine] = str(raised.value)
    assert said["stacked"] == said["serial"]
    for seed in (0, 2):
        ours, theirs = (cifar_lightning.load_run(tmp_path / engine / f"hot/seed_{seed}") for engine in said)
        assert_same_run(ours, theirs)
    assert not (tmp_path / "stacked/hot/seed_1/checkpoints").exists()


def test_a_net_with_a_bug_fails_as_with_the_serial_engine(tmp_path, untested):
    with pytest.raises(RuntimeError, match=r"2 of 4 runs failed \(broken seed 0: its own bug"):
        make(tmp_path, "stacked", {"broken": own("Broken"), "chain": own("Chain")})


PLATEAU = {
    "class_path": "lightning.pytorch.cli.ReduceLROnPlateau",
    "init_args": {"monitor": "train_loss"},
}
CSV_LOGGER = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "elsewhere"}}
FLIP = {"class_path": "torchvision.transforms.v2.RandomHorizontalFlip"}
EARLY = {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": {"monitor": "val_loss"}}


@pytest.mark.parametrize(
    ("model", "settings", "named"),
    [
        (own("Normalised"), {}, "BatchNorm2d"),
        (own("Dropping"), {}, "Dropout"),
        (own("Chain", augmentation=FLIP), {}, "RandomHorizontalFlip"),
        (own("DroppingInside"), {}, "vmap"),
        (own("Chain", optimizer={"class_path": "torch.optim.LBFGS"}), {}, "LBFGS"),
        (own("Chain", scheduler=PLATEAU), {}, "ReduceLROnPlateau"),
        (own("Chain"), {"trainer.gradient_clip_val": 1.0}, "trainer.gradient_clip_val 1.0"),
        (own("Chain"), {"trainer.precision": "bf16-mixed"}, "trainer.precision 'bf16-mixed'"),
        (own("Chain"), {"trainer.accumulate_grad_batches": 2}, "trainer.accumulate_grad_batches 2"),
        (own("Chain"), {"trainer.callbacks": [EARLY]}, "EarlyStopping"),
        (own("Chain"), {"trainer.logger": CSV_LOGGER}, "CSVLogger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_stacked_is_refused_before_anything_is_trained(tmp_path, model, settings, named):
    # The settings go to every run, so the first strategy is named.
    name = "chain" if settings else "odd"
    said = rf"in strategy {name}: expected .* as one net, got .*{named}.*; use --engine serial$"
    with pytest.raises(ValueError, match=said):
        make(tmp_path, "stacked", {"chain": own("Chain"), "odd": model}, **settings)
    assert not list(tmp_path.rglob("*.ckpt"))
