"""What all figures share: colours, font sizes, how a strategy looks, and PNG and SVG files.

The figures of a run are slides, 13 inches wide. Those of a comparison have one panel and large letters, to be read from
the back row and on a phone. matplotlib takes long to import, so that is done when a figure is drawn. Its `pyplot` is
never used: it keeps global state and may open windows.
"""

import io
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cifar_lightning.runs.disk import write_bytes, write_text, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Two colours that the colour-blind tell apart, also in print. Source: Okabe and Ito 2008, "Color Universal Design".
BLUE = "#0072B2"
PALE_BLUE = "#99C7E0"
VERMILION = "#C44E00"  # a little darker than theirs, so that text can be read on white
GREY = "#595959"
# Each strategy's colour in light and in dark surroundings, from the same source without its yellow and light blue; at
# least 3:1 against white and against the page's black.
STRATEGY_COLOURS = {
    "#0072b2": "#56b4e9",
    "#d55e00": "#ff8a4c",
    "#00805e": "#2db98a",
    "#c462a0": "#eba0ce",
    "#3a3a3a": "#e9e9e9",
    "#6b2e00": "#c9675f",
}
INK, MUTED, GRID, PAPER = "#1b1f23", "#4b545d", "#d8dee4", "#ffffff"
# One less than there are colours: colour and marker together tell 30 strategies apart.
_MARKERS = ("o", "s", "^", "D", "v")
# At the same size, a triangle looks small and a diamond large.
_MARKER_SIZES = {"o": 1, "s": 0.92, "^": 1.2, "D": 0.85, "v": 1.2}

SMALL, MEDIUM, LARGE = 12, 14, 17
POINTS_PER_INCH = 72
# The width of a character, about, as a share of the font size.
CHARACTER_WIDTH = 0.6
_RUN_DOTS_PER_INCH, _PANEL_DOTS_PER_INCH = 120, 200
_PANEL_WIDTH = 6.2  # inches
# The id of the text that says how to read a figure.
READING = "reading"
_NAME_WIDTH = 1.8  # inches, of a strategy or class in a comparison


@dataclass(frozen=True)
class Chart:
    """A figure of a comparison.

    Attributes:
        name: the name of its files, without `.png` and `.svg`.
        finding: what can be seen in it, with numbers, for those who cannot see it.
        reading: how to read it.
        reading_height: how many points at the lower end of the SVG hold `reading`.
    """

    name: str
    finding: str
    reading: str
    png: bytes
    svg: str
    reading_height: float

    def write(self, folder: Path) -> None:
        """Writes both files into `folder`."""
        write_bytes(folder / f"{self.name}.png", self.png)
        write_text(folder / f"{self.name}.svg", self.svg)


@dataclass(frozen=True)
class Look:
    """How one strategy looks in every figure of a comparison."""

    label: str
    colour: str
    marker: str

    def style(self, **others: Any) -> dict[str, Any]:
        """Keywords for matplotlib's lines with markers."""
        style = {"color": self.colour, "marker": self.marker, "markeredgecolor": PAPER, "markersize": 9, **others}
        return {**style, "markersize": style["markersize"] * _MARKER_SIZES[self.marker]}


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """The look of each strategy, by alphabet: another question about the same runs changes no colour."""
    colours = list(STRATEGY_COLOURS)
    return {
        name: Look(shorten(name), colours[place % len(colours)], _MARKERS[place % len(_MARKERS)])
        for place, name in enumerate(sorted(names))
    }


def shorten(name: str, width: float = _NAME_WIDTH, size: float = SMALL) -> str:
    """`name` in about `width` inches, without its middle; dollar signs are not taken for formulas."""
    most = max(3, int(width * POINTS_PER_INCH / (CHARACTER_WIDTH * size)))
    short = name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"
    return short.replace("$", r"\$")


