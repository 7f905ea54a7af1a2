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
_ENOUGH = "#d8ebe3"
# Of these as many are drawn as there is room for.
_LEVELS = np.outer(10.0 ** np.arange(-4, 4), [1, 1.5, 2, 3, 5, 7]).ravel()
_TICKS = np.outer(10.0 ** np.arange(0, 8), [1, 2, 3, 5]).ravel()


def draw_plan(plan: "Plan") -> kit.Chart:
    """Draws lines of equal detectable difference, which studies are large enough, the pilot and the plan."""
    pilot = None if plan.pilot_seeds is None else (plan.pilot_seeds, plan.num_images)
    marked = [size for size in (plan.enough, pilot) if size is not None]
    seed_ends = _span((seeds for seeds, _ in marked), 3, 30)
    image_ends = _span((images for _, images in marked), 100, 3000)
    title = f"{plan.wanted}: no number of seeds and images is enough"
    if plan.enough is not None:
        title = f"To show {plan.wanted}: {plan.enough[0]:,} seeds of every strategy and {plan.enough[1]:,} images"
    reading = (
        f"Each line: the smallest difference, in points, that {100 * plan.power:g} % of studies of that size show."
        f" Shaded: enough for {plan.wanted}."
    )
    if plan.seconds_per_seed is not None:
        reading += " Hours: all strategies, on the pilot's machine, one run after another."
    figure, axes = kit.new_panel(_HEIGHT, title, reading, "test images", "seeds per strategy")
    axes.set(xscale="log", yscale="log", xlim=image_ends, ylim=seed_ends)
    _draw_lines(axes, plan, np.geomspace(*image_ends, _POINTS), np.geomspace(*seed_ends, _POINTS))
    if pilot:
        _mark(axes, pilot, "pilot", marker="o", color=kit.GREY)
    if plan.enough is not None:
        _mark(axes, plan.enough, "plan", marker="D", color="#00805e")
    _write_ticks(axes.xaxis, image_ends)
    _write_ticks(axes.yaxis, seed_ends)
    if (each := plan.hours(1)) is not None:
        to_hours, to_seeds = (lambda seeds: np.multiply(seeds, each)), (lambda hours: np.divide(hours, each))
        hours = axes.secondary_yaxis("right", functions=(to_hours, to_seeds))
        hours.set_ylabel("hours of fitting", fontsize=kit.MEDIUM, color=kit.INK)
        hours.tick_params(labelsize=kit.SMALL, colors=kit.INK)
        hours.spines[:].set_color(kit.MUTED)
        _write_ticks(hours.yaxis, (seed_ends[0] * each, seed_ends[1] * each))
    return kit.finish_panel(figure, "plan", plan.answer, reading)


def _span(sizes: Iterable[int], low: int, high: int) -> tuple[float, float]:
    """The ends of an axis, with room beside the marks."""
    sizes = list(sizes)
    return min([low, *(0.7 * size for size in sizes)]), max([high, *(2.5 * size for size in sizes)])


def _draw_lines(axes: "Axes", plan: "Plan", images: np.ndarray, seeds: np.ndarray) -> None:
    shown = np.array([[plan.detectable(s, n) for n in images] for s in seeds])
    axes.contourf(images, seeds, shown, levels=[0, plan.difference], colors=[_ENOUGH])
    wanted = plan.scale.factor * plan.difference
    levels = [level for level in _LEVELS if abs(level / wanted - 1) > 0.1]
    for values, width, colour in ((levels, 1.2, kit.MUTED), ([wanted], 2.6, "#00805e")):
        lines = axes.contour(images, seeds, plan.scale.factor * shown, levels=values, colors=colour, linewidths=width)
        axes.clabel(lines, fmt=lambda value: f"{value:g}", fontsize=kit.SMALL, colors=colour)


def _mark(axes: "Axes", size: tuple[int, int], name: str, marker: str, color: str) -> None:
    from matplotlib.patheffects import withStroke

    seeds, images = size
    axes.plot(images, seeds, marker, color=color, markersize=11, markeredgecolor=kit.PAPER, zorder=5)
    text = axes.annotate(name, (images, seeds), (9, 7), textcoords="offset points", fontsize=kit.MEDIUM, weight="bold")
    text.set(color=color, path_effects=[withStroke(linewidth=4, foreground=kit.PAPER)])


def _write_ticks(axis: "Axis", ends: tuple[float, float]) -> None:
    """Writes round numbers as they are, not as powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator([tick for tick in _TICKS if ends[0] <= tick <= ends[1]]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())
