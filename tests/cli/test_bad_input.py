"""Every mistake ends in one sentence, beside the good call that differs in that one thing."""

import itertools
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import TINY

from cifar_lightning.cli.main import main

CIFAR = ["--config", "avgpool", "--trainer.max_epochs=1", "--data.source.root=empty", "--data.source.download=false"]
NETS = """
import torch
from lightning.pytorch import Callback
from torch import nn

class Means(nn.Module):
    def forward(self, images):
        return images.mean((2, 3))

class NoFlatten(nn.Module):
    def forward(self, images):
        return images

class Failing(nn.Module):
    def forward(self, images):
        return images.view(7)

class NoModule:
    pass


class OnADevice(Callback):
    def __init__(self, device: torch.device = torch.device("cpu")):
        pass


class GivesUp(nn.Module):
    def __init__(self):
        raise SystemExit("cifar-lightning: this net wants a GPU")
"""

# A change to a good call, the exit code, and what the sentence has to say.
MISTAKES_IN_FIT = {
    "a misspelt class": (["--data.classes=[circle,sqare]"], "did you mean 'square'"),
    "one class": (["--data.classes=[circle]"], "at least two classes"),
    "no class": (["--data.classes=[]"], "at least two classes"),
    "a class twice": (["--data.classes=[circle,ring,circle]"], "'circle' stands twice"),
    "a class twice, by name and number": (["--data.classes=[circle,0]"], "'circle' stands twice"),
    "a number below 0": (["--data.classes=[-1,2]"], "0..5, got -1"),
    "a number above the last": (["--data.classes=[6,2]"], "0..5, got 6"),
    "a fraction as class": (["--data.classes=[1.5,circle]"], "unknown class"),
    "a class that is no list": (["--data.classes=circle"], "a list or null for data.classes"),
    "a negative val_fraction": (["--data.val_fraction=-0.1"], "data.val_fraction of at least 0"),
    "val_fraction 1": (["--data.val_fraction=1"], "below 1, got 1.0"),
    "val_fraction not a number": (["--data.val_fraction=nan"], "data.val_fraction"),
    "val_fraction that takes all": (["--data.val_fraction=0.99"], "lower data.val_fraction"),
    "batch_size 0": (["--data.batch_size=0"], "data.batch_size of at least 1, got 0"),
    "batch_size in words": (["--data.batch_size=many"], "a whole number for data.batch_size, got 'many'"),
    "a negative split_seed": (["--data.split_seed=-1"], "data.split_seed of at least 0"),
    "the lab protocol with a held-out share": (["--data.validate_on_test=true"], "data.val_fraction 0"),
    "fewer outputs than classes": (["--model.num_outputs=4"], "num_outputs 4 for 5 classes"),
    "an unknown trainer key": (["--trainer.max_epoch=1"], "did you mean 'trainer.max_epochs'"),
    "an unknown data key": (["--data.batchsize=1"], "did you mean 'data.batch_size'"),
    "an unknown group": (["--dta.batch_size=1"], "did you mean 'data.batch_size'"),
    "an unknown key of the source": (["--data.source.num_trian=1"], "unknown key 'num_trian'"),
    "a source out of range": (["--data.source.num_train=0"], "num_train of at least 1"),
    "epochs in words": (["--trainer.max_epochs=many"], "a whole number or null for trainer.max_epochs, got 'many'"),
    "a rate in words": (["--model.optimizer.lr=fast"], "a number for lr, got 'fast'"),
    "a seed in words": (["--seed_everything=x"], "seed_everything"),
    "more threads than any machine has": (["--num_threads=99999"], "num_threads of at most 1024, got 99999; try"),
    "pictures that fit into no memory": (["--data.source.image_size=20000"], "of at most 4 GB together, got 187 GB"),
    "a name that no file system takes": (
        ["--trainer.logger.name=" + 300 * "a"],
        "at most 255 bytes for trainer.logger",
    ),
    "no thread": (["--num_threads=0"], "above 0 or null for num_threads"),
    "half a thread": (["--num_threads=1.5"], "above 0 or null for num_threads, got '1.5'; fix it"),
    "an unknown accelerator": (["--trainer.accelerator=quantum"], "quantum"),
    "a backbone that is a function": (["--model.backbone=os.system"], "derived from Module for model.backbone"),
    "a backbone that is no module": (["--model.backbone=my_nets.NoModule"], "derived from Module"),
    "a backbone that does not import": (["--model.backbone=nowhere.Net"], "No module named 'nowhere'"),
    "a backbone that is not there": (["--model.backbone=my_nets.Nope"], "no attribute 'Nope'"),
    "a backbone of the wrong shape": (["--model.backbone=my_nets.NoFlatten"], "gives (2, 3, 32, 32)"),
    "a backbone that fails": (["--model.backbone=my_nets.Failing"], "Failing fails on them"),
    "a backbone without its arguments": (["--model.backbone=torch.nn.Linear"], "in_features"),
    "pictures too small for a net": (["--data.source.image_size=8"], "larger pictures"),
    "an optimiser that is none": (["--model.optimizer=os.system"], "model.optimizer, got 'os.system'"),
    "a scheduler without its arguments": (["--model.scheduler=torch.optim.lr_scheduler.StepLR"], "step_size"),
    "a config that does not exist": (["--config=nope.yaml"], "`cifar-lightning configs` lists"),
    "a config behind -c=": (["-c=aliases.yaml"], "no config needs one"),
    "a config behind -c": (["-caliases.yaml"], "no config needs one"),
    "a config behind -c and a space": (["-c", "aliases.yaml"], "no config needs one"),
    "a short config that does not exist": (["-cnope"], "`cifar-lightning configs` lists"),
    "a config option cut short": (["--conf=aliases.yaml"], "unknown key 'conf'; did you mean 'config'?"),
    "a config without a name": (["--config"], "expected a config behind --config"),
    "a file for a group, with aliases": (["--data=aliases.yaml"], "plain YAML for data"),
    "a file for a class, with aliases": (["--model.backbone=aliases.yaml"], "plain YAML for model.backbone"),
    "a number for the model": (["--model=3"], "expected keys and values below model, got '3'"),
    "a number for the trainer": (["--trainer=3"], "set one of them, as --trainer.KEY VALUE"),
    "a number for the data": (["--data=3"], "expected keys and values below data"),
    "null for a group": (["--model=null"], "expected keys and values below model, got 'null'"),
    "null for the source": (["--data.source=null"], "a class derived from ImageSource for data.source, got None"),
    "null for a number, behind the command": (
        ["--data.batch_size=null"],
        "a whole number for data.batch_size, got 'None'",
    ),
    "null for a number": (["--config=null_batch.yaml"], "a value for data.batch_size, got null; leave it out for 128"),
    "null for a share": (["--config=null_share.yaml"], "a value for data.val_fraction, got null"),
    "null for an argument of the source": (["--config=null_noise.yaml"], "data.source.noise, got null"),
    "null for the devices": (["--config=null_devices.yaml"], "trainer.devices, got null; leave it out for 'auto'"),
    "no seed": (["--seed_everything=false"], "a whole number for seed_everything, got False"),
    "a scheduler that divides by zero": (
        ["--model.scheduler=torch.optim.lr_scheduler.StepLR", "--model.scheduler.step_size=0"],
        "arguments of model.scheduler that it can work with, but StepLR fails (ZeroDivisionError",
    ),
    "a logger that is a function": (["--trainer.logger=os.system"], "trainer.logger"),
    "a callback that is a function": (["--trainer.callbacks=[{class_path: os.system}]"], "trainer.callbacks"),
    "a strategy of the trainer that is a function": (["--trainer.strategy=os.system"], "got 'os.system'; leave it out"),
    "a misspelt strategy of the trainer": (["--trainer.strategy=dpp"], "did you mean 'ddp'?"),
    "a trainer that keeps nothing": (["--trainer.barebones=true"], "trainer.barebones, which keeps none"),
    "gradients of no batch": (["--trainer.accumulate_grad_batches=0"], "accumulate_grad_batches of at least 1, got 0"),
    "gradients cut to less than none": (["--trainer.gradient_clip_val=-1"], "gradient_clip_val of at least 0, got -1"),
    "a callback of a mode that there is not": (
        ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val_loss", "--trainer.callbacks.mode=up"],
        "classes of the settings take, but one fails on them (ValueError: `mode` can be min, max, got up); fix them",
    ),
    "two callbacks that stop by one metric": (
        ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val_loss"] * 2,
        "one EarlyStopping a metric in trainer.callbacks, got two of 'val_loss'",
    ),
    "a profiler that is a function": (["--trainer.profiler=os.system"], "`profiler`"),
    "a plugin that is a function": (["--trainer.plugins=[{class_path: os.system}]"], "trainer.plugins"),
    "a source that is a function": (["--data.source=os.system"], "data.source"),
    "a scheduler that is a function": (["--model.scheduler=os.system"], "model.scheduler"),
    "a config with an object of Python": (["--config=object.yaml"], "expected plain YAML of keys and values"),
    "a config nested without end": (["--config=nested.yaml"], "expected plain YAML of keys and values"),
    "a precision that there is not": (["--trainer.precision=7"], "one of 64, 32, 16, transformer-engine"),
    "a scheduler that is a number": (["--model.scheduler=3"], "expected a class or null for model.scheduler"),
    "a validation at no time": (["--trainer.val_check_interval=0"], "trainer.val_check_interval 0; leave it out"),
    "an optimiser that is a function with arguments": (["--config=optimizer_runs.yaml"], "got 'os.mkdir'"),
    "a scheduler that is a function with arguments": (["--config=scheduler_runs.yaml"], "got 'os.mkdir'"),
    "a callback that no config can hold": (
        ["--trainer.callbacks=my_nets.OnADevice"],
        "settings that a config.yaml can hold",
    ),
    "an argument of a callback that no config can hold": (
        ["--trainer.callbacks=ModelPruning", "--trainer.callbacks.pruning_fn=l1_unstructured"],
        "got the object l1_unstructured for pruning_fn of trainer.callbacks",
    ),
    "a callback that averages weights after the last epoch": (
        ["--trainer.callbacks=lightning.pytorch.callbacks.StochasticWeightAveraging", "--trainer.callbacks.swa_lrs=1"],
        "StochasticWeightAveraging; use WeightAveraging",
    ),
    "a name of another place": (
        ["--trainer.logger.name=/"],
        "within trainer.logger.save_dir for trainer.logger.name, got",
    ),
    "a name that a terminal obeys": (["--trainer.logger.name=a\x1b[31m"], r"trainer.logger.name, got 'a\x1b[31m'"),
    "a name with a blank behind it": (["--trainer.logger.name=a "], "trainer.logger.name, got 'a '"),
    "a name above the place": (["--trainer.logger.name=a/../../b"], "got 'a/../../b'; name the place by save_dir"),
    "a version of another place": (["--trainer.logger.version=../x"], "for trainer.logger.version, got '../x'"),
    "validations within an epoch": (["--trainer.val_check_interval=0.3"], "use trainer.check_val_every_n_epoch"),
    "a callback that changes settings": (["--trainer.callbacks=LearningRateFinder"], "got LearningRateFinder"),
    "a plateau of no metric": (
        ["--model.scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau"],
        "use lightning.pytorch.cli.ReduceLROnPlateau",
    ),
    "an optimiser for other weights than those of a convolution": (["--model.optimizer=Muon"], "Muon only supports 2D"),
    "an optimiser for other gradients": (["--model.optimizer=SparseAdam"], "SparseAdam fails (RuntimeError: "),
    "an optimiser that needs a GPU": (
        ["--model.optimizer=Adam", "--model.optimizer.capturable=true"],
        "model.optimizer that can train this net, but Adam fails (AssertionError: ",
    ),
    "a number without end": (["--data.source.noise=" + 400 * "9"], "int too large to convert to float"),
    "a batch of more pictures than there can be": (["--data.batch_size=" + 12 * "9"], "of at most 1,000,000,000"),
    "a pipe for a net": (["--model.backbone=settings.pipe"], "--model.backbone, got settings.pipe, a pipe or a device"),
    "a device for settings": (["--data", "/dev/zero"], "a value for --data, got /dev/zero, a pipe or a device"),
    "a large file for settings": (["--trainer=large.yaml"], "a file of at most 200,000 bytes"),
    "a validation never": (["--trainer.check_val_every_n_epoch=0"], "check_val_every_n_epoch of at least 1, got 0"),
    "a key twice": (["--config=twice.yaml"], "'batch_size' stands twice in the mapping of line 1"),
    "an option without its value": (["--trainer.max_epochs"], "expected a value behind --trainer.max_epochs"),
    "a class of the source misspelt beyond guessing": (
        ["--data.classes=[zzzz,circle]"],
        "`cifar-lightning data --data.classes null` lists them",
    ),
    "a config that is no YAML": (["--config=broken.yaml"], "expected plain YAML of keys and values"),
    "a config that is a list": (["--config=list.yaml"], "keys and values"),
    "a config that is empty": (["--config=empty.yaml"], "keys and values"),
    "a config with aliases": (["--config=aliases.yaml"], "no config needs one"),
    "a config with a misspelt key": (["--config=misspelt.yaml"], "did you mean 'trainer.max_epochs'"),
    "a file that is no checkpoint": (["--ckpt_path=text.ckpt"], "text.ckpt"),
    "a checkpoint that does not exist": (["--ckpt_path=nowhere.ckpt"], "there is no nowhere.ckpt"),
    "nothing to go on from": (["--trainer.logger.name=other", "--ckpt_path=last"], "leave out --ckpt_path"),
}

