"""The mistakes people make: each ends in one sentence that names the thing and says what to do, and leaves nothing."""

import re
import sys

import insides
import pytest
from checks import assert_one_sentence, contents
from tiny import PHOTOS, SMALL, TINY, write_photos

from cifar_lightning.cli.main import main

CIFAR = ["--config=avgpool", "--data.source.root=empty", "--data.source.download=false"]
NETS = """
from torch import nn

class Means(nn.Module):
    def forward(self, images):
        return images.mean((2, 3))

class NoFlatten(nn.Module):
    def forward(self, images):
        return images

class NoModule:
    pass

def untyped(width=3):
    return nn.Flatten()
"""
BACKBONES = "cifar_lightning.models.backbones"

# Changes to a good fit, and what the sentence has to say.
MISTAKES_IN_FIT = {
    "a misspelt class": (["--data.classes=[circle,sqare]"], ["'sqare'", "did you mean 'square'"]),
    "one class": (["--data.classes=[circle]"], ["at least two classes"]),
    "a class twice": (["--data.classes=[circle,ring,circle]"], ["'circle'", "twice"]),
    "a class twice, by name and number": (["--data.classes=[circle,0]"], ["'circle'", "twice"]),
    "a number above the last class": (["--data.classes=[6,2]"], ["0..5", "6"]),
    "a negative val_fraction": (["--data.val_fraction=-0.1"], ["val_fraction", "-0.1"]),
    "val_fraction 1": (["--data.val_fraction=1"], ["val_fraction", "below 1"]),
    "val_fraction that takes all": (["--data.val_fraction=0.99"], ["lower data.val_fraction"]),
    "batch_size 0": (["--data.batch_size=0"], ["data.batch_size", "at least 1", "0"]),
    "batch_size in words": (["--data.batch_size=many"], ["batch_size", "'many'"]),
    "the lab protocol with a held-out share": (["--data.validate_on_test=true"], ["data.val_fraction 0"]),
    "fewer outputs than classes": (["--model.num_outputs=4"], ["num_outputs", "4", "5 classes"]),
    "an unknown trainer key": (["--trainer.max_epoch=1"], ["did you mean", "trainer.max_epochs"]),
    "an unknown data key": (["--data.batchsize=1"], ["did you mean", "data.batch_size"]),
    "an unknown group": (["--dta.batch_size=1"], ["did you mean", "data.batch_size"]),
    "an unknown key of the source": (["--data.source.num_trian=1"], ["num_trian"]),
    "a misspelt key in a config": (["--config=misspelt.yaml"], ["did you mean", "trainer.max_epochs"]),
    "a source out of range": (["--data.source.num_train=0"], ["num_train", "at least 1"]),
    "images too small for the net": (["--data.source.image_size=8"], ["(16, 16)"]),
    "epochs in words": (["--trainer.max_epochs=many"], ["max_epochs", "'many'"]),
    "a learning rate in words": (["--model.optimizer.lr=fast"], ["lr", "'fast'"]),
    "a seed in words": (["--seed_everything=x"], ["seed_everything"]),
    "no thread": (["--num_threads=0"], ["num_threads", "0"]),
    "an unknown accelerator": (["--trainer.accelerator=quantum"], ["quantum"]),
    "a net that is a function": (["--model.backbone=os.system"], ["model.backbone", "Module"]),
    "a net that is no module": (["--model.backbone=my_nets.NoModule"], ["model.backbone", "Module"]),
    "a net by an untyped function": (["--model.backbone=my_nets.untyped"], ["`def untyped(...) -> nn.Module:`"]),
    "a net of a package that is not installed": (
        ["--model.backbone=nowhere.Net", "--model.backbone.width=18"],
        ["No module named 'nowhere'; check its spelling, pip install it, or run this in the folder of nowhere.py"],
    ),
    "a net that is not there": (["--model.backbone=my_nets.NoFlaten"], ["NoFlaten", "did you mean 'NoFlatten'"]),
    "a misspelt logger": (["--trainer.logger=lightning.pytorch.loggers.WandbLoger"], ["did you mean 'WandbLogger'"]),
    "an argument of another optimiser": (
        ["--model.optimizer=Adam", "--model.optimizer.momentum=0.9"],
        ["in model.optimizer: unknown key 'momentum'; Adam takes lr, betas, eps, weight_decay"],
    ),
    "a net of the wrong shape": (["--model.backbone=my_nets.NoFlatten"], ["NoFlatten", "(2, 3, 32, 32)"]),
    "a net without its arguments": (["--model.backbone=torch.nn.Linear"], ["in_features"]),
    "an optimiser that is none": (["--model.optimizer=os.system"], ["model.optimizer", "os.system"]),
    "a plateau of no metric": (["--model.scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau"], ["monitor"]),
    "a config that does not exist": (["--config=nope.yaml"], ["nope.yaml", "`cifar-lightning configs`"]),
    "a config that is no YAML": (["--config=broken.yaml"], ["broken.yaml"]),
    "a tab in a config": (["--config=tab.yaml"], ["tab.yaml", "line 2 begins with a tab", "by spaces"]),
    "an argument beside class_path": (
        ["--config=beside.yaml"],
        ["in model.optimizer of beside.yaml: 'lr' beside class_path", "write `init_args: {momentum: 0.9, lr: 0.01}`"],
    ),
    "a net's argument beside class_path": (
        ["--config=beside_net.yaml"],
        ["in model.backbone of beside_net.yaml", "write `init_args: {num_classes: 10}`"],
    ),
    "a callback's argument beside class_path": (
        ["--trainer.callbacks=[{class_path: EarlyStopping, monitor: val_loss}]"],
        ["in trainer.callbacks: 'monitor'", "write `init_args: {monitor: val_loss}`"],
    ),
    "a misspelt init_args": (
        ["--config=misspelt_init.yaml"],
        ["in model.optimizer of misspelt_init.yaml: unknown key 'init_arg'", "did you mean 'init_args'"],
    ),
    "a scheduler's arguments beside class_path": (
        ["--config=beside_scheduler.yaml"],
        ["'step_size' and 'gamma' beside class_path belong under", "write `init_args: {step_size: 3, gamma: 0.5}`"],
    ),
    "epochs in a config": (
        ["--config=epochs.yaml"],
        ["unknown key 'epochs' in epochs.yaml; did you mean `trainer"],
    ),
    "a net in place of an option": (["avgpool"], ["got 'avgpool'", "did you mean `--config avgpool`"]),
    "a net as the model": (["--model=avgpool"], ["got 'avgpool'", "did you mean `--config avgpool`"]),
    "a net by another word": (["--net", "avgpool"], ["did you mean `--config avgpool`"]),
    "a class of a net cut short": (["--model.backbone=avgpool"], ["no class avgpool", "did you mean AvgPoolNet"]),
    "a learning rate for itself": (["--lr", "0.1"], ["did you mean `--model.optimizer.lr 0.1`"]),
    "classes without brackets": (["--data.classes", "circle", "ring"], ["write --data.classes '[circle,ring]'"]),
    "a config that is empty": (["--config=empty.yaml"], ["empty.yaml"]),
    "a config with an object of Python": (["--config=object.yaml"], ["object.yaml"]),
    "a config of a study": (["--config=study"], ["cifar-lightning study"]),
    "a file that is no checkpoint": (["--ckpt_path=broken.yaml"], ["broken.yaml"]),
    "a checkpoint that does not exist": (["--ckpt_path=nowhere.ckpt"], ["nowhere.ckpt"]),
    "nothing to resume": (["--trainer.logger.name=other", "--ckpt_path=last"], ["other", "--ckpt_path"]),
    "an empty data root without download": (CIFAR, ["empty/cifar-100-python"]),
}
# Other commands; `run` is a finished run.
OTHER_MISTAKES = {
    "no command": ([], ["expected a command"]),
    "a misspelt command": (["fti"], ["did you mean 'fit'"]),
    "an unknown command": (["frobnicate"], ["`cifar-lightning --help`"]),
    "a fit of nothing": (["fit"], ["add --config avgpool", "`cifar-lightning configs`"]),
    "a misspelt group in a config": (
        ["fit", "--config=quickstart", "--config=optimiser.yaml"],
        ["optimiser.yaml; did you mean `model.optimizer.lr: 0.1`"],
    ),
    "a batch size in test": (["test", "--ckpt_path=run", "--batch_size=3"], ["did you mean `--data.batch_size 3`"]),
    "no checkpoint": (["test"], ["--ckpt_path"]),
    "a run in place of an option": (["test", "run"], ["required: --ckpt_path; did you mean `--ckpt_path run`?"]),
    "a comparison of one run": (["compare", "run"], ["but the only run is of quickstart; name the folder of another"]),
    "photos that are not there": (["data", *PHOTOS], ["photos is not there; set it with --data.source.root"]),
    "a checkpoint that does not exist": (["test", "--ckpt_path=nowhere"], ["nowhere"]),
    "a folder without a checkpoint": (["test", "--ckpt_path=empty"], ["empty", "last.ckpt"]),
    "no checkpoint that is one": (["test", "--ckpt_path=broken.yaml"], ["broken.yaml"]),
    "another net": (["test", "--ckpt_path=run", f"--model.backbone={BACKBONES}.AvgPoolNet"], ["AvgPoolNet"]),
    "other outputs": (["test", "--ckpt_path=run", "--model.num_outputs=100"], ["num_outputs"]),
    "other classes": (
        ["test", "--ckpt_path=run", "--data.classes=[circle,ring]"],
        ["['circle', 'square', 'triangle', 'star', 'cross']", "['circle', 'ring']", "leave out --data.classes"],
    ),
    "the classes in another order": (
        ["test", "--ckpt_path=run", "--data.classes=[square,circle,triangle,star,cross]"],
        ["['square', 'circle', 'triangle', 'star', 'cross']", "leave out --data.classes"],
    ),
    "no images": (["predict", "--ckpt_path=run"], ["--images"]),
    "images that do not exist": (["predict", "--ckpt_path=run", "--images=nowhere.png"], ["nowhere.png"]),
    "a folder without images": (["predict", "--ckpt_path=run", "--images=empty"], ["empty"]),
    "a file that is no image": (["predict", "--ckpt_path=run", "--images=my_nets.py"], ["my_nets.py"]),
    "a folder as output": (
        ["predict", "--ckpt_path=run", "--images=run/mistakes.png", "--output=empty"],
        ["--output", "empty"],
    ),
    "a misspelt class of the data": (["data", "--data.classes=[aple,forest]"], ["'apple'"]),
    "an argument beside class_path in data": (
        ["data", "--config=beside_source.yaml"],
        ["in data.source of beside_source.yaml", "write `init_args: {root: photos}`"],
    ),
    "an argument beside class_path in a study": (
        ["study", "--config=beside_strategy.yaml"],
        ["in strategies.fast.model.optimizer of beside_strategy.yaml", "write `init_args: {lr: 0.1}`"],
    ),
    "an argument beside class_path that is laid over a study": (
        ["study", "--config=study", "--config=beside.yaml"],
        ["in model.optimizer of beside.yaml"],
    ),
    "seeds without brackets": (["study", "--config=study", "--seeds", "0,1,2"], ["write --seeds '[0,1,2]'"]),
    "seeds as several words": (["study", "--config=study", "--seeds", "1", "2"], ["write --seeds '[1,2]'"]),
    "a learning rate in a study": (["study", "--config=study", "--lr=0.1"], ["`--model.optimizer.lr 0.1`"]),
    "an unknown option of data": (["data", "--frob"], ["frob"]),
    "a folder as preview": (["data", *SMALL, "--preview=empty"], ["--preview", "empty"]),
}


