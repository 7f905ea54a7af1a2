"""Pictures of what a net got right and wrong: sheet of the test pictures, worst mistakes, confusion matrix."""

import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cifar_lightning.runs.calibration import confidences
from cifar_lightning.runs.folder import write_whole
from cifar_lightning.runs.scores import OTHER, Predictions
from cifar_lightning.runs.slides import (
    BLUE,
    CHARACTER_WIDTH,
    LARGE,
    MEDIUM,
    SMALL,
    VERMILION,
    draw_sentence,
    new_figure,
    save_figure,
    shorten,
    text_width,
)

SHEET_COLUMNS = 20
_MISTAKE_COLUMNS = 7
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_MISTAKE_NAME_WIDTH = 1.3  # inches, beside `truth: ` in a column of 1.9
_MATRIX_COLOURS = "Blues"
_MATRIX_NAME_WIDTH = 1.6  # inches; two of them fit into the title
_SMALLEST_COUNT = 7  # font size


def draw_test_pictures(path: Path, pictures: np.ndarray) -> None:
    """Writes `pictures`, 20 a row without gaps, pixel by pixel: a sheet that programs cut into tiles again.

    Places left over in the last row are white.

    Args:
        path: the PNG file.
        pictures: uint8 (N, S, S, 3), RGB, N at least 1, in the order of `test_predictions.csv`.
    """
    count, side = pictures.shape[:2]
    num_rows = -(-count // SHEET_COLUMNS)
    tiles = np.full((num_rows * SHEET_COLUMNS, side, side, 3), 255, np.uint8)
    tiles[:count] = pictures
    rows = tiles.reshape(num_rows, SHEET_COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4)
    sheet = Image.fromarray(rows.reshape(num_rows * side, SHEET_COLUMNS * side, 3))
    write_whole(path, lambda file: sheet.save(file, format="PNG"))


def read_test_pictures(path: Path, count: int) -> np.ndarray | None:
    """The first `count` pictures of the sheet that `draw_test_pictures` wrote, uint8 (`count`, S, S, 3).

    None where the file is something else: damaged, of another number of pictures, or no picture at all.
    """
    num_rows = -(-count // SHEET_COLUMNS)
    try:
        with warnings.catch_warnings():
            # Pillow warns of very large pictures before it refuses them.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as sheet:
                side = sheet.width // SHEET_COLUMNS
                if side == 0 or sheet.size != (SHEET_COLUMNS * side, num_rows * side):
                    return None
                pixels = np.asarray(sheet.convert("RGB"))
    # What Pillow raises on damaged files.
    except (OSError, SyntaxError, EOFError, ValueError, struct.error, *_TOO_LARGE):
        return None
    rows = pixels.reshape(num_rows, side, SHEET_COLUMNS, side, 3).transpose(0, 2, 1, 3, 4)
    return rows.reshape(-1, side, side, 3)[:count]


def find_worst_mistakes(predictions: Predictions, most: int = 20) -> np.ndarray:
    """Places, int (M,), M at most `most`, of the wrong predictions, the most confident first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return wrong[np.argsort(-confidences(predictions)[wrong], kind="stable")][:most]


def draw_mistakes(path: Path, pictures: np.ndarray, predictions: Predictions, most: int = 20) -> None:
    """Draws the most confident mistakes, each with truth, prediction and probability.

    Args:
        path: the PNG file.
        pictures: uint8 (N, S, S, 3), RGB, in the order of `predictions`.
        predictions: of these N pictures.
        most: number of mistakes to draw, at least 1.
    """
    assert len(pictures) == len(predictions.labels)
    worst = find_worst_mistakes(predictions, most)
    count = len(pictures)
    if not len(worst):
        draw_sentence(path, f"No mistakes: all {count} pictures right")
        return
    num_wrong = int((predictions.predicted != predictions.labels).sum())
    num_rows = -(-len(worst) // _MISTAKE_COLUMNS)
    num_columns = -(-len(worst) // num_rows)
    figure = new_figure(max(1.9 * num_columns, 7.6), 2.45 * num_rows + 0.6)
    figure.get_layout_engine().set(h_pad=0.12)  # type: ignore[union-attr, call-arg]
    some = "all of them" if len(worst) == num_wrong else f"the {len(worst)} most confident"
    figure.suptitle(f"{num_wrong} of {count} pictures wrong; {some}, surest first", fontsize=LARGE)
    names = [shorten(name, _MISTAKE_NAME_WIDTH) for name in (*predictions.class_names, OTHER)]
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
    for axes in grid:
        axes.set_axis_off()
    for axes, place, confidence in zip(grid, worst, confidences(predictions)[worst], strict=False):
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#BFBFBF")
        axes.imshow(pictures[place], interpolation="nearest")
        axes.set_title(f"truth: {names[predictions.labels[place]]}", fontsize=SMALL, color=BLUE, pad=4)
        said = f"net: {names[predictions.predicted[place]]}\n{_percent(confidence)}"
        axes.set_xlabel(said, fontsize=SMALL, color=VERMILION, labelpad=4)
    save_figure(figure, path)


def _percent(share: float) -> str:
    # A net is never quite certain, and "100.0 %" would say so.
    return "> 99.9 %" if share > 0.999 else f"{100 * share:.1f} %"


def draw_confusion(
    path: Path, confusion_matrix: np.ndarray | Sequence[Sequence[int]], class_names: Sequence[str]
) -> None:
    """Draws how often each class was taken for each: rows truth, columns prediction, shaded by the share of the row.

    The counts are written in as long as they can be read.

    Args:
        path: the PNG file.
        confusion_matrix: int (K, K) or, with a last column for unused outputs, (K, K + 1).
        class_names: K names.
    """
    from matplotlib.colors import PowerNorm

    counts = np.asarray(confusion_matrix)
    num_rows, num_columns = counts.shape
    assert num_rows == len(class_names)
    assert num_columns in (num_rows, num_rows + 1)
    names = [shorten(name, _MATRIX_NAME_WIDTH, MEDIUM) for name in (*class_names, OTHER)][:num_columns]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = np.clip(0.36 * num_columns, 5.8, 13.5) / num_columns  # inches
    digits = len(str(counts.max()))
    count_size = 72 * cell * min(0.5, 0.8 / (CHARACTER_WIDTH * digits))
    with_counts = count_size >= _SMALLEST_COUNT
    label_size = min(MEDIUM, 0.8 * 72 * cell)
    name_width = max(text_width(name, label_size) for name in names)
    upright = name_width > cell

    width = num_columns * cell + name_width + (1.4 if with_counts else 3.0)
    height = num_rows * cell + (name_width if upright else 0.3) + 1.6
    figure = new_figure(width, height)
    axes = figure.subplots()
    # The square root shows rare mistakes that a linear scale leaves white.
    image = axes.imshow(shares, cmap=_MATRIX_COLOURS, norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    axes.set_xticks(range(num_columns), names, fontsize=label_size, rotation=90 if upright else 0)
    axes.set_yticks(range(num_rows), names[:num_rows], fontsize=label_size)
    axes.tick_params(length=0)
    axes.set_xlabel("prediction", fontsize=MEDIUM, labelpad=8)
    axes.set_ylabel("truth", fontsize=MEDIUM, labelpad=8)
    axes.set_xticks(np.arange(1, num_columns) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, num_rows) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2 if with_counts else 0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    if with_counts:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.35 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=min(count_size, 26), color=colour)
    else:
        bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
        bar.ax.set_yticklabels(["0 %", "1 %", "5 %", "10 %", "25 %", "50 %", "100 %"], fontsize=SMALL)
        bar.set_label("share of the pictures of that class", fontsize=MEDIUM)
    figure.suptitle(_describe_confusion(counts, names), fontsize=LARGE)
    save_figure(figure, path)


def _describe_confusion(counts: np.ndarray, names: Sequence[str]) -> str:
    """Accuracy and the most frequent mistake, in words."""
    total, right = counts.sum(), counts.diagonal().sum()
    title = f"{right} of {total} right ({100 * right / max(total, 1):.1f} %)"
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    if not mistakes.any():
        return title
    row, column = map(int, np.unravel_index(mistakes.argmax(), mistakes.shape))
    times = mistakes[row, column]
    return (
        f"{title}\nmost often wrong: {names[row]} taken for {names[column]}, {times} {'times' if times > 1 else 'time'}"
    )