FILES = {
    "my_nets.py": NETS,
    "broken.yaml": "trainer: [",
    "list.yaml": "- trainer",
    "empty.yaml": "",
    "aliases.yaml": "trainer: &all {max_epochs: 1}\nmodel: *all",
    "object.yaml": "trainer: !!python/object/apply:os.mkdir [poisoned]",
    "nested.yaml": "trainer: " + "[" * 50_000,
    "large.yaml": "# " + 200_000 * "-",
    "optimizer_runs.yaml": "model: {optimizer: {class_path: os.mkdir, init_args: {path: poisoned}}}",
    "scheduler_runs.yaml": "model: {scheduler: {class_path: os.mkdir, init_args: {path: poisoned}}}",
    "twice.yaml": "data: {batch_size: 16, batch_size: 32}",
    "tab.yaml": "strategies:\n  one: {model: {backbone: {class_path: a.\tb}}}",
    "command.yaml": "strategies: {one: {model: {backbone: {class_path: os.system}}}}",
    "null_batch.yaml": "data: {batch_size: null}",
    "null_share.yaml": "data: {val_fraction: null}",
    "null_noise.yaml": "data: {source: {init_args: {noise: null}}}",
    "null_devices.yaml": "trainer: {devices: null}",
    "misspelt.yaml": "trainer: {max_epoch: 1}",
    "text.ckpt": "no checkpoint",
}