@pytest.fixture
def folder(tmp_path, command):
    """A working folder with the files that the mistakes name."""
    (tmp_path / "empty").mkdir()
    for name, content in {
        "my_nets.py": NETS,
        "broken.yaml": "trainer: [",
        "empty.yaml": "",
        "tab.yaml": "trainer:\n\tmax_epochs: 3\n",
        "beside.yaml": "model: {optimizer: {class_path: torch.optim.SGD, lr: 0.01, init_args: {momentum: 0.9}}}",
        "beside_net.yaml": "model: {backbone: {class_path: torchvision.models.resnet18, num_classes: 10}}",
        "beside_source.yaml": "data: {source: {class_path: ImageFolder, root: photos}}",
        "beside_strategy.yaml": "strategies: {fast: {model: {optimizer: {class_path: torch.optim.SGD, lr: 0.1}}}}",
        "beside_scheduler.yaml": (
            "model: {scheduler: {class_path: torch.optim.lr_scheduler.StepLR, step_size: 3, gamma: 0.5}}"
        ),
        "misspelt_init.yaml": "model: {optimizer: {class_path: torch.optim.SGD, init_arg: {lr: 0.01}}}",
        "epochs.yaml": "epochs: 3",
        "optimiser.yaml": "model: {optimiser: {class_path: torch.optim.SGD, init_args: {lr: 0.1}}}",
        "misspelt.yaml": "trainer: {max_epoch: 1}",
        "object.yaml": "trainer: !!python/object/apply:os.mkdir [poisoned]",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_the_good_calls_that_the_mistakes_change_succeed(command, folder):
    assert command("fit", *TINY, "--model.backbone=my_nets.Means").code == 0


@pytest.mark.parametrize(("change", "parts"), MISTAKES_IN_FIT.values(), ids=list(MISTAKES_IN_FIT))
def test_a_mistake_in_fit_ends_in_one_sentence_and_leaves_nothing(command, folder, change, parts):
    before = contents(folder)
    assert_one_sentence(command("fit", *TINY, *change), 2, *parts)
    assert contents(folder) == before
    assert not (folder / "poisoned").exists()


@pytest.mark.parametrize(("arguments", "parts"), OTHER_MISTAKES.values(), ids=list(OTHER_MISTAKES))
def test_a_mistake_in_another_command_ends_in_one_sentence_and_leaves_nothing(command, folder, run, arguments, parts):
    before = contents(folder)
    assert_one_sentence(command(*arguments), 2, *parts)
    assert contents(folder) == before


def test_gpu_without_one_is_refused(command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = command("fit", *TINY, "--trainer.accelerator=gpu")
    assert_one_sentence(outcome, 2, "GPU", "use --trainer.accelerator auto")


def test_no_network_is_the_machine_and_says_where_to_put_the_file(command, folder):
    mirrors = "--data.source.mirrors=['http://127.0.0.1:9/cifar-100-python.tar.gz']"
    outcome = command("data", *CIFAR, "--data.source.download=true", mirrors)
    assert_one_sentence(outcome, 1, "put the file at empty/cifar-100-python.tar.gz")


@pytest.mark.parametrize("verify_md5", ["true", "false"])
def test_a_cut_archive_is_refused_and_kept(command, folder, verify_md5):
    (folder / "empty/cifar-100-python.tar.gz").write_bytes(b"\x1f\x8b\x08\x00cut")
    before = contents(folder)
    outcome = command("data", *CIFAR, f"--data.source.verify_md5={verify_md5}")
    assert_one_sentence(outcome, 2, "empty/cifar-100-python.tar.gz")
    assert contents(folder) == before


def test_a_file_with_the_wrong_md5_is_refused_and_kept(command, folder):
    (folder / "empty/cifar-100-python").mkdir()
    for name in ("train", "test", "meta"):
        (folder / "empty/cifar-100-python" / name).write_bytes(b"changed")
    before = contents(folder)
    assert_one_sentence(command("data", *CIFAR), 2, "md5", "16019d7e3df5f24257cddd939b257f8d")
    assert contents(folder) == before


def test_a_fit_warns_of_classes_that_cannot_be_tested(command, tmp_path):
    write_photos(tmp_path, "ant", "bee")
    write_photos(tmp_path, "cat", splits=["train"])
    with pytest.warns(UserWarning, match=r"no test images in photos/test for \['cat'\]"):
        assert command("fit", *TINY[:2], *PHOTOS, "--trainer.max_epochs=1").code == 0


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("self.pool(features)", "'OwnNet' object has no attribute 'pool'"),
        ("raise ValueError('too few')", "too few"),
        ("torch.nn.Conv2d(3, 4, 5)(features)", "RuntimeError: Expected 3D"),
    ],
)
def test_a_net_that_fails_while_it_is_trained_shows_its_own_frames_alone(
    command, tmp_path, monkeypatch, mistake, reason
):
    monkeypatch.delitem(sys.modules, "own_net", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "own_net.py").write_text(
        "import torch\n\nclass OwnNet(torch.nn.Module):\n    def forward(self, images):\n"
        f"        features = images.mean((2, 3))\n        if self.training:\n            {mistake}\n"
        "        return features\n"
    )
    outcome = command("fit", *TINY, "--model.backbone=own_net.OwnNet")
    assert outcome.code == 2
    assert re.search(r'own_net\.py", line 7\b', outcome.err)
    assert reason in outcome.err
    # Of the many frames of libraries none.
    assert "site-packages" not in outcome.err


def test_an_error_of_the_packages_own_code_shows_its_traceback(command, monkeypatch):
    insides.fail_while_printing(monkeypatch)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        command("fit", *TINY)


def test_a_traceback_is_there_for_who_asks(command, monkeypatch):
    monkeypatch.setenv("CIFAR_LIGHTNING_DEBUG", "1")
    assert "Traceback" in command("fit", *TINY, "--data.batch_size=0").err


def test_main_without_arguments_reads_those_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["cifar-lightning", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("cifar-lightning ")
