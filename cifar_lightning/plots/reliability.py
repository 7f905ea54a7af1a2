"""How far the probabilities of a net can be believed: confidences, bins, expected calibration error, and a figure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cifar_lightning.plots import kit
from cifar_lightning.runs.predictions import Predictions, wilson_interval

# An accuracy over fewer images says little: its 95 % interval may be 50 points wide.
_FEW = 10


def confidences(predictions: Predictions) -> np.ndarray:
    """The probability of each answer, float64 (N,), 0..1.

    For an unused output it is what the classes leave over, 1 - sum.
    """
    left_over = 1 - predictions.probabilities.sum(axis=1, keepdims=True)
    probabilities = np.concatenate([predictions.probabilities, left_over], axis=1)
    return probabilities[np.arange(len(predictions.predicted)), predictions.predicted].clip(0, 1)


@dataclass(frozen=True)
class CalibrationBins:
    """Images sorted by confidence into M bins of equal width; each bin contains its lower edge, the last one 1 as well.

    Attributes:
        edges: float64 (M + 1,), 0..1.
        counts: int (M,), the number of images per bin.
        accuracy: float64 (M,), 0..1, the share of right predictions; NaN in an empty bin.
        confidence: float64 (M,), 0..1, the mean confidence; NaN in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    accuracy: np.ndarray
    confidence: np.ndarray

    @classmethod
    def sort(cls, predictions: Predictions, num_bins: int = 10) -> "CalibrationBins":
        values = confidences(predictions)
        edges = np.linspace(0, 1, num_bins + 1)
        places = np.minimum(np.searchsorted(edges, values, side="right") - 1, num_bins - 1)
        right = predictions.is_right
        counts = np.bincount(places, minlength=num_bins)
        with np.errstate(invalid="ignore"):
            accuracy = np.bincount(places, weights=right, minlength=num_bins) / counts
            confidence = np.bincount(places, weights=values, minlength=num_bins) / counts
        return cls(edges, counts, accuracy, confidence)

    @property
    def expected_error(self) -> float:
        """The sum over bins of (share of the images) * |accuracy - mean confidence|, 0..1; NaN without images.

        Source: Naeini 2015 (AAAI), formula as in Guo 2017, arXiv:1706.04599, eq. 3. torchmetrics'
        `MulticlassCalibrationError(norm="l1")` rounds to float32 and has another bin for confidences of 1.
        """
        filled = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float(gaps @ self.counts[filled] / self.counts.sum()) if filled.any() else float("nan")


def draw_reliability(path: Path, net: str, predictions: Predictions) -> None:
    """Draws accuracy against confidence, and the images per bin; the title names `net`, strategy and seed."""
    bins = CalibrationBins.sort(predictions)
    filled = bins.counts > 0
    left, width = bins.edges[:-1], bins.edges[1]
    figure = kit.new_figure(9, 7.8)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for part, colour, label in (
        (bins.counts >= _FEW, kit.BLUE, "accuracy"),
        (filled & (bins.counts < _FEW), kit.PALE_BLUE, f"accuracy of fewer than {_FEW} images"),
    ):
        if part.any():
            upper.bar(
                left[part], bins.accuracy[part], width, align="edge", color=colour, edgecolor="white", label=label
            )
    upper.plot([0, 1], [0, 1], color=kit.GREY, linestyle="--", linewidth=1.5, label="as sure as it is right")
    middles = left[filled] + width / 2
    upper.vlines(middles, bins.accuracy[filled], bins.confidence[filled], color=kit.VERMILION, linewidth=2.5)
    upper.plot(middles, bins.confidence[filled], "D", color=kit.VERMILION, markersize=8, label="mean confidence")
    upper.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=kit.MEDIUM, frameon=False)
    upper.set(xlim=(0, 1), ylim=(0, 1.03))
    kit.style_axes(upper, "", "share of right answers")
    bars = lower.bar(left, bins.counts, width, align="edge", color=kit.BLUE, edgecolor="white")
    lower.bar_label(bars, [str(count) if count else "" for count in bins.counts], fontsize=kit.SMALL, padding=2)
    lower.margins(y=0.25)
    kit.style_axes(lower, "confidence: probability of the predicted class", "images")
    kit.add_title(figure, net, _describe_calibration(bins))
    kit.save_figure(figure, path)


def _describe_calibration(bins: CalibrationBins) -> str:
    filled, count = bins.counts > 0, int(bins.counts.sum())
    weights = bins.counts[filled] / count
    confidence, accuracy = (float(values[filled] @ weights) for values in (bins.confidence, bins.accuracy))
    low, high = wilson_interval(accuracy, count)
    sure = f"{100 * confidence:.1f} % sure on average, right in {100 * accuracy:.1f} %"
    if low <= confidence <= high:
        verdict = f"{sure}:\nas sure as it is right, within the uncertainty of {count} images"
    else:
        verdict = f"{'over' if confidence > accuracy else 'under'}-confident: {sure}"
    return f"Expected calibration error {bins.expected_error:.3f} ({len(bins.counts)} bins)\n{verdict}"
