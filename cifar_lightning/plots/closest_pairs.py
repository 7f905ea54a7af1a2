"""The figure of test images beside the training images most like them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cifar_lightning.plots.kit import GREY, LARGE, SMALL, VERMILION, new_figure, new_grid, save_figure, shorten

_PAIRS_A_ROW = 5
_NAME_WIDTH = 1.2  # inches: two names above a pair of 2.7


def draw_closest_pairs(
    path: Path,
    tests: np.ndarray,
    trainings: np.ndarray,
    classes: Sequence[tuple[str, str]],
    similarity: Sequence[float],
    threshold: float,
) -> None:
    """Draws N pairs, each test image beside its training image, both uint8 (N, S, S, 3), RGB.

    Above each are its two `classes` and its `similarity`, -1..1, in grey below the `threshold` of near-duplicates.
    """
    count = len(similarity)
    num_columns, num_rows = min(count, _PAIRS_A_ROW), -(-count // _PAIRS_A_ROW)
    figure = new_figure(max(2.7 * num_columns, 7.5), 1.85 * num_rows + 0.7)
    few = " (grey: not near enough)" if min(similarity) < threshold else ""
    figure.suptitle(f"The {count} closest pairs: test image left, training image right{few}", fontsize=LARGE)
    grid = new_grid(figure, num_rows, num_columns)
    gap = np.full((len(tests[0]), max(1, len(tests[0]) // 16), 3), 255, np.uint8)
    for axes, test, training, names, value in zip(grid, tests, trainings, classes, similarity, strict=False):
        axes.imshow(np.concatenate([test, gap, training], axis=1), interpolation="nearest")
        title = " | ".join(shorten(name, _NAME_WIDTH) for name in dict.fromkeys(names))
        axes.set_title(
            f"{title}\nsimilarity {value:.3f}", fontsize=SMALL, color=VERMILION if value >= threshold else GREY
        )
    save_figure(figure, path)
