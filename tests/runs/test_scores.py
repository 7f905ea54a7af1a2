"""scores.json: written as DESIGN.md says, and read back the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.scores import RunFacts, Scores

FACTS = RunFacts(
    strategy="avgpool",
    seed=0,
    classes=["apple", "forest"],
    protocol="holdout",
    epochs=5,
    checkpoint="last.ckpt",
    epoch=5,
    batch_size=128,
    num_parameters=22_659,
    flops_per_image=9_520_000,
    pixels_seen=784,
    device="cpu",
    fit_seconds=None,
    versions={"torch": "2.6"},
)


def make_scores():
    labels, logits = np.array([0, 0, 1]), np.array([[2.0, 1], [0, 1], [0, 3]])
    predictions = Predictions.from_logits(FACTS.classes, np.arange(3), labels, logits)
    test = replace(predictions.scores(), without_duplicates=predictions.scores_without(np.array([0])))
    return Scores(FACTS, {"train": predictions.scores(), "test": test}, {"shift": {"0": 2 / 3}})


def test_the_file_reads_back_the_same(tmp_path):
    make_scores().write(tmp_path / "scores.json")
    assert Scores.read(tmp_path / "scores.json") == make_scores()
    assert json.loads((tmp_path / "scores.json").read_text()) == make_scores().to_dict()


def test_only_the_test_split_has_scores_without_near_duplicates():
    content = make_scores().to_dict()
    assert content["format"] == 1
    assert content["run"]["pixels_seen"] == 784
    assert content["splits"]["test"]["without_duplicates"]["count"] == 2
    assert "without_duplicates" not in content["splits"]["train"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2}', '{"format": 1, "run": {"seed": 0}, "splits": {}}'])
def test_what_is_not_the_scores_of_a_run_is_named(tmp_path, text):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(ValueError, match=r"expected the scores of a run in format 1, but .*scores\.json"):
        Scores.read(tmp_path / "scores.json")


def test_numbers_that_json_cannot_hold_are_refused(tmp_path):
    scores = replace(make_scores(), robustness={"shift": {"0": float("nan")}})
    with pytest.raises(ValueError, match="JSON"):
        scores.write(tmp_path / "scores.json")
    assert not (tmp_path / "scores.json").exists()
