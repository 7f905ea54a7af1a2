"""Whether the probabilities of a net can be believed: confidences, bins, expected calibration error."""

from dataclasses import dataclass

import numpy as np

from cifar_lightning.runs.scores import Predictions


def confidences(predictions: Predictions) -> np.ndarray:
    """Probability of what is predicted, float64 (N,), 0..1.

    For an unused output it is what the classes leave over, 1 - sum: the file does not say how several unused outputs
    share it.
    """
    left_over = 1 - predictions.probabilities.sum(axis=1, keepdims=True)
    probabilities = np.concatenate([predictions.probabilities, left_over], axis=1)
    return probabilities[np.arange(len(predictions.predicted)), predictions.predicted].clip(0, 1)


@dataclass(frozen=True)
class CalibrationBins:
    """Pictures sorted by confidence into M bins of equal width; each bin holds its lower edge, the last one 1 as well.

    Attributes:
        edges: float64 (M + 1,), 0..1.
        counts: int (M,): pictures a bin.
        accuracy: float64 (M,), 0..1: share of right predictions; NaN in an empty bin.
        confidence: float64 (M,), 0..1: mean confidence; NaN in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    accuracy: np.ndarray
    confidence: np.ndarray

    @classmethod
    def sort(cls, predictions: Predictions, num_bins: int = 10) -> "CalibrationBins":
        """Sorts `predictions` into `num_bins` bins of equal width, at least one."""
        values = confidences(predictions)
        edges = np.linspace(0, 1, num_bins + 1)
        places = np.minimum(np.searchsorted(edges, values, side="right") - 1, num_bins - 1)
        right = predictions.predicted == predictions.labels
        counts = np.bincount(places, minlength=num_bins)
        with np.errstate(invalid="ignore"):
            accuracy = np.bincount(places, weights=right, minlength=num_bins) / counts
            confidence = np.bincount(places, weights=values, minlength=num_bins) / counts
        return cls(edges, counts, accuracy, confidence)

    @property
    def expected_error(self) -> float:
        """Sum over bins of (share of the pictures) * |accuracy - mean confidence|, 0..1; NaN without pictures.

        Source: Naeini 2015 (AAAI), formula as in Guo 2017, arXiv:1706.04599, eq. 3. The same as torchmetrics'
        `MulticlassCalibrationError(norm="l1")`, save that torchmetrics rounds to float32 and gives confidences of 1 a
        bin of their own.
        """
        filled = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float(gaps @ self.counts[filled] / self.counts.sum()) if filled.any() else float("nan")
