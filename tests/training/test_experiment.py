"""Settings from configs, mappings and dotted names, and what is built from them."""

import pytest
import torch
import yaml

from cifar_lightning.models.backbones import AvgPoolNet, MaxPoolNet
from cifar_lightning.training.configs import find_config, list_configs
from cifar_lightning.training.experiment import Experiment, to_arguments

SMALL = {"data.source.num_train": 20, "data.source.num_test": 6}


def resolve(config, settings=None):
    return Experiment(to_arguments(config, settings)).settings()


def test_settings_by_dotted_names_are_those_of_the_command_line():
    arguments = to_arguments("quickstart", {"trainer.max_epochs": 3, "data.classes": ["circle", 2], "ckpt_path": None})
    assert arguments == [
        "--config=quickstart",
        "--trainer.max_epochs=3",
        '--data.classes=["circle", 2]',
        "--ckpt_path=null",
    ]


def test_a_name_a_path_and_a_mapping_resolve_to_the_same_settings():
    path = find_config("quickstart")
    by_name = resolve("quickstart", SMALL)
    assert resolve(path, SMALL) == by_name
    assert resolve(yaml.safe_load(path.read_text()), SMALL) == by_name
    assert resolve(by_name) == by_name


def test_later_configs_are_laid_over():
    both = resolve(["avgpool", "lab_protocol", {"trainer": {"max_epochs": 7}}], {"data.batch_size": 5})
    assert (both["data"]["validate_on_test"], both["data"]["val_fraction"]) == (True, 0.0)
    assert (both["trainer"]["max_epochs"], both["data"]["batch_size"]) == (7, 5)


@pytest.mark.parametrize("name", [name for name in list_configs() if name not in ("lab_protocol", "study")])
def test_every_shipped_config_of_a_net_resolves(name):
    settings = resolve(name)
    assert settings["trainer"]["logger"]["init_args"]["name"] == name
    assert settings["num_threads"] >= 1


def test_the_classes_of_the_data_are_those_of_the_net():
    experiment = Experiment(["--config=quickstart", "--data.classes=[ring,0]"])
    assert experiment.model.class_names == ["ring", "circle"]
    assert isinstance(experiment.model.backbone, MaxPoolNet)
    assert experiment.model.head.out_features == 2


def test_another_class_takes_the_place_of_one_in_the_config():
    experiment = Experiment(["--config=quickstart", "--model.backbone=cifar_lightning.AvgPoolNet"])
    assert isinstance(experiment.model.backbone, AvgPoolNet)


def test_the_number_of_threads_is_saved_resolved():
    before = torch.get_num_threads()
    assert Experiment(["--config=quickstart", "--num_threads=1"]).settings()["num_threads"] == 1
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="torch sees none here"):
        Experiment(["--config=quickstart", "--trainer.accelerator=gpu"])
