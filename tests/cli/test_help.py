"""Help: one screen of what people change, at once, and true."""

import inspect
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from checks import assert_one_sentence

from cifar_lightning.cli.help import HELP
from cifar_lightning.cli.main import COMMANDS
from cifar_lightning.models import backbones
from cifar_lightning.runs.settings import flatten
from cifar_lightning.training.configs import find_config

SMALL_TERMINAL = 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_fits_a_terminal(command, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", str(SMALL_TERMINAL))
    outcome = command(name, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"usage: cifar-lightning {name} ")
    assert len(lines) <= 45
    assert max(map(len, lines)) <= SMALL_TERMINAL


@pytest.mark.parametrize("name", HELP)
def test_every_option_in_the_help_is_one_of_the_command(command, run, name):
    lines = [line for line in HELP[name].splitlines() if line.startswith("  --")]
    # A longer option has a line to itself.
    options = [(line[:31] if line[30:31] in ("", " ") else line).strip() for line in lines]
    words = [word for option in options if option != "--help_all" for word in shlex.split(option)]
    arguments = ["run" if word == "RUN_FOLDER" else word for word in words]
    if name in ("validate", "test"):
        arguments.insert(0, "--data.source=Cifar100")
    # The first option that a command does not know is the one that it names.
    assert_one_sentence(command(name, *arguments, "--frobnicate=1"), 2, "unknown", "frobnicate")


@pytest.mark.parametrize("name", HELP)
def test_the_examples_in_the_help_can_be_typed(command, run, name):
    text = HELP[name].replace("\\\n", " ")
    for example in re.findall(rf"^  cifar-lightning {name} (.*)$", text, re.MULTILINE):
        assert_one_sentence(command(name, *shlex.split(example), "--frobnicate=1"), 2, "unknown", "frobnicate")


def test_help_of_fit_names_the_four_nets():
    nets = {name for name, _ in inspect.getmembers(backbones, inspect.isclass) if name.endswith("Net")}
    assert len(nets) == 4
    before, _, after = HELP["fit"].partition("--model.backbone")
    assert all(net in after for net in nets)
    configs = [yaml.safe_load(find_config(name).read_text()) for name in re.findall(r"--config ([a-z_]+)", before)]
    named = [config["model"]["backbone"]["class_path"] for config in configs if "model" in config]
    assert sorted(named) == sorted(f"cifar_lightning.models.backbones.{net}" for net in nets)


def test_the_values_in_parentheses_are_those_of_the_configs_of_the_lab():
    settings = flatten(yaml.safe_load(find_config("avgpool").read_text()))
    shown = re.findall(r"^  --([\w.]+) .*\(([\d.]+)\)", HELP["fit"], re.MULTILINE)
    assert len(shown) == 5
    for key, value in shown:
        assert str(settings[key.replace("optimizer.", "optimizer.init_args.")]) == value


def test_help_needs_no_torch():
    code = (
        "import sys; from cifar_lightning.cli.main import main; main(['fit', '-h']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_all_keys_are_there_for_who_asks_and_no_line_breaks_within_a_word(command, monkeypatch):
    texts = []
    for width in (SMALL_TERMINAL, 1000):
        monkeypatch.setenv("COLUMNS", str(width))
        texts.append(command("fit", "--help_all").out)
    narrow, wide = (set(text.split()) for text in texts)
    assert narrow == wide
    assert {"--trainer.gradient_clip_val", "--model.scheduler", "--data.split_seed", "--num_threads"} <= narrow
    # Without every module of torch.
    assert len(texts[0].splitlines()) < 600
