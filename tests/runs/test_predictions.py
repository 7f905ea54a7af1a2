"""Predictions as CSV, and their scores against scikit-learn."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, f1_score, log_loss

from cifar_lightning.runs.predictions import Predictions, wilson_interval

NAMES = ["apple", "forest", "lawn_mower"]


def draw(num_outputs=3, labels_in_use=(0, 1, 2), count=60, dtype=np.float32, seed=0):
    """Labels and logits of a net that is right more often than not."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(labels_in_use, count)
    logits = generator.normal(0, 2, (count, num_outputs)).astype(dtype)
    logits[np.arange(count), labels] += 2
    return labels, logits


def make_predictions(**settings):
    labels, logits = draw(**settings)
    return Predictions.from_logits(NAMES, np.arange(len(labels)) * 3 + 1, labels, logits), labels, logits


def assert_same(first, second):
    assert list(first.class_names) == list(second.class_names)
    for name in ("indices", "labels", "predicted", "probabilities"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize("num_outputs", [3, 4, 100])
def test_probabilities_are_those_of_the_softmax_over_all_outputs(num_outputs):
    predictions, _, logits = make_predictions(num_outputs=num_outputs)
    expected = softmax(logits.astype(np.float64), axis=1)[:, :3]
    np.testing.assert_allclose(predictions.probabilities, expected, rtol=1e-13)
    assert predictions.probabilities.dtype == np.float64
    winners = logits.argmax(1)
    assert predictions.predicted.tolist() == np.where(winners < 3, winners, 3).tolist()


def test_large_logits_do_not_overflow():
    logits = np.array([[1e30, 0, -1e30], [-800, -801, -802]], np.float32)
    predictions = Predictions.from_logits(NAMES, np.arange(2), np.array([0, 1]), logits)
    assert predictions.probabilities[0].tolist() == [1, 0, 0]
    np.testing.assert_allclose(predictions.probabilities[1], softmax([0.0, -1, -2]), rtol=1e-13)


@pytest.mark.parametrize("num_outputs", [3, 5, 100])
@pytest.mark.parametrize("labels_in_use", [(0, 1, 2), (0, 2)], ids=["all", "one absent"])
def test_scores_match_scikit_learn(num_outputs, labels_in_use):
    predictions, labels, logits = make_predictions(num_outputs=num_outputs, labels_in_use=labels_in_use)
    predicted = predictions.predicted
    assert (3 in predicted) == (num_outputs > 3)
    scores = predictions.scores()
    report = classification_report(
        labels, predicted, labels=[0, 1, 2], target_names=NAMES, output_dict=True, zero_division=0
    )
    for row in scores.classes:
        theirs = report[row.name]
        assert row.support == theirs["support"]
        assert row.precision == pytest.approx(theirs["precision"], abs=1e-12)
        if row.support:
            assert row.recall == pytest.approx(theirs["recall"], abs=1e-12)
            assert row.f1 == pytest.approx(theirs["f1-score"], abs=1e-12)
        else:
            assert (row.name, row.recall, row.f1) == ("forest", None, None)
    assert scores.accuracy == pytest.approx((labels == predicted).mean(), abs=1e-12)
    macro_f1 = f1_score(labels, predicted, labels=labels_in_use, average="macro", zero_division=0)
    assert scores.macro_f1 == pytest.approx(macro_f1, abs=1e-12)
    num_columns = 3 if num_outputs == 3 else 4
    matrix = confusion_matrix(labels, predicted, labels=range(num_columns))[:3]
    assert scores.confusion_matrix == matrix.tolist()
    probabilities = softmax(logits.astype(np.float64), axis=1)
    assert scores.loss == pytest.approx(log_loss(labels, probabilities, labels=range(num_outputs)), abs=1e-12)


def test_scores_worked_out_by_hand():
    logits = np.log([[8.0, 1, 1, 1], [1, 8, 1, 1], [1, 1, 1, 8], [4, 1, 2, 1], [1, 1, 4, 1]])
    scores = Predictions.from_logits(NAMES, np.arange(5), np.array([0, 0, 1, 1, 2]), logits).scores()
    assert scores.confusion_matrix == [[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]
    assert scores.accuracy == 2 / 5
    rows = [[row.name, row.precision, row.recall, row.f1, row.support] for row in scores.classes]
    assert rows == [["apple", 0.5, 0.5, 0.5, 2], ["forest", 0, 0, 0, 2], ["lawn_mower", 1, 1, 1, 1]]
    assert scores.macro_f1 == 0.5
    probabilities_of_truth = [8 / 11, 1 / 11, 1 / 11, 1 / 8, 4 / 7]
    assert scores.loss == pytest.approx(-sum(map(math.log, probabilities_of_truth)) / 5, abs=1e-12)


def wilson(share, count, z=1.959963984540054):
    """Wilson's interval as he wrote it in 1927."""
    centre = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return [(centre - half) / (1 + z**2 / count), (centre + half) / (1 + z**2 / count)]


def test_intervals_are_wilsons():
    predictions, _, _ = make_predictions(num_outputs=5, labels_in_use=(0, 2))
    scores = predictions.scores()
    assert scores.accuracy_ci95 == pytest.approx(wilson(scores.accuracy, 60), abs=1e-12)
    apple, forest, lawn_mower = scores.classes
    assert forest.recall_ci95 is None
    for row in (apple, lawn_mower):
        assert row.recall_ci95 == pytest.approx(wilson(row.recall, row.support), abs=1e-12)


def test_255_of_300_images_are_80_5_to_88_6_percent():
    labels = np.zeros(300, int)
    predicted = (np.arange(300) >= 255).astype(int)
    probabilities = np.full((300, 3), 1 / 3)
    scores = Predictions(NAMES, np.arange(300), labels, predicted, probabilities).scores()
    assert scores.accuracy_ci95 == pytest.approx([0.805, 0.886], abs=5e-4)


def test_one_confident_mistake_keeps_the_loss_finite():
    logits = np.array([[0.0, 10_000, 0], [0, 10_000, 0]])
    scores = Predictions.from_logits(NAMES, np.arange(2), np.array([0, 1]), logits).scores()
    # The smallest number above zero is 2^-1074.
    assert scores.loss == pytest.approx(1074 * math.log(2) / 2)


def test_the_file_contains_names_and_full_numbers(tmp_path):
    probabilities = np.array([[0.1, 0.7, 1 / 3], [1e-300, 0.25, 0.0]])
    Predictions(NAMES, np.array([5, 9]), np.array([1, 0]), np.array([1, 3]), probabilities).write(tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == (
        "index,label,predicted,apple,forest,lawn_mower\n"
        "5,forest,forest,0.1,0.7,0.3333333333333333\n"
        "9,apple,(other),1e-300,0.25,0.0\n"
    )


@pytest.mark.parametrize("num_outputs", [3, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reading_gives_back_every_bit(tmp_path, num_outputs, dtype):
    predictions, _, _ = make_predictions(num_outputs=num_outputs, dtype=dtype)
    predictions.write(tmp_path / "p.csv")
    assert_same(Predictions.read(tmp_path / "p.csv"), predictions)


def test_scores_recomputed_from_the_file_are_equal(tmp_path):
    predictions, _, _ = make_predictions(num_outputs=100, labels_in_use=(0, 2))
    predictions.write(tmp_path / "p.csv")
    assert Predictions.read(tmp_path / "p.csv").scores() == predictions.scores()


ODD_NAMES = ["a, b", 'the "best"', "zwölf\nZeilen", "a\tb", " 猫 "]


def test_class_names_may_be_anything(tmp_path):
    labels, logits = draw(num_outputs=6, labels_in_use=range(5))
    predictions = Predictions.from_logits(ODD_NAMES, np.arange(60), labels, logits)
    predictions.write(tmp_path / "p.csv")
    assert_same(Predictions.read(tmp_path / "p.csv"), predictions)


def test_the_file_is_read_as_utf8_whatever_the_machine_prefers(tmp_path):
    labels, logits = draw(num_outputs=6, labels_in_use=range(5))
    Predictions.from_logits(ODD_NAMES, np.arange(60), labels, logits).write(tmp_path / "p.csv")
    code = (
        "import sys, warnings; from pathlib import Path; from cifar_lightning.runs.predictions import Predictions;"
        "warnings.simplefilter('error', EncodingWarning); Predictions.read(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-X", "warn_default_encoding", "-c", code, str(tmp_path / "p.csv")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text.replace("apple,", "aple,", 2),
        lambda text: text[: text.rindex(",")],
        lambda text: text.replace("0.", "O.", 1),
    ],
    ids=["empty", "unknown name", "cut short", "a letter for a digit"],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    predictions, _, _ = make_predictions()
    path = tmp_path / "p.csv"
    predictions.write(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=r"expected a table of predictions, but .*p\.csv is damaged"):
        Predictions.read(path)


def test_columns_have_the_names_of_the_file():
    predictions, labels, _ = make_predictions()
    assert list(predictions.keys()) == ["index", "label", "predicted", *NAMES]
    assert predictions["label"].tolist() == [NAMES[label] for label in labels]
    assert np.array_equal(predictions["forest"], predictions.probabilities[:, 1])


def test_near_duplicates_are_left_out_of_the_accuracy():
    predictions, _, _ = make_predictions()
    without = predictions.scores_without(predictions.indices[:20])
    assert (without.count, without.accuracy) == (40, predictions.is_right[20:].mean())
    assert predictions.scores_without(predictions.indices).accuracy is None


@pytest.mark.parametrize(("num_right", "count"), [(0, 7), (7, 7), (255, 300), (1, 2)])
def test_wilson_matches_scipy(num_right, count):
    theirs = binomtest(num_right, count).proportion_ci(method="wilson")
    assert wilson_interval(num_right / count, count) == pytest.approx([theirs.low, theirs.high], abs=1e-12)
