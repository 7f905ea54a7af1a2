"""How often each class was taken for each other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cifar_lightning.plots import kit
from cifar_lightning.runs.predictions import OTHER

_NAME_WIDTH = 1.6  # inches; two of them fit into the title
_SMALLEST_COUNT = 7  # font size


def draw_confusion(
    path: Path, net: str, confusion_matrix: np.ndarray | Sequence[Sequence[int]], class_names: Sequence[str]
) -> None:
    """Draws how often each class (row) was predicted as each class (column), shaded by the share of the row.

    The counts are written into the cells as long as they can be read; `net`, strategy and seed, is in the title.

    `confusion_matrix`: int (K, K) or, with a last column for unused outputs, (K, K + 1), for K `class_names`.
    """
    from matplotlib.colors import PowerNorm

    counts = np.asarray(confusion_matrix)
    num_rows, num_columns = counts.shape
    assert num_rows == len(class_names)
    assert num_columns in (num_rows, num_rows + 1)
    names = [kit.shorten(name, _NAME_WIDTH, kit.MEDIUM) for name in (*class_names, OTHER)][:num_columns]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = np.clip(0.36 * num_columns, 5.8, 13.5) / num_columns  # inches
    digits = len(str(counts.max()))
    count_size = 72 * cell * min(0.5, 0.8 / (kit.CHARACTER_WIDTH * digits))
    with_counts = count_size >= _SMALLEST_COUNT
    label_size = min(kit.MEDIUM, 0.8 * 72 * cell)
    name_width = max(map(len, names)) * kit.CHARACTER_WIDTH * label_size / kit.POINTS_PER_INCH
    upright = name_width > cell

    width = num_columns * cell + name_width + (1.4 if with_counts else 3.0)
    height = num_rows * cell + (name_width if upright else 0.3) + 1.9
    figure = kit.new_figure(width, height)
    axes = figure.subplots()
    # The square root shows rare mistakes that a linear scale leaves white.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    axes.set_xticks(range(num_columns), names, fontsize=label_size, rotation=90 if upright else 0)
    axes.set_yticks(range(num_rows), names[:num_rows], fontsize=label_size)
    axes.tick_params(length=0)
    axes.set_xlabel("prediction", fontsize=kit.MEDIUM, labelpad=8)
    axes.set_ylabel("truth", fontsize=kit.MEDIUM, labelpad=8)
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
        bar.ax.set_yticklabels(["0 %", "1 %", "5 %", "10 %", "25 %", "50 %", "100 %"], fontsize=kit.SMALL)
        bar.set_label("share of the images of that class", fontsize=kit.MEDIUM)
    kit.add_title(figure, net, _describe_confusion(counts, names))
    kit.save_figure(figure, path)


def _describe_confusion(counts: np.ndarray, names: Sequence[str]) -> str:
    total, right = counts.sum(), counts.diagonal().sum()
    title = f"{right} of {total} right ({100 * right / max(total, 1):.1f} %)"
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    if not mistakes.any():
        return title
    row, column = map(int, np.unravel_index(mistakes.argmax(), mistakes.shape))
    times = f"{mistakes[row, column]} time{'s' if mistakes[row, column] > 1 else ''}"
    return f"{title}\nmost often wrong: {names[row]} taken for {names[column]}, {times}"
