"""The mistakes that a net is most confident of."""

from pathlib import Path

import numpy as np

from cifar_lightning.plots import kit
from cifar_lightning.plots.reliability import confidences
from cifar_lightning.runs.predictions import OTHER, Predictions

_COLUMNS = 7
_NAME_WIDTH = 1.3  # inches, beside `truth: ` in a column of 1.9


def find_worst_mistakes(predictions: Predictions, most: int = 20) -> np.ndarray:
    """The places of the wrong predictions, the most confident first; int (M,), M at most `most`."""
    wrong = np.flatnonzero(~predictions.is_right)
    return wrong[np.argsort(-confidences(predictions)[wrong], kind="stable")][:most]


def draw_mistakes(path: Path, net: str, images: np.ndarray, predictions: Predictions) -> None:
    """Draws the most confident mistakes, each with truth, prediction and probability; `net` is in the title.

    `images`: uint8 (N, S, S, 3), RGB, in the order of `predictions`.
    """
    assert len(images) == len(predictions.labels)
    worst = find_worst_mistakes(predictions)
    count = len(images)
    if not len(worst):
        kit.draw_sentence(path, net, f"No mistakes: all {count} images right")
        return
    num_wrong = int((~predictions.is_right).sum())
    num_rows = -(-len(worst) // _COLUMNS)
    num_columns = -(-len(worst) // num_rows)
    figure = kit.new_figure(max(1.9 * num_columns, 7.6), 2.45 * num_rows + 0.9)
    figure.get_layout_engine().set(h_pad=0.12)  # type: ignore[union-attr, call-arg]
    some = "all of them" if len(worst) == num_wrong else f"the {len(worst)} most confident"
    kit.add_title(figure, net, f"{num_wrong} of {count} images wrong; {some}, surest first")
    names = [kit.shorten(name, _NAME_WIDTH) for name in (*predictions.class_names, OTHER)]
    grid = kit.new_grid(figure, num_rows, num_columns)
    for axes, place, confidence in zip(grid, worst, confidences(predictions)[worst], strict=False):
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#BFBFBF")
        axes.imshow(images[place], interpolation="nearest")
        axes.set_title(f"truth: {names[predictions.labels[place]]}", fontsize=kit.SMALL, color=kit.BLUE, pad=4)
        # A net is never quite certain, and "100.0 %" would say so.
        percent = "> 99.9 %" if confidence > 0.999 else f"{100 * confidence:.1f} %"
        said = f"net: {names[predictions.predicted[place]]}\n{percent}"
        axes.set_xlabel(said, fontsize=kit.SMALL, color=kit.VERMILION, labelpad=4)
    kit.save_figure(figure, path)
