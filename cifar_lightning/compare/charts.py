"""What the figures of a comparison share: size, colours and markers of the strategies, legend, PNG and SVG files.

Every figure has one panel and large letters, so that it can be read from the back row and on a phone.
"""

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.runs.folder import write_text, write_whole
from cifar_lightning.runs.slides import CHARACTER_WIDTH, MEDIUM, SMALL, any_letters, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In light and in dark surroundings; at least 3:1 against white and against the page's black, and told apart by the
# colour-blind. After Okabe and Ito 2008, "Color Universal Design", their yellow and light blue left out.
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
# Of the same size, a triangle looks small and a diamond large.
_MARKER_SIZES = {"o": 1, "s": 0.92, "^": 1.2, "D": 0.85, "v": 1.2}
# Id of the text of how to read a figure.
READING = "reading"
_WIDTH = 6.2  # inches
_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
_LONGEST_NAME = 18


@dataclass(frozen=True)
class Chart:
    """A figure that was drawn.

    Attributes:
        name: of its files, without `.png` and `.svg`.
        title: what it shows.
        finding: what is to be seen in it, with numbers, for those who cannot see it.
        reading: how to read it.
        svg: the text of the SVG file.
        reading_height: of that, how much at the lower end holds `reading`; points.
    """

    name: str
    title: str
    finding: str
    reading: str
    svg: str
    reading_height: float


@dataclass(frozen=True)
class Look:
    """How one strategy looks in every figure."""

    label: str
    colour: str
    marker: str

    def style(self, **others: Any) -> dict[str, Any]:
        """Keywords for a line of matplotlib with markers."""
        style = {"color": self.colour, "marker": self.marker, "markeredgecolor": PAPER, "markersize": 9, **others}
        return {**style, "markersize": style["markersize"] * _MARKER_SIZES[self.marker]}


def looks_of(comparison: Comparison) -> dict[str, Look]:
    """By strategy, in the order of their names: so that another question about the same runs changes no colour."""
    names = sorted(summary.name for summary in comparison.strategies)
    colours = list(STRATEGY_COLOURS)
    return {
        name: Look(shorten_name(name), colours[place % len(colours)], _MARKERS[place % len(_MARKERS)])
        for place, name in enumerate(names)
    }


def shorten_name(name: str) -> str:
    """`name` as it can be drawn: 18 characters at most, its ends kept, dollar signs not taken for formulas.

    Names of one study often differ at the end alone.
    """
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}…{name[1 - _LONGEST_NAME // 2 :]}"
    return short.replace("$", r"\$")


def new_chart(height: float, title: str, reading: str, x_label: str, y_label: str = "") -> tuple["Figure", "Axes"]:
    """An empty figure: its title above, how to read it below, and between them `height` inches."""
    from matplotlib.ticker import MaxNLocator

    title, reading = _wrap(title, MEDIUM + 1), _wrap(reading, SMALL - 1)
    height += 0.3 * (title.count("\n") + 1) + 0.19 * (reading.count("\n") + 1)
    figure = new_figure(_WIDTH, height)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    figure.suptitle(title, x=0.012, ha="left", fontsize=MEDIUM + 1, weight="bold", color=INK)
    label = figure.supxlabel(reading, x=0.012, ha="left", fontsize=SMALL - 1, color=MUTED)
    label.set_gid(READING)
    axes = figure.subplots()
    style_axes(axes, _wrap(x_label, MEDIUM, 0.9, ending=" ("), _wrap(y_label, MEDIUM, 0.6))
    axes.grid(color=GRID, linewidth=0.8)
    for axis in (axes.xaxis, axes.yaxis):
        # Steps of 2.5 would be written with a digit more.
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[:].set_color(MUTED)
    return figure, axes


def style_rows(axes: "Axes", labels: Sequence[str]) -> None:
    """One row a label, the first at the top, and no vertical axis beside them."""
    axes.set_yticks(range(len(labels)), labels, fontsize=SMALL, color=INK)
    axes.set_ylim(len(labels) - 0.45, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def add_legend(figure: "Figure", axes: "Axes", handles: Sequence[Any]) -> None:
    """Above the axes, in as many columns as fit; the figure grows by what it takes."""
    from matplotlib.transforms import blended_transform_factory

    longest = max(len(str(handle.get_label())) for handle in handles)
    of_column = CHARACTER_WIDTH * SMALL * longest + 48
    num_columns = max(1, min(len(handles), int(0.98 * _WIDTH * POINTS_PER_INCH / of_column)))
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


def strategy_handles(looks: Sequence[Look]) -> list[Any]:
    """Entries of a legend."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], linewidth=2, label=look.label, **look.style()) for look in looks]


@any_letters()
def save_chart(figure: "Figure", folder: Path, name: str, title: str, finding: str, reading: str) -> Chart:
    """Writes `figure` as PNG and as SVG; the same figure gives the same bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # `figure.savefig` would draw each file twice, the first time for the layout alone.
    figure.set_dpi(_DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")
    # Of these few colours 256 shades look the same, in a third of the space.
    colours = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    shades = colours.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    write_whole(folder / f"{name}.png", lambda file: shades.save(file, format="PNG"))
    (label,) = figure.findobj(lambda artist: artist.get_gid() == READING)
    reading_height = label.get_window_extent().y1 / figure.dpi * POINTS_PER_INCH
    # The salt keeps apart the ids of figures that come into one page. Text stays text: it can be searched, and takes
    # the letters and the colour of its surroundings.
    text = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None, "Title": finding})
    svg = re.sub(r'(?<= d=")[^"]*(?=")', _shorten_path, text.getvalue())
    write_text(folder / f"{name}.svg", svg)
    return Chart(name, title, finding, reading, svg, reading_height)


def _shorten_path(match: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, on one line."""
    return re.sub(r"(\.\d\d)\d+", r"\1", match[0]).replace("\n", "")


def _wrap(text: str, size: float, share: float = 0.97, ending: str = "") -> str:
    """`text` in lines that take at most that share of the width, dollar signs not taken for formulas.

    What is too long for one line goes on below where `ending` begins, if it is there and that is enough.
    """
    longest = int(share * _WIDTH * POINTS_PER_INCH / (CHARACTER_WIDTH * size))
    if ending and longest < len(text) and 0 <= text.rfind(ending) <= longest:
        text = text.replace("$", r"\$")
        return "\n".join((text[: text.rfind(ending)], text[text.rfind(ending) + 1 :]))
    return textwrap.fill(text, longest).replace("$", r"\$")
