"""What the figures of a run share: colours, font sizes, and PNG files that are written whole or not at all.

matplotlib is imported when a figure is drawn and not before: it takes a good part of a second. Its `pyplot` is never
used: that one keeps global state and may open windows.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cifar_lightning.runs.folder import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two that the colour-blind tell apart, also in print. Source: Okabe and Ito 2008, "Color Universal Design".
BLUE = "#0072B2"
PALE_BLUE = "#99C7E0"
VERMILION = "#C44E00"  # a little darker than theirs, so that text can be read on white
GREY = "#595959"

SMALL, MEDIUM, LARGE = 12, 14, 17
# A character is about this share of the font size wide.
CHARACTER_WIDTH = 0.6
_DOTS_PER_INCH = 120
# More of a name need not be measured: they never fit.
_MOST_LETTERS = 60


def new_figure(width: float, height: float) -> "Figure":
    """An empty white figure, `width` by `height` inches; a slide is 13.3 by 7.5."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained", facecolor="white")


@contextmanager
def any_letters() -> Iterator[None]:
    """Draws names without a warning: they are the user's, and what the font lacks becomes a box, in SVG stays text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from|Matplotlib currently does not support")
        yield


@any_letters()
def save_figure(figure: "Figure", path: Path) -> None:
    """Writes `figure` as PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # `figure.savefig` would draw it twice, the first time for the layout alone.
    canvas = FigureCanvasAgg(figure)
    write_whole(path, lambda file: canvas.print_png(file, metadata={"Software": None}))


def draw_sentence(path: Path, sentence: str) -> None:
    """Writes a small picture that holds nothing but `sentence`."""
    figure = new_figure(6, 2)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", fontsize=LARGE)
    save_figure(figure, path)


def text_width(text: str, size: float) -> float:
    """Width in inches of `text` as it is drawn in a font of `size` points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with any_letters():
        return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0] / 72


def shorten(name: str, width: float, size: float = SMALL) -> str:
    """`name` without its middle, so that it takes at most `width` inches; dollar signs not taken for formulas."""
    short, kept = name, min(len(name), _MOST_LETTERS)
    while kept > 1 and (len(short) > _MOST_LETTERS or text_width(short, size) > width):
        kept -= 1
        short = f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
    return short.replace("$", r"\$")


def style_axes(axes: "Axes", x_label: str, y_label: str) -> None:
    """Labels readable from the back row, a faint grid, no box."""
    axes.set_xlabel(x_label, fontsize=MEDIUM)
    axes.set_ylabel(y_label, fontsize=MEDIUM)
    axes.tick_params(labelsize=SMALL)
    axes.grid(color="#E0E0E0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