@pytest.fixture
def folder(tmp_path, command):
    """A working folder with the files that the mistakes name."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "settings.pipe")
    return tmp_path


def snapshot(folder: Path) -> set[Path]:
    """All files and folders but Python's own caches."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def assert_one_sentence(outcome, code: int, part: str) -> None:
    lines = outcome.err.strip().splitlines()
    assert outcome.code == code, outcome
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("cifar-lightning: ")
    assert part in lines[0]
    assert "Traceback" not in outcome.err
    assert len(lines[0]) < 600


def test_the_good_call_that_the_mistakes_change_succeeds(command, folder):
    assert command("fit", *TINY).code == 0


def test_a_net_of_the_working_folder_that_the_mistakes_misname_is_accepted(command, folder):
    assert command("fit", *TINY, "--model.backbone=my_nets.Means").code == 0


@pytest.mark.parametrize(("change", "part"), MISTAKES_IN_FIT.values(), ids=list(MISTAKES_IN_FIT))
def test_a_mistake_in_fit_ends_in_one_sentence_and_leaves_nothing(command, folder, change, part):
    before = snapshot(folder)
    assert_one_sentence(command("fit", *TINY, *change), 2, part)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("self.pool(features)", "AttributeError: 'OwnNet' object has no attribute 'pool'"),
        ("assert features.ndim == 3", "(AssertionError)"),
        ("{}[features.ndim]", "KeyError: 2"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise Exception('a reason\\nof two lines')", "Exception: a reason of two lines"),
        ("raise ValueError('too few')", "ValueError: too few"),
        ("torch.nn.Conv2d(3, 4, 5)(features)", "RuntimeError: Expected 3D (unbatched) or 4D"),
    ],
)
def test_a_net_that_fails_while_it_is_trained_is_told_its_line(command, tmp_path, monkeypatch, mistake, reason):
    monkeypatch.delitem(sys.modules, "own_net", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "own_net.py").write_text(
        "import torch\n\nclass OwnNet(torch.nn.Module):\n    def forward(self, images):\n"
        f"        features = images.mean((2, 3))\n        if self.training:\n            {mistake}\n"
        "        return features\n"
    )
    fit = ("fit", *TINY, "--model.backbone=own_net.OwnNet")
    outcome = command(*fit)
    assert_one_sentence(outcome, 2, "OwnNet failed in own_net.py, line 7 (")
    assert reason in outcome.err
    assert outcome.err.endswith("); fix it\n")
    monkeypatch.setenv("CIFAR_LIGHTNING_DEBUG", "1")
    assert "Traceback" in command(*fit).err