def new_figure(width: float, height: float) -> "Figure":
    """An empty white figure of `width` by `height` inches; a slide is 13.3 by 7.5."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_RUN_DOTS_PER_INCH, layout="constrained", facecolor="white")


def new_grid(part: "Figure | SubFigure", num_rows: int, num_columns: int) -> list["Axes"]:
    """Axes that stay invisible until they are used, row by row."""
    grid = list(part.subplots(num_rows, num_columns, squeeze=False).flatten())
    for axes in grid:
        axes.set_axis_off()
    return grid


def new_panel(height: float, title: str, reading: str, x_label: str, y_label: str = "") -> tuple["Figure", "Axes"]:
    """An empty figure of a comparison: title above, how to read it below, and `height` inches between them."""
    from matplotlib.ticker import MaxNLocator

    title, reading = _wrap(title, MEDIUM + 1), _wrap(reading, SMALL - 1)
    height += 0.3 * (title.count("\n") + 1) + 0.19 * (reading.count("\n") + 1)
    figure = new_figure(_PANEL_WIDTH, height)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    figure.suptitle(title, x=0.012, ha="left", fontsize=MEDIUM + 1, weight="bold", color=INK)
    label = figure.supxlabel(reading, x=0.012, ha="left", fontsize=SMALL - 1, color=MUTED)
    label.set_gid(READING)
    axes = figure.subplots()
    style_axes(axes, _wrap(x_label, MEDIUM, 0.9), _wrap(y_label, MEDIUM, 0.6))
    for axis in (axes.xaxis, axes.yaxis):
        # Steps of 2.5 would be written with one more digit.
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    return figure, axes


def style_axes(axes: "Axes", x_label: str, y_label: str) -> None:
    """Sets labels that can be read from the back row, a faint grid, and no box."""
    axes.set_xlabel(x_label, fontsize=MEDIUM, color=INK)
    axes.set_ylabel(y_label, fontsize=MEDIUM, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_color(MUTED)
    axes.spines[["top", "right"]].set_visible(False)


def style_rows(axes: "Axes", labels: Sequence[str]) -> None:
    """Makes one row per label, the first at the top, without a vertical axis beside them."""
    axes.set_yticks(range(len(labels)), labels, fontsize=SMALL, color=INK)
    axes.set_ylim(len(labels) - 0.45, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def add_legend(figure: "Figure", axes: "Axes", looks: Sequence[Look]) -> None:
    """Names the strategies above the axes, in as many columns as fit; the figure grows by as much."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import blended_transform_factory

    handles = [Line2D([], [], linewidth=2, label=look.label, **look.style()) for look in looks]
    column_width = CHARACTER_WIDTH * SMALL * max(len(look.label) for look in looks) + 48
    num_columns = max(1, min(len(handles), int(0.98 * _PANEL_WIDTH * POINTS_PER_INCH / column_width)))
    # matplotlib fills column by column; people read row by row.
    rows = [handle for column in range(num_columns) for handle in handles[column::num_columns]]
    figure.set_figheight(figure.get_figheight() + 0.25 * -(-len(handles) // num_columns))
    axes.legend(
        handles=rows,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=blended_transform_factory(figure.transFigure, axes.transAxes),
        ncols=num_columns,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
        columnspacing=1.4,
        handletextpad=0.6,
    )


@contextmanager
def any_letters() -> Iterator[None]:
    """Draws the user's names without a warning. A letter that the font lacks becomes a box; SVG keeps it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from|Matplotlib currently does not support")
        yield


def add_title(figure: "Figure", net: str, text: str) -> None:
    """Writes above a figure of a run which `net` it is about (`avgpool, seed 0`), and what it shows."""
    figure.suptitle(f"{shorten(net, 6, LARGE)}\n{text}", fontsize=LARGE)


def draw_sentence(path: Path, net: str, sentence: str) -> None:
    """Draws a small figure that says which net it is about, and `sentence`."""
    figure = new_figure(6, 2)
    text = f"{shorten(net, 5, LARGE)}\n\n{sentence}"
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=LARGE)
    save_figure(figure, path)


@any_letters()
def save_figure(figure: "Figure", path: Path) -> None:
    """Writes `figure` as PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # `figure.savefig` would draw it twice, the first time for the layout alone.
    canvas = FigureCanvasAgg(figure)
    write_whole(path, lambda file: canvas.print_png(file, metadata={"Software": None}))


@any_letters()
def finish_panel(figure: "Figure", name: str, finding: str, reading: str) -> Chart:
    """A figure of a comparison as PNG and as SVG; the same figure gives the same bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.set_dpi(_PANEL_DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")
    # 256 shades of these few colours look the same, in a third of the space.
    colours = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    shades = colours.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    png = io.BytesIO()
    shades.save(png, format="PNG")
    (label,) = figure.findobj(lambda artist: artist.get_gid() == READING)
    reading_height = label.get_window_extent().y1 / figure.dpi * POINTS_PER_INCH
    # The salt keeps the ids of figures on one page apart. Text stays text: it can be searched, and looks like the page.
    text = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Title": finding})
    # Paths with hundredths of a point, each on one line.
    svg = re.sub(
        r'(?<= d=")[^"]*(?=")', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]).replace("\n", ""), text.getvalue()
    )
    return Chart(name, finding, reading, png.getvalue(), svg, reading_height)


def _wrap(text: str, size: float, share: float = 0.97) -> str:
    """`text` in lines that take at most `share` of the width."""
    longest = int(share * _PANEL_WIDTH * POINTS_PER_INCH / (CHARACTER_WIDTH * size))
    return textwrap.fill(text, longest).replace("$", r"\$")
