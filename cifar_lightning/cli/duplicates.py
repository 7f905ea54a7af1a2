"""`data --duplicates`: test pictures with a near copy among the training pictures, listed and drawn."""

from pathlib import Path

import numpy as np
from rich.table import Table

from cifar_lightning.cli.tables import plain_console
from cifar_lightning.data import LabelledImages
from cifar_lightning.data.near_duplicates import THRESHOLD, NearestPairs
from cifar_lightning.runs.slides import GREY, LARGE, SMALL, VERMILION, new_figure, save_figure, shorten

_NUM_DRAWN, _PAIRS_A_ROW = 20, 5
_NAME_WIDTH = 1.2  # inches: two names above a pair of 2.7


def print_copies(pairs: NearestPairs, num_training: int) -> None:
    """Lists the near copies by index and class, the closest first."""
    copies = pairs.duplicates()
    table = Table()
    for column in ("test picture", "class", "training picture", "class", "similarity"):
        table.add_column(column, justify="left" if column == "class" else "right")
    columns = [
        [str(index) for index in copies.test.indices.tolist()],
        _classes(copies.test),
        [str(index) for index in copies.training.indices.tolist()],
        _classes(copies.training),
        [f"{similarity:.3f}" for similarity in copies.similarity.tolist()],
    ]
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    console = plain_console()
    console.print(table)
    console.print(
        f"{len(copies.similarity)} of {len(pairs.similarity)} test pictures have a near copy (similarity of at least"
        f" {THRESHOLD}) among the {num_training} training pictures",
        soft_wrap=True,
    )


def draw_closest(pairs: NearestPairs, path: Path) -> None:
    """Draws the 20 closest pairs, each test picture beside its training picture, with their classes and similarity."""
    closest = pairs.first(_NUM_DRAWN)
    count = len(closest.similarity)
    num_columns, num_rows = min(count, _PAIRS_A_ROW), -(-count // _PAIRS_A_ROW)
    figure = new_figure(max(2.7 * num_columns, 7.5), 1.85 * num_rows + 0.7)
    few = " (grey: not near enough)" if (closest.similarity < THRESHOLD).any() else ""
    figure.suptitle(f"The {count} closest pairs: test picture left, training picture right{few}", fontsize=LARGE)
    grid = figure.subplots(num_rows, num_columns, squeeze=False).flatten()
    for axes in grid:
        axes.set_axis_off()
    tests, trainings = (split.images.permute(0, 2, 3, 1).numpy() for split in (closest.test, closest.training))
    gap = np.full((len(tests[0]), max(1, len(tests[0]) // 16), 3), 255, np.uint8)
    classes = zip(_classes(closest.test), _classes(closest.training), strict=True)
    for axes, test, training, names, similarity in zip(
        grid, tests, trainings, classes, closest.similarity.tolist(), strict=False
    ):
        axes.imshow(np.concatenate([test, gap, training], axis=1), interpolation="nearest")
        title = " | ".join(shorten(name, _NAME_WIDTH) for name in dict.fromkeys(names))
        colour = VERMILION if similarity >= THRESHOLD else GREY
        axes.set_title(f"{title}\nsimilarity {similarity:.3f}", fontsize=SMALL, color=colour)
    save_figure(figure, path)


def _classes(images: LabelledImages) -> list[str]:
    """The class of each picture."""
    return [images.class_names[label] for label in images.labels.tolist()]
