"""The figure of a plan: seeds against images."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.plots import kit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from cifar_lightning.compare.planning import Plan

_HEIGHT = 4.6  # inches, without title and how to read it
_POINTS = 40  # of each axis
_GREEN, _PALE_GREEN = "#00805e", "#d8ebe3"
_LEVELS = np.outer(10.0 ** np.arange(-4, 4), [1, 1.5, 2, 3, 5, 7]).ravel()


def draw_plan(plan: "Plan") -> kit.Chart:
    """Draws lines of equal detectable difference, which studies are large enough, the pilot and the plan."""
    marked = [size for size in (plan.enough, plan.pilot) if size is not None]
    seed_ends = _span((seeds for seeds, _ in marked), 3, 30)
    image_ends = _span((images for _, images in marked), 100, 3000)
    seeds, images = np.geomspace(*seed_ends, _POINTS), np.geomspace(*image_ends, _POINTS)
    shown = plan.scale.factor * np.array([[plan.detectable(s, n) for n in images] for s in seeds])
    title, reading = _describe(plan, rises=bool((np.diff(shown) > 0).any()))
    figure, axes = kit.new_panel(_HEIGHT, title, reading, "test images", "seeds per strategy")
    axes.set(xscale="log", yscale="log", xlim=image_ends, ylim=seed_ends)
    _draw_lines(axes, images, seeds, shown, plan.scale.factor * plan.difference)
    if plan.pilot is not None:
        _mark(axes, plan.pilot, "pilot", "o", kit.GREY, left=True)
    if plan.enough is not None:
        _mark(axes, plan.enough, "plan", "D", _GREEN)
    # As many as there is room for.
    _write_ticks(axes.xaxis, [1, 3] if image_ends[1] < 1000 * image_ends[0] else [1])
    _write_ticks(axes.yaxis, [1, 2, 3, 5])
    if (each := plan.hours(1)) is not None:
        to_hours, to_seeds = (lambda seeds: np.multiply(seeds, each)), (lambda hours: np.divide(hours, each))
        hours = axes.secondary_yaxis("right", functions=(to_hours, to_seeds))
        hours.set_ylabel("hours of fitting", fontsize=kit.MEDIUM, color=kit.INK)
        hours.tick_params(labelsize=kit.SMALL, colors=kit.INK)
        hours.spines[:].set_color(kit.MUTED)
        _write_ticks(hours.yaxis, [1, 2, 3, 5])
    return kit.finish_panel(figure, "plan", plan.answer, reading)


def _describe(plan: "Plan", rises: bool) -> tuple[str, str]:
    """The title, and how to read the figure."""
    title = f"{plan.wanted}: no number of seeds and images is enough"
    if plan.enough is not None:
        title = f"To show {plan.wanted}: {plan.enough[0]:,} seeds of every strategy and {plan.enough[1]:,} images"
    reading = (
        f"Each line: the smallest difference, in points, that {100 * plan.power:g} % of studies of that size show."
        f" Shaded: enough for {plan.wanted}."
    )
    if rises:
        reading += " Rising lines: with so few seeds their noise is hardly known, so more images do not help."
    if plan.seconds_per_seed is not None:
        reading += " Hours: all strategies, on the pilot's machine, one run after another."
    return title, reading


def _span(sizes: Iterable[int], low: int, high: int) -> tuple[float, float]:
    """The ends of an axis, with room beside the marks."""
    sizes = list(sizes)
    return min([low, *(0.7 * size for size in sizes)]), max([high, *(2.5 * size for size in sizes)])


def _draw_lines(axes: "Axes", images: np.ndarray, seeds: np.ndarray, shown: np.ndarray, wanted: float) -> None:
    axes.contourf(images, seeds, shown, levels=[0, wanted], colors=[_PALE_GREEN])
    axes.contour(images, seeds, shown, levels=[wanted], colors=_GREEN, linewidths=2.6)
    others = [level for level in _LEVELS if abs(level / wanted - 1) > 0.1]
    lines = axes.contour(images, seeds, shown, levels=others, colors=kit.MUTED, linewidths=1.2)
    axes.clabel(lines, fmt=lambda value: f"{value:g}", fontsize=kit.SMALL)


def _mark(axes: "Axes", size: tuple[int, int], name: str, marker: str, colour: str, left: bool = False) -> None:
    seeds, images = size
    axes.plot(images, seeds, marker, color=colour, markersize=11, markeredgecolor=kit.PAPER, zorder=5)
    away, side = ((-9, -14), "right") if left else ((9, 7), "left")
    text = axes.annotate(name, (images, seeds), away, textcoords="offset points", ha=side, fontsize=kit.MEDIUM)
    text.set(color=colour, weight="bold", bbox={"boxstyle": "round,pad=0.12", "fc": kit.PAPER, "ec": "none"})


def _write_ticks(axis: "Axis", steps: list[int]) -> None:
    """Writes round numbers as they are, not as powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=steps, numticks=99))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(NullLocator())
