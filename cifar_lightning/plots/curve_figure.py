"""The curves of a run over the epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.plots import kit
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.overfitting import describe_loss, describe_overfitting

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(path: Path, net: str, curves: Curves, val_name: str = "validation") -> None:
    """Draws loss and accuracy, train against validation, and marks the epoch of the lowest validation loss.

    The title names `net`, strategy and seed, and says how far it over-fits. `val_name` is what the run calls
    validation: `test (lab protocol)` where the test split was drawn every epoch.
    """
    figure = kit.new_figure(13.3, 6.5)
    sentences = describe_overfitting(curves, val_name).split("; ")
    kit.add_title(figure, net, "\n".join(sentence[0].upper() + sentence[1:] for sentence in sentences))
    loss, accuracy = figure.subplots(1, 2)
    lowest = then = ""
    if curves.best is not None:
        epoch = curves.epochs[curves.best]
        lowest = f"lowest: {describe_loss(curves.val_loss[curves.best])} at epoch {epoch}"
        then = f"{100 * curves.val_accuracy[curves.best]:.1f} % at that epoch ({epoch})"
    _draw_quantity(loss, curves, "loss", 1, "loss (cross-entropy)", [val_name, lowest])
    _draw_quantity(accuracy, curves, "accuracy", 100, "accuracy, %", [val_name, then])
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(top=101)
    kit.save_figure(figure, path)


def _draw_quantity(
    axes: "Axes", curves: Curves, quantity: str, factor: float, y_label: str, labels: Sequence[str]
) -> None:
    """Draws one quantity of both splits; `labels` name the validation and its mark."""
    from matplotlib.ticker import MaxNLocator

    train, val = (factor * curves[f"{split}_{quantity}"] for split in ("train", "val"))
    # A line needs two points.
    marker = "o" if len(curves.epochs) == 1 else None
    axes.plot(curves.epochs, train, color=kit.BLUE, linewidth=2, marker=marker, label="train")
    seen = np.isfinite(val)
    if seen.any():
        axes.plot(curves.epochs[seen], val[seen], color=kit.VERMILION, linewidth=2, marker=marker, label=labels[0])
    if curves.best is not None:
        when = curves.epochs[curves.best]
        axes.axvline(when, color=kit.GREY, linewidth=1.2, linestyle=":")
        best = val[curves.best]
        axes.plot([when], [best], "D", color=kit.VERMILION, markeredgecolor="black", markersize=9, label=labels[1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    kit.style_axes(axes, "epoch", y_label)
    axes.legend(fontsize=kit.MEDIUM, frameon=False)