def test_a_net_that_gives_something_else_in_training_is_told(command, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "two_nets", raising=False)
    (tmp_path / "two_nets.py").write_text(
        "from torch import nn\n\nclass TwoNets(nn.Flatten):\n    def forward(self, images):\n"
        "        flat = super().forward(images)\n        return (flat, flat) if self.training else flat\n"
    )
    outcome = command("fit", *TINY, "--model.backbone=two_nets.TwoNets")
    assert_one_sentence(outcome, 2, "features (N, 3072), but TwoNets gives tuple for 90; fix the backbone")


def test_a_callback_that_watches_a_metric_that_there_is_not_is_named(command):
    outcome = command("fit", *TINY, "--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=nope")
    assert_one_sentence(outcome, 2, "expected trainer.callbacks that can train this net, but EarlyStopping fails (Runt")
    assert "`val_loss`" in outcome.err


def test_a_scheduler_that_ends_before_the_fit_is_named_and_what_was_finished_is_kept(command, tmp_path):
    steps = ("--model.scheduler=OneCycleLR", "--model.scheduler.max_lr=0.1", "--model.scheduler.total_steps=2")
    outcome = command("fit", *TINY, "--trainer.max_epochs=4", *steps)
    assert_one_sentence(outcome, 2, "model.scheduler that can train this net, but OneCycleLR fails (ValueError: Tried")
    (last,) = tmp_path.rglob("last.ckpt")
    assert torch.load(last, weights_only=True)["epoch"] > 0


