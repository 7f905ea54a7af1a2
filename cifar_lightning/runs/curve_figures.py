"""Figures of a run's curves over the epochs, and of how far its probabilities can be believed."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.runs.calibration import CalibrationBins
from cifar_lightning.runs.overfitting import Curves, describe_overfitting
from cifar_lightning.runs.scores import Predictions
from cifar_lightning.runs.slides import (
    BLUE,
    GREY,
    LARGE,
    MEDIUM,
    SMALL,
    VERMILION,
    new_figure,
    save_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(path: Path, curves_csv_text: str, val_name: str = "validation") -> None:
    """Draws loss and accuracy, train against validation, over the epochs; the title says how far the net over-fits.

    The epoch of the lowest validation loss is marked.

    Args:
        path: the PNG file.
        curves_csv_text: the text of a `curves.csv`.
        val_name: what the run calls validation: `test (lab protocol)` where the test split was drawn every epoch.
    """
    curves = Curves.parse(curves_csv_text)
    figure = new_figure(13.3, 6.5)
    title = describe_overfitting(curves_csv_text, val_name).replace("; ", "\n")
    figure.suptitle(title[0].upper() + title[1:], fontsize=LARGE)
    loss, accuracy = figure.subplots(1, 2)
    _draw_pair(loss, curves, curves.train_loss, curves.val_loss, val_name)
    _draw_pair(accuracy, curves, 100 * curves.train_accuracy, 100 * curves.val_accuracy, val_name)
    style_axes(loss, "epoch", "loss (cross-entropy)")
    style_axes(accuracy, "epoch", "accuracy, %")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=101)
    accuracy.legend(loc="lower right", fontsize=MEDIUM, frameon=False)
    if curves.best is not None:
        label = f"lowest: {curves.val_loss[curves.best]:.3f}\nat epoch {curves.epochs[curves.best]}"
        loss.annotate(
            label,
            (curves.epochs[curves.best], curves.val_loss[curves.best]),
            (0.5, 0.72),
            textcoords="axes fraction",
            fontsize=MEDIUM,
            ha="center",
            arrowprops={"arrowstyle": "->", "color": GREY},
        )
    save_figure(figure, path)


def _draw_pair(axes: "Axes", curves: Curves, train: np.ndarray, val: np.ndarray, val_name: str) -> None:
    """Draws one quantity of both splits, and a mark at the epoch of the lowest validation loss."""
    # A line needs two points.
    marker = "o" if len(curves.epochs) == 1 else None
    axes.plot(curves.epochs, train, color=BLUE, linewidth=2, marker=marker, label="train")
    seen = np.isfinite(val)
    if seen.any():
        axes.plot(curves.epochs[seen], val[seen], color=VERMILION, linewidth=2, marker=marker, label=val_name)
    if curves.best is not None:
        when = curves.epochs[curves.best]
        axes.axvline(when, color=GREY, linewidth=1.2, linestyle=":")
        label = f"lowest {val_name} loss"
        axes.plot([when], [val[curves.best]], "D", color=VERMILION, markeredgecolor="black", markersize=9, label=label)
    axes.xaxis.get_major_locator().set_params(integer=True)


def draw_reliability(path: Path, predictions: Predictions, num_bins: int = 10) -> None:
    """Draws accuracy against confidence, the expected calibration error in the title, and how many pictures a bin has.

    Args:
        path: the PNG file.
        predictions: of one split.
        num_bins: bins of equal width, at least 1.
    """
    bins = CalibrationBins.sort(predictions, num_bins)
    filled = bins.counts > 0
    left, width = bins.edges[:-1], 1 / num_bins
    figure = new_figure(9, 7.5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.bar(left[filled], bins.accuracy[filled], width, align="edge", color=BLUE, edgecolor="white", label="accuracy")
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.5, label="as sure as it is right")
    middles = left[filled] + width / 2
    upper.vlines(middles, bins.accuracy[filled], bins.confidence[filled], color=VERMILION, linewidth=2.5)
    upper.plot(middles, bins.confidence[filled], "D", color=VERMILION, markersize=8, label="mean confidence")
    upper.legend(loc="upper left", fontsize=MEDIUM, frameon=False)
    upper.set(xlim=(0, 1), ylim=(0, 1.05))
    style_axes(upper, "", "share of right answers")
    bars = lower.bar(left, bins.counts, width, align="edge", color=BLUE, edgecolor="white")
    lower.bar_label(bars, [str(count) if count else "" for count in bins.counts], fontsize=SMALL, padding=2)
    lower.margins(y=0.25)
    style_axes(lower, "confidence: probability of the predicted class", "pictures")
    figure.suptitle(_describe_calibration(bins), fontsize=LARGE)
    save_figure(figure, path)


def _describe_calibration(bins: CalibrationBins) -> str:
    """Expected calibration error, and on which side of the truth the net errs."""
    filled = bins.counts > 0
    weights = bins.counts[filled] / bins.counts.sum()
    confidence, accuracy = 100 * bins.confidence[filled] @ weights, 100 * bins.accuracy[filled] @ weights
    side = "over-confident" if confidence > accuracy else "under-confident"
    return (
        f"Expected calibration error {bins.expected_error:.3f} ({len(bins.counts)} bins)\n"
        f"{side}: sure to {confidence:.1f} % on average, right in {accuracy:.1f} %"
    )
