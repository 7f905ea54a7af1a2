"""Figures of a run's curves over the epochs, and of how far its probabilities can be believed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.runs.calibration import CalibrationBins
from cifar_lightning.runs.overfitting import Curves, describe_loss, describe_overfitting
from cifar_lightning.runs.scores import Predictions, wilson_interval
from cifar_lightning.runs.slides import (
    BLUE,
    GREY,
    LARGE,
    MEDIUM,
    PALE_BLUE,
    SMALL,
    VERMILION,
    draw_sentence,
    new_figure,
    save_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# An accuracy of fewer pictures is hardly one: its 95 % interval may be 50 points wide.
_FEW = 10


def draw_curves(path: Path, curves_csv_text: str, val_name: str = "validation") -> None:
    """Draws loss and accuracy, train against validation, over the epochs; the title says how far the net over-fits.

    The epoch of the lowest validation loss is marked.

    Args:
        path: the PNG file.
        curves_csv_text: the text of a `curves.csv`.
        val_name: what the run calls validation: `test (lab protocol)` where the test split was drawn every epoch.
    """
    curves = Curves.parse(curves_csv_text)
    if not len(curves.epochs):
        draw_sentence(path, "No epoch is finished")
        return
    figure = new_figure(13.3, 6.5)
    sentences = describe_overfitting(curves_csv_text, val_name).split("; ")
    figure.suptitle("\n".join(sentence[0].upper() + sentence[1:] for sentence in sentences), fontsize=LARGE)
    loss, accuracy = figure.subplots(1, 2)
    _draw_pair(
        loss,
        curves,
        curves.train_loss,
        curves.val_loss,
        val_name,
        lambda loss, epoch: f"lowest: {describe_loss(loss)} at epoch {epoch}",
    )
    _draw_pair(
        accuracy,
        curves,
        100 * curves.train_accuracy,
        100 * curves.val_accuracy,
        val_name,
        lambda accuracy, epoch: f"{accuracy:.1f} % at that epoch ({epoch})",
    )
    style_axes(loss, "epoch", "loss (cross-entropy)")
    style_axes(accuracy, "epoch", "accuracy, %")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=101)
    loss.legend(fontsize=MEDIUM, frameon=False)
    accuracy.legend(fontsize=MEDIUM, frameon=False)
    save_figure(figure, path)


def _draw_pair(
    axes: "Axes",
    curves: Curves,
    train: np.ndarray,
    val: np.ndarray,
    val_name: str,
    describe_best: Callable[[float, int], str],
) -> None:
    """Draws one quantity of both splits, and a mark at the epoch of the lowest validation loss.

    `describe_best` says in words what the quantity is there, given the epoch.
    """
    from matplotlib.ticker import MaxNLocator

    # A line needs two points.
    marker = "o" if len(curves.epochs) == 1 else None
    axes.plot(curves.epochs, train, color=BLUE, linewidth=2, marker=marker, label="train")
    seen = np.isfinite(val)
    if seen.any():
        axes.plot(curves.epochs[seen], val[seen], color=VERMILION, linewidth=2, marker=marker, label=val_name)
    if curves.best is not None:
        when = curves.epochs[curves.best]
        axes.axvline(when, color=GREY, linewidth=1.2, linestyle=":")
        label = describe_best(val[curves.best], when)
        axes.plot([when], [val[curves.best]], "D", color=VERMILION, markeredgecolor="black", markersize=9, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


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
    for part, colour, label in (
        (bins.counts >= _FEW, BLUE, "accuracy"),
        (filled & (bins.counts < _FEW), PALE_BLUE, f"accuracy of fewer than {_FEW} pictures"),
    ):
        if part.any():
            upper.bar(
                left[part], bins.accuracy[part], width, align="edge", color=colour, edgecolor="white", label=label
            )
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.5, label="as sure as it is right")
    middles = left[filled] + width / 2
    upper.vlines(middles, bins.accuracy[filled], bins.confidence[filled], color=VERMILION, linewidth=2.5)
    upper.plot(middles, bins.confidence[filled], "D", color=VERMILION, markersize=8, label="mean confidence")
    upper.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=MEDIUM, frameon=False)
    upper.set(xlim=(0, 1), ylim=(0, 1.03))
    style_axes(upper, "", "share of right answers")
    bars = lower.bar(left, bins.counts, width, align="edge", color=BLUE, edgecolor="white")
    lower.bar_label(bars, [str(count) if count else "" for count in bins.counts], fontsize=SMALL, padding=2)
    lower.margins(y=0.25)
    style_axes(lower, "confidence: probability of the predicted class", "pictures")
    figure.suptitle(_describe_calibration(bins), fontsize=LARGE)
    save_figure(figure, path)


def _describe_calibration(bins: CalibrationBins) -> str:
    """Expected calibration error, and on which side of the truth the net errs, if that is not the chance of few."""
    filled, count = bins.counts > 0, int(bins.counts.sum())
    weights = bins.counts[filled] / count
    confidence, accuracy = (float(values[filled] @ weights) for values in (bins.confidence, bins.accuracy))
    low, high = wilson_interval(round(accuracy * count), count) or (0, 1)
    sure = f"{100 * confidence:.1f} % sure on average, right in {100 * accuracy:.1f} %"
    if low <= confidence <= high:
        verdict = f"{sure}:\nas sure as it is right, within the uncertainty of {count} pictures"
    else:
        verdict = f"{'over' if confidence > accuracy else 'under'}-confident: {sure}"
    return f"Expected calibration error {bins.expected_error:.3f} ({len(bins.counts)} bins)\n{verdict}"