def test_an_error_of_the_packages_own_code_shows_its_traceback(command, monkeypatch):
    monkeypatch.setattr("cifar_lightning.cli.trainer_commands.print_fit_summary", None)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        command("fit", *TINY)


@pytest.mark.parametrize("logger", ["null", "false"])
def test_without_a_logger_nothing_is_left(command, folder, logger):
    before = snapshot(folder)
    assert command("fit", *TINY, f"--trainer.logger={logger}").code == 0
    assert snapshot(folder) == before


def test_gpu_without_one_is_refused(command, folder, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert_one_sentence(command("fit", *TINY, "--trainer.accelerator=gpu"), 2, "use --trainer.accelerator auto")


def test_a_net_that_gives_up_is_heard(command, folder):
    assert_one_sentence(command("fit", *TINY, "--model.backbone=my_nets.GivesUp"), 1, "this net wants a GPU")


def test_a_missing_backbone_is_named(command, folder):
    assert_one_sentence(command("fit", "--data.source=cifar_lightning.data.DrawnShapes"), 2, "model.backbone")


def test_an_empty_data_root_says_where_to_put_the_files(command, folder):
    before = snapshot(folder)
    assert_one_sentence(command("fit", *CIFAR), 2, "empty/cifar-100-python")
    assert snapshot(folder) == before


def test_no_network_is_the_machine_and_says_where_to_put_the_file(command, folder):
    mirrors = "--data.source.mirrors=['http://127.0.0.1:9/cifar-100-python.tar.gz']"
    outcome = command("fit", *CIFAR, "--data.source.download=true", mirrors)
    assert_one_sentence(outcome, 1, "put the file at empty/cifar-100-python.tar.gz")


def test_a_cut_archive_is_refused_and_kept(command, folder):
    archive = folder / "empty" / "cifar-100-python.tar.gz"
    archive.write_bytes(b"\x1f\x8b\x08\x00cut")
    assert_one_sentence(command("fit", *CIFAR), 2, "published archive")
    assert_one_sentence(command("fit", *CIFAR, "--data.source.verify_md5=false"), 2, "whole cifar-100-python.tar.gz")
    assert [path.name for path in archive.parent.iterdir()] == ["cifar-100-python.tar.gz"]


def test_a_file_with_the_wrong_md5_is_refused_and_kept(command, folder):
    data = folder / "empty" / "cifar-100-python"
    data.mkdir()
    for name in ("train", "test", "meta"):
        (data / name).write_bytes(b"changed")
    assert_one_sentence(command("fit", *CIFAR), 2, "md5 16019d7e3df5f24257cddd939b257f8d")
    assert (data / "train").read_bytes() == b"changed"


def test_a_save_folder_that_cannot_be_written_is_the_machine(command, folder):
    assert_one_sentence(command("fit", *TINY, "--trainer.logger.save_dir=/proc/nowhere"), 1, "/proc/nowhere")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "expected a command"),
        (["fti"], "did you mean 'fit'"),
        (["frobnicate"], "`cifar-lightning --help`"),
        (["--verison"], "--verison"),
        (["configs", "all"], "leave it out"),
        (["test"], "add --ckpt_path"),
        (["validate"], "add --ckpt_path"),
        (["predict"], "add --ckpt_path"),
        (["test", "--ckpt_path", "nowhere"], "there is no nowhere"),
        (["test", "--ckpt_path", "empty"], "checkpoints/last.ckpt"),
        (["test", "--ckpt_path", "text.ckpt"], "text.ckpt"),
        (["test", "--ckpt_path", "last"], "there is no last"),
        (["study", "--config=tab.yaml"], "in strategy one: "),
        (["study", "--config=command.yaml", "--dry_run"], "in strategy one: expected a class derived from Module"),
        (["data", "--config=null_batch.yaml"], "data.batch_size, got 'None'"),
        (["data", "--data.classes=[aple,forest]"], "'apple'"),
        (["data", "--config", "nope"], "`cifar-lightning configs`"),
        (["data", "--frob"], "unknown key 'frob'"),
        (["data", "--config"], "expected a config behind --config"),
        (["data", "-c=aliases.yaml"], "no config needs one"),
        (["data", "--config=quickstart", "--preview=empty"], "as empty/preview.png"),
        (["data", "--config=quickstart", "--preview=my_nets.py/a.png"], "my_nets.py is a file"),
    ],
    ids=" ".join,
)
def test_a_mistake_in_another_command_ends_in_one_sentence(command, folder, arguments, part):
    before = snapshot(folder)
    assert_one_sentence(command(*arguments), 2, part)
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (
            ["test", "--data.classes=[circle,square,triangle,star,ring]"],
            "['circle', 'square', 'triangle', 'star', 'ring']",
        ),
        (["test", "--data.classes=[square,circle,triangle,star,cross]"], "leave out --data.classes"),
        (["test", "--model.backbone=cifar_lightning.models.backbones.AvgPoolNet"], "AvgPoolNet"),
        (["test", "--model.num_outputs=100"], "num_outputs"),
        (["predict"], "--images"),
        (["test", "--model.backbone=torch.nn.Flatten"], "expected backbone 'cifar_lightning.models.backbones.Max"),
        (["predict", "--images=nowhere.png"], "there is no nowhere.png"),
        (["predict", "--images=nowhere.png", "--output=empty"], "as empty/predictions.csv"),
        (["predict", "--images=nowhere.png", "--output=my_nets.py/a/b.csv"], "my_nets.py is a file"),
        (["predict", "--images=empty"], "it has none"),
        (["predict", "--images=my_nets.py"], "my_nets.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_mistake_with_a_finished_run_ends_in_one_sentence(command, folder, finished_run, arguments, part):
    name, *rest = arguments
    assert_one_sentence(command(name, "--ckpt_path", str(finished_run), *rest), 2, part)


def test_testing_on_other_classes_names_both_lists(command, finished_run):
    outcome = command("test", "--ckpt_path", str(finished_run), "--data.classes=[circle,ring]")
    assert_one_sentence(outcome, 2, "['circle', 'square', 'triangle', 'star', 'cross']")
    assert "['circle', 'ring']" in outcome.err


def test_a_traceback_is_there_for_who_asks(command, folder, monkeypatch):
    monkeypatch.setenv("CIFAR_LIGHTNING_DEBUG", "1")
    assert "Traceback" in command("fit", *TINY, "--data.batch_size=0").err


def test_help_of_every_command_succeeds(command):
    for name in ("fit", "validate", "test", "predict", "data", "configs"):
        outcome = command(name, "--help")
        assert outcome.code == 0
        assert "usage" in outcome.out.lower()


def test_main_without_arguments_reads_those_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["cifar-lightning", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("cifar-lightning ")


def test_short_forms_of_config_are_the_same_config(command, folder):
    for form in (["-c", "quickstart"], ["-c=quickstart"], ["-cquickstart"], ["--config=quickstart"]):
        outcome = command("data", *form, *TINY[3:])
        assert (outcome.code, outcome.err) == (0, "")
        assert "cross" in outcome.out


def test_a_folder_as_output_is_refused_before_any_picture_is_read(command, folder, finished_run, monkeypatch):
    monkeypatch.setattr("cifar_lightning.cli.trainer_commands.predict_files", None)
    arguments = ["--ckpt_path", str(finished_run), "--images=nowhere.png", "--output=empty"]
    assert_one_sentence(command("predict", *arguments), 2, "expected a file for --output, but empty is a folder")


@pytest.mark.parametrize(
    "output",
    [
        "photo.png",
        "run/checkpoints/last.ckpt",
        "run/config.yaml",
        "run/test_predictions.csv",
        "my_nets.py",
        "linked.csv",
        "pipe",
        "/dev/null",
    ],
)
def test_predictions_replace_nothing_but_older_predictions(command, folder, finished_run, monkeypatch, output):
    # Or a refusal that does not come would replace the device of this machine.
    monkeypatch.setattr("cifar_lightning.cli.trainer_commands.predict_files", None)
    shutil.copytree(finished_run, folder / "run")
    Image.new("RGB", (32, 32)).save(folder / "photo.png")
    (folder / "predictions.csv").write_text("file,predicted,circle\n")
    (folder / "linked.csv").symlink_to("predictions.csv")
    os.mkfifo(folder / "pipe")
    before = contents(folder)
    outcome = command("predict", "--ckpt_path=run", "--images=photo.png", f"--output={output}")
    assert_one_sentence(outcome, 2, f"an older one of its kind, got {output}; name another")
    assert contents(folder) == before


def test_predictions_replace_older_ones(command, folder, finished_run):
    Image.new("RGB", (32, 32)).save(folder / "photo.png")
    arguments = ["predict", "--ckpt_path", str(finished_run), "--images=photo.png"]
    assert command(*arguments).code == 0
    written = (folder / "predictions.csv").read_bytes()
    (folder / "predictions.csv").write_text("file,predicted,circle\n")
    assert command(*arguments).code == 0
    assert (folder / "predictions.csv").read_bytes() == written


@pytest.mark.parametrize(
    ("preview", "part"),
    [
        ("run/scores.json", "older one of its kind"),
        ("run/mistakes.png", "belongs to a run"),
        ("run/checkpoints/sheet.png", "belongs to a run"),
        ("photos/train/cat/0.png", "apart from the pictures"),
        ("photos/test/cat/new.png", "apart from the pictures"),
    ],
)
def test_a_preview_replaces_nothing_but_an_older_picture_of_its_own(command, folder, finished_run, preview, part):
    shutil.copytree(finished_run, folder / "run")
    shutil.copy(folder / "run/mistakes.png", folder / "run/checkpoints/sheet.png")
    for split, name in itertools.product(("train", "test"), ("ant", "cat")):
        (folder / "photos" / split / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (32, 32), (number, 9, 9)).save(folder / "photos" / split / name / f"{number}.png")
    before = contents(folder)
    photos = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]
    assert_one_sentence(command("data", *photos, "--preview", preview), 2, part)
    assert contents(folder) == before
    for _ in range(2):
        assert command("data", *photos, "--preview=photos/sheet.png").code == 0


def test_an_allocation_that_fails_is_the_memory_of_the_machine(command, folder):
    assert_one_sentence(command("fit", *TINY, "--model.num_outputs=100000000000"), 1, "out of memory; lower")


def test_a_disk_error_names_the_file_that_was_asked_for(command, folder, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device", "/somewhere/.sheet.png.x8k2")

    monkeypatch.setattr("os.fsync", refuse)
    outcome = command("data", *TINY[:2], *TINY[3:], "--preview=sheet.png")
    assert_one_sentence(outcome, 1, "No space left on device: sheet.png;")
    assert not list(folder.glob(".sheet*"))


def test_the_argument_in_which_a_net_differs_is_named(command, folder):
    (folder / "wide.py").write_text(
        "from torch import nn\n\n\nclass WideNet(nn.Sequential):\n"
        "    def __init__(self, width: int = 8, slope: float = 0):\n"
        "        super().__init__(nn.Conv2d(3, width, 8, 8), nn.LeakyReLU(slope), nn.Flatten())\n"
    )
    net = ["--model.backbone=wide.WideNet", "--model.backbone.width=4"]
    assert command("fit", *TINY, *net).code == 0
    run = "lightning_logs/quickstart/version_0"
    outcome = command("test", "--ckpt_path", run, "--model.backbone.slope=0.5")
    # The weights would fit.
    assert_one_sentence(outcome, 2, "expected backbone.slope 0.0")
    outcome = command("predict", "--ckpt_path", run, "--model.backbone.slope=0.5", "--images=nowhere.png")
    assert_one_sentence(outcome, 2, "expected backbone.slope 0.0")
    assert "got 0.5; leave out --model.backbone.slope" in outcome.err


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "a\tb"])
@pytest.mark.parametrize("name_of_command", ["fit", "data"])
def test_a_class_that_a_terminal_would_obey_is_refused(command, folder, name, name_of_command):
    for split, class_name in itertools.product(("train", "test"), (name, "cat")):
        (folder / "photos" / split / class_name).mkdir(parents=True)
    photos = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]
    outcome = command(name_of_command, *(TINY[:3] if name_of_command == "fit" else []), *photos)
    assert_one_sentence(outcome, 2, f"of printable characters, but the source has {name!r}; rename it")


