"""How far the probabilities of a net can be believed."""

import numpy as np
import pytest
import torch
from checks import size_of
from torchmetrics.classification import MulticlassCalibrationError

from cifar_lightning.plots.reliability import CalibrationBins, _describe_calibration, draw_reliability
from cifar_lightning.runs.predictions import Predictions

NAMES = ("apple", "forest", "lawn_mower")


def predictions_of(labels, predicted, probabilities):
    return Predictions(
        NAMES, np.arange(len(labels)), np.array(labels), np.array(predicted), np.array(probabilities, float)
    )


def random_predictions(num_outputs, num_classes, spread, count=2000):
    """Predictions, and the probabilities of all outputs, from random logits that lean towards the label."""
    generator = np.random.default_rng(num_outputs)
    labels = generator.integers(0, num_classes, count)
    logits = spread * generator.normal(size=(count, num_outputs))
    logits[np.arange(count), labels] += spread
    everything = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"class {k}" for k in range(num_classes)]
    return Predictions.from_logits(names, np.arange(count), labels, logits), everything


@pytest.mark.parametrize(
    ("num_right", "confidence", "said"),
    [
        # Wilson's interval of 257 right of 300 is 0.813 to 0.892.
        (257, 0.846, "as sure as it is right, within the uncertainty of 300 images"),
        (257, 0.80, "under-confident: 80.0 % sure on average, right in 85.7 %"),
        (257, 0.90, "over-confident: 90.0 % sure on average, right in 85.7 %"),
    ],
)
def test_a_net_is_called_over_or_under_confident_only_beyond_the_uncertainty(num_right, confidence, said):
    rest = (1 - confidence) / 2
    predicted = (np.arange(300) >= num_right).astype(int)
    predictions = predictions_of([0] * 300, predicted, np.full((300, 3), [confidence, confidence, rest]))
    assert said in _describe_calibration(CalibrationBins.sort(predictions))


@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize(("num_outputs", "num_classes"), [(2, 2), (3, 3), (4, 3), (100, 100)])
@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_calibration_error_matches_torchmetrics(num_bins, num_outputs, num_classes, spread):
    predictions, everything = random_predictions(num_outputs, num_classes, spread)
    reference = MulticlassCalibrationError(num_outputs, n_bins=num_bins, norm="l1")
    expected = reference(torch.from_numpy(everything), torch.from_numpy(predictions.labels)).item()
    assert CalibrationBins.sort(predictions, num_bins).expected_error == pytest.approx(expected, abs=1e-6)


def test_calibration_error_worked_out_by_hand():
    # Bin [0.5, 0.75): one right at 0.6, so 0.4 apart. Bin [0.75, 1]: 0.8 right, 1.0 wrong; 0.5 against 0.9.
    predictions = predictions_of([0, 0, 0], [0, 0, 1], [[0.6, 0.4, 0], [0.8, 0.2, 0], [0, 1, 0]])
    bins = CalibrationBins.sort(predictions, num_bins=4)
    assert bins.counts.tolist() == [0, 0, 1, 2]
    assert bins.accuracy[2:].tolist() == [1.0, 0.5]
    assert bins.confidence[2:] == pytest.approx([0.6, 0.9])
    assert bins.expected_error == pytest.approx(0.4 / 3 + 0.4 * 2 / 3)


@pytest.mark.parametrize("num_outputs", [3, 5])
def test_reliability_diagram_fills_half_a_slide(tmp_path, num_outputs):
    draw_reliability(tmp_path / "r.png", "avgpool, seed 3", random_predictions(num_outputs, 3, 1.0)[0])
    assert size_of(tmp_path / "r.png") == (1080, 936)
