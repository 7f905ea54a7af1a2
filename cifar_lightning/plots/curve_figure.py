"""The curves of a run over the epochs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.plots import kit
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.overfitting import describe_loss, describe_overfitting

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(path: Path, curves: Curves, val_name: str = "validation") -> None:
    """Draws loss and accuracy, train against validation, over the epochs; the title says how far the net over-fits.

    The epoch of the lowest validation loss is marked.

    Args:
        path: the PNG file.
        curves: the curves of the run.
        val_name: what the run calls validation: `test (lab protocol)` where the test split was drawn every epoch.
    """
    if not len(curves.epochs):
        kit.draw_sentence(path, "No epoch is finished")
        return
    figure = kit.new_figure(13.3, 6.5)
    sentences = describe_overfitting(curves, val_name).split("; ")
    figure.suptitle("\n".join(sentence[0].upper() + sentence[1:] for sentence in sentences), fontsize=kit.LARGE)
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
    kit.style_axes(loss, "epoch", "loss (cross-entropy)")
    kit.style_axes(accuracy, "epoch", "accuracy, %")
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=101)
    loss.legend(fontsize=kit.MEDIUM, frameon=False)
    accuracy.legend(fontsize=kit.MEDIUM, frameon=False)
    kit.save_figure(figure, path)


def _draw_pair(
    axes: "Axes",
    curves: Curves,
    train: np.ndarray,
    val: np.ndarray,
    val_name: str,
    describe_best: Callable[[float, int], str],
) -> None:
    """Draws one quantity of both splits, and a mark at the epoch of the lowest validation loss.

    `describe_best` words that mark, from the quantity and the epoch.
    """
    from matplotlib.ticker import MaxNLocator

    # A line needs two points.
    marker = "o" if len(curves.epochs) == 1 else None
    axes.plot(curves.epochs, train, color=kit.BLUE, linewidth=2, marker=marker, label="train")
    seen = np.isfinite(val)
    if seen.any():
        axes.plot(curves.epochs[seen], val[seen], color=kit.VERMILION, linewidth=2, marker=marker, label=val_name)
    if curves.best is not None:
        when = curves.epochs[curves.best]
        axes.axvline(when, color=kit.GREY, linewidth=1.2, linestyle=":")
        label = describe_best(val[curves.best], when)
        axes.plot(
            [when], [val[curves.best]], "D", color=kit.VERMILION, markeredgecolor="black", markersize=9, label=label
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