def test_a_fit_tells_which_classes_are_not_in_both_splits(command, folder):
    for path in ("train/ant", "train/bee", "train/cat", "test/ant", "test/bee", "test/dog"):
        (folder / "photos" / path).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (32, 32), (number, 9, 9)).save(folder / "photos" / path / f"{number}.png")
    photos = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]
    outcome = command("fit", *TINY[:2], *photos)
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "no pictures to test with in photos/test: 'cat'; add some before `test`",
        "no class of the training pictures, so ignored in photos/test: 'dog'",
    ]


def test_a_class_called_like_the_unused_outputs_is_refused(command, folder):
    for split in ("train", "test"):
        for name in ("(other)", "cat"):
            (folder / "photos" / split / name).mkdir(parents=True)
            for number in range(4):
                Image.new("RGB", (32, 32), (number, 9, 9)).save(folder / "photos" / split / name / f"{number}.png")
    photos = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]
    for name in ("fit", "data"):
        outcome = command(name, *(TINY[:3] if name == "fit" else []), *photos)
        assert_one_sentence(outcome, 2, "class of another name than '(other)'")
    # The good call that differs in that one name.
    for split in ("train", "test"):
        (folder / "photos" / split / "(other)").rename(folder / "photos" / split / "other")
    assert command("data", *photos).code == 0
