"""Every question, image by image, against plain loops over the CSV files."""

import csv
import math
import re

import numpy as np
import pytest
from simulated_runs import NAMES, PROBE_NAMES, write_run, write_study

from cifar_lightning.compare import questions
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.questions import COMPUTE, GAPS, LOSSES, SHARES, Question, parse_question
from cifar_lightning.runs.run import Run

RIGHT = np.array([1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1], bool)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    generator = np.random.default_rng(0)
    probes = {name: generator.integers(0, 9, 12) / 8 for name in PROBE_NAMES}
    folder = tmp_path_factory.mktemp("runs") / "maxpool"
    return Run(write_run(folder, "maxpool", 0, RIGHT, probes=probes, train=[True] * 19 + [False]))


def read(run, name):
    with (run.folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_accuracy_is_whether_the_prediction_is_the_label(run):
    values = parse_question("accuracy", [run]).values([run])
    assert values.tolist() == [[float(row["label"] == row["predicted"]) for row in read(run, "test_predictions.csv")]]


def test_recall_looks_at_the_images_of_its_class_alone(run):
    for name in NAMES:
        values = parse_question(f"recall:{name}", [run]).values([run])
        rows = [row for row in read(run, "test_predictions.csv") if row["label"] == name]
        assert values.tolist() == [[float(row["predicted"] == name) for row in rows]]
        assert values.shape == (1, 4)


def test_probes_are_the_shares_of_probes_csv(run):
    for kind, amount in (("noise", 16), ("shift", 2), ("consistency", 4)):
        values = parse_question(f"{kind}:{amount}", [run]).values([run])
        assert values.tolist() == [[float(row[f"{kind}_{amount}"]) for row in read(run, "probes.csv")]]


def test_loss_is_the_cross_entropy_of_each_image(run):
    question = parse_question("loss", [run])
    expected = [-math.log(float(row[row["label"]])) for row in read(run, "test_predictions.csv")]
    assert question.values([run])[0] == pytest.approx(expected)
    assert (question.scale.unit, question.higher_is_better) == ("", False)


def test_the_mean_gap_is_train_minus_test_accuracy(run):
    question = parse_question("gap", [run])
    assert question.values([run]).mean() == pytest.approx(19 / 20 - RIGHT.mean())
    assert not question.higher_is_better


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("recall:aple", "did you mean 'recall:apple'"),
        ("noise:15", "did you mean 'noise:16'"),
        ("recall", "did you mean 'recall:"),
        ("beauty", "accuracy, recall:apple, recall:forest, recall:lawn_mower, shift:1"),
    ],
)
def test_an_unknown_question_is_refused_with_the_nearest_or_all_that_there_are(run, asked, hint):
    with pytest.raises(ValueError, match="expected a question that these runs can answer") as error:
        parse_question(asked, [run])
    assert hint in str(error.value)


def test_a_question_that_one_run_cannot_answer_is_not_there(run, tmp_path):
    bare = write_run(tmp_path / "run", "stride", 0, RIGHT)
    (bare / "probes.csv").unlink()
    (bare / "train_predictions.csv").unlink()
    for asked in ("noise:16", "gap"):
        parse_question(asked, [run])
        with pytest.raises(ValueError, match=f"got '{asked}', which .*run cannot answer"):
            parse_question(asked, [run, Run(bare)])


def test_a_question_added_to_the_list_needs_nothing_else(tmp_path, monkeypatch):
    listed = questions._list_questions

    def ask(run):
        return run.predictions("test").probabilities.max(axis=1)

    def list_questions(run):
        yield from listed(run)
        yield Question("confidence", "mean confidence", ask)

    monkeypatch.setattr(questions, "_list_questions", list_questions)
    comparison = compare(write_study(tmp_path, {"a": 0.9, "b": 0.7}, 3, 30), question="confidence")
    comparison.write(tmp_path / "out")
    assert comparison.answer.startswith("By mean confidence, no difference shown between a and b.")
    assert "mean confidence, %" in (tmp_path / "out/figures/result.svg").read_text()


def test_each_kind_of_number_has_its_digits_and_units():
    assert (SHARES.value(0.941), GAPS.value(0.06), LOSSES.value(0.35)) == ("94.1 %", "6.0 points", "0.350")
    assert COMPUTE.value(9_520_000) == "9.52 MFLOP"


def test_what_rounds_to_zero_shows_its_side_and_zero_has_no_minus():
    assert SHARES.number(-1e-17) == SHARES.number(-0.0) == "0.0"
    assert SHARES.difference(-1e-17) == "+0.0 points"
    assert SHARES.difference_interval((-0.0003, 0.0004)) == "\N{MINUS SIGN}0.03 to +0.04"
    assert SHARES.number(0.000021) == "0.002"
    assert re.sub("\N{MINUS SIGN}", "-", SHARES.difference(-0.034)) == "-3.4 points"
