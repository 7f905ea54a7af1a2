"""Every recipe of docs/recipes.md, as it is written there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from prediction_logs import write_inspect, write_samples
from small_torchvision import write_fashion_mnist
from tiny import TINY

import cifar_lightning as cl

PAGE = (Path(__file__).parent.parent / "docs/recipes.md").read_text()
# Each begins with the name of its file.
FILES = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
FITS = re.findall(r"^    cifar-lightning (fit .*(?<!\\))$", PAGE.replace("\\\n", ""), re.MULTILINE)
# Those that follow a recipe's config, and the few images of drawn shapes.
_, _, *FEW = TINY
TIMM = """
from torch import nn

def create_model(model_name, pretrained=False, **kwargs):
    assert kwargs == {"num_classes": 0}
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Identity())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files of the page, a stand-in for timm, and a small FashionMNIST."""
    write_fashion_mnist(tmp_path / "data")
    for name, content in {**FILES, "timm.py": TIMM}.items():
        # Files need no more of MLflow than its client.
        (tmp_path / name).write_text(content.replace("sqlite:///mlflow.db", "file:mlflow"))
    for name, value in {"WANDB_SILENT": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize("line", FITS)
def test_a_command_trains(command, folder, line):
    if package := re.search("wandb|mlflow", line):
        pytest.importorskip(package[0])
    few = [option for option in FEW if "data.source" not in line or "source" not in option]
    outcome = command(*shlex.split(line), *few)
    # W&B warns of an argument that Lightning gives it.
    said = [text for text in outcome.err.splitlines() if not text.startswith("wandb: ")]
    assert (outcome.code, said) == (0, [])
    assert (folder / "lightning_logs/quickstart/version_0/checkpoints/last.ckpt").is_file()


def test_a_librarys_net_that_is_taken_as_it_comes_is_trained_and_its_classifier_named(command):
    with pytest.warns(
        UserWarning, match=r"ResNet ends with a linear layer of its own, fc \(512 -> 1000\), .*recipes\.md"
    ):
        outcome = command("fit", *TINY, "--model.backbone=torchvision.models.resnet18", "--trainer.max_epochs=1")
    assert outcome.code == 0


def test_the_plain_trainer_is_used_as_the_page_says(folder, monkeypatch):
    monkeypatch.chdir(folder)
    content = FILES["plain.py"].replace("DrawnShapes()", "DrawnShapes(num_train=20, num_test=6)")
    exec(compile(content, "plain.py", "exec"), {})


def test_the_sweep_is_a_study_of_three_strategies(command):
    (line,) = re.findall(r"^    cifar-lightning (study .*)$", PAGE, re.MULTILINE)
    outcome = command(*shlex.split(line), *FEW, "--dry_run")
    assert outcome.code == 0
    assert all(f"lr={value}/seed_2" in outcome.out for value in ("0.001", "0.005", "0.02"))


def test_every_recipe_is_linked_at_the_top():
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert re.findall(r"\(#(.*?)\)", PAGE) == anchors


def test_anybodys_predictions_are_compared_as_the_page_says(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    exec(compile(FILES["any_predictions.py"], "any_predictions.py", "exec"), {})
    assert capsys.readouterr().out.startswith("Of these very models, by exact_match, large beats small.")
    assert (folder / "exact_match/comparison.html").is_file()


def test_the_converters_are_called_as_the_page_says(folder, monkeypatch):
    monkeypatch.chdir(folder)
    write_samples(folder / "lm_logs/a", "gsm8k", [1, 0, 1], filters=("strict-match", "flexible-extract"))
    write_samples(folder / "lm_logs/b", "gsm8k", [1, 1, 1], filters=("strict-match", "flexible-extract"))
    write_inspect(folder / "logs/a.json", "a", [["C", "I"], ["C", "C"]], scorers=("match", "includes"))
    write_inspect(folder / "logs/b.json", "b", [["I", "I"], ["C", "C"]], scorers=("match", "includes"))
    converted: dict = {}
    exec(compile(FILES["converted.py"], "converted.py", "exec"), converted)
    converted["compare_logs"](cl)
    logits = np.random.default_rng(0).normal(size=(20, 3))
    converted["compare_predictions"](cl, logits, logits.argmax(axis=1), logits[:, 0])
