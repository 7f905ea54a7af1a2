"""comparison.json and comparison.csv."""

import csv
import json

import pytest
from simulated_runs import NAMES, write_study

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.files import write_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = write_study(tmp_path_factory.mktemp("study"), {"maxpool": 0.95, "stride": 0.7, "avgpool": 0.95}, 3, 60)
    (root / "comparison.html").touch()
    write_files(root, compare(root))
    return root


def test_the_json_has_every_number_in_full(folder):
    content, comparison = json.loads((folder / "comparison.json").read_text()), compare(folder)
    assert (content["question"], content["asked"], content["num_images"]) == ("test accuracy", "accuracy", 60)
    assert (content["classes"], content["protocol"], content["epochs"]) == (NAMES, "lab", 5)
    assert (content["answer"], content["numbers"]) == (comparison.answer, comparison.numbers)
    assert content["still_improving"] == []
    for row, summary in zip(content["strategies"], comparison.strategies, strict=True):
        assert (row["name"], row["mean"], row["ci95"]) == (summary.name, summary.mean, list(summary.ci95))
        assert row["accuracy_mean"] == summary.mean
    for row, pair in zip(content["pairs"], comparison.pairs, strict=True):
        assert (row["p"], row["p_adjusted"], row["p_holm"]) == (pair.p, pair.p_adjusted, pair.p_holm)
        assert (row["difference"], row["p_equal"]) == (pair.difference, None)
        assert row["differs_by_at_most"] == max(-pair.ci95[0], pair.ci95[1])
        assert row["power"]["images_for_half"] == pair.power.images_for_half
        assert row["training_noise_only"]["p"] == pair.training_noise_only.p


def test_verdicts_are_words_in_the_files(folder):
    pairs = json.loads((folder / "comparison.json").read_text())["pairs"]
    assert {pair["verdict"] for pair in pairs} == {"maxpool is better", "avgpool is better", "no difference shown"}
    claims = json.loads((folder / "comparison.json").read_text())["claims"]
    assert {claim["verdict"] for claim in claims} <= {"supported", "contradicted", "not shown"}
    with (folder / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == [pair["verdict"] for pair in pairs]
    assert [float(row["ci95_low"]) for row in rows] == [pair["ci95"][0] for pair in pairs]


def test_the_page_of_an_earlier_comparison_is_removed(folder):
    assert not (folder / "comparison.html").exists()
