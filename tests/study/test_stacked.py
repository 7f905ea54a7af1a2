"""The engine `stacked`: its run folders are those of `serial`, file by file and seed by seed."""

import pytest
import torch
import yaml

import cifar_lightning
from cifar_lightning.runs import folder

NETS = "cifar_lightning.models.backbones"
ADAM = {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.002, "weight_decay": 0.01}}
NESTEROV = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.02, "momentum": 0.9, "nesterov": True}}
HALVING = {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 1, "gamma": 0.5}}


def make(tmp_path, engine, strategies, seeds=2, epochs=2, **settings):
    config = {
        "name": engine,
        "save_dir": str(tmp_path),
        "seeds": seeds,
        "engine": engine,
        "num_threads": 1,
        "strategies": {name: {"model": model} for name, model in strategies.items()},
        "trainer": {"max_epochs": epochs, "accelerator": "cpu"},
        # 54 images for training: a batch of 40, and one of 14.
        "data": {
            "source": {"class_path": "cifar_lightning.data.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
            "classes": ["circle", "square", "star"],
            "val_fraction": 0.1,
            "batch_size": 40,
        },
    }
    return cifar_lightning.study(config, settings, progress=False)


def with_net(name, **settings):
    return {"backbone": {"class_path": f"{NETS}.{name}"}, **settings}


def read_state(run, checkpoint=folder.LAST_CHECKPOINT):
    return torch.load(run.folder / folder.CHECKPOINTS / checkpoint, weights_only=True)


def assert_same_runs(ours, theirs):
    assert [run.seed for run in ours] == [run.seed for run in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert_same_run(one, other)


def assert_same_run(one, other):
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
        assert getattr(one.curves, name) == pytest.approx(getattr(other.curves, name), abs=1e-5)
    assert one.scores["splits"].keys() == other.scores["splits"].keys()
    for split, scores in one.scores["splits"].items():
        for key in ("accuracy", "confusion_matrix"):
            assert scores[key] == other.scores["splits"][split][key]
    for checkpoint in (folder.LAST_CHECKPOINT, folder.BEST_CHECKPOINT):
        assert_same_state(read_state(one, checkpoint), read_state(other, checkpoint))


def assert_same_state(ours, theirs):
    assert ours.keys() == theirs.keys() - {"loops"}
    for key in ("epoch", "global_step", "hyper_parameters", "lr_schedulers"):
        assert ours[key] == theirs[key]
    torch.testing.assert_close(ours["state_dict"], theirs["state_dict"], rtol=0, atol=1e-5)
    torch.testing.assert_close(ours["optimizer_states"], theirs["optimizer_states"], rtol=0, atol=1e-5)
    block, other = ours["cifar_lightning"], theirs["cifar_lightning"]
    assert block.keys() == other.keys()
    for key in ("num_epochs", "is_finished", "class_names", "stopped_early", "logger_versions"):
        assert block[key] == other[key]
    assert torch.equal(block["random_state"]["cpu"], other["random_state"]["cpu"])


STRATEGIES = {
    "baseline": with_net("BaselineNet"),
    "stride": with_net("StrideNet", optimizer=ADAM),
    "maxpool": with_net("MaxPoolNet", optimizer=NESTEROV, scheduler=HALVING),
    "avgpool": with_net("AvgPoolNet", optimizer=ADAM, scheduler=HALVING, num_outputs=5),
}


def test_run_folders_equal_those_of_the_serial_engine(tmp_path, undrawn):
    assert_same_runs(make(tmp_path, "stacked", STRATEGIES), make(tmp_path, "serial", STRATEGIES))
