"""Figures of a comparison that show one quantity against another: curves, probes, costs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.compare.charts import (
    POINTS_PER_INCH,
    Chart,
    Look,
    add_legend,
    new_chart,
    save_chart,
    strategy_handles,
)
from cifar_lightning.compare.comparison import Comparison, Summary
from cifar_lightning.compare.questions import probe_shares, stack_correctness
from cifar_lightning.compare.summaries import mean_interval
from cifar_lightning.compare.wording import (
    COMPUTE,
    capitalise,
    count_runs,
    has_several_runs,
    in_unit,
    interval_of,
    list_names,
    mark_of,
    name_some,
    scale_of,
)
from cifar_lightning.runs.overfitting import validation_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of all strategies together: a line of more points than a screen has looks the same and makes the page heavy.
_MOST_POINTS = 1200
_HEIGHT = 3.8  # inches, without title, legend and how to read it
_DASHED = (0, (4, 2))
_HIGHEST = 1e100  # of what is drawn: beyond, the sums of a mean and of an axis overflow
# Between the first and the last of a few strategies of equal cost, points; the line of each is seen however many.
_ASIDE, _LEAST_ASIDE = 8.0, 2.6


def draw_loss_curves(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """Loss of train and validation over the epochs."""
    return _draw_curves(comparison, looks, folder, "loss", 1, "loss (cross-entropy)", "{:.2f}")


def draw_accuracy_curves(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """Accuracy of train and validation over the epochs."""
    return _draw_curves(comparison, looks, folder, "accuracy", 100, "accuracy, %", "{:.1f} %")


def _draw_curves(
    comparison: Comparison,
    looks: dict[str, Look],
    folder: Path,
    quantity: str,
    factor: float,
    y_label: str,
    written: str,
) -> Chart | None:
    """Means over seeds: training pictures dashed, validation solid with a band from the lowest to the highest seed.

    None where there is no strategy of which every run has curves.
    """
    from matplotlib.ticker import MaxNLocator

    most = _MOST_POINTS // len(comparison.strategies)
    train, val = (
        {
            summary.name: band
            for summary in comparison.strategies
            if (band := find_band(summary, f"{split}_{quantity}", factor, most)) is not None
        }
        for split in ("train", "val")
    )
    # What a strategy is judged by, and marked on.
    ending = {**train, **val}
    strategies = [summary for summary in comparison.strategies if summary.name in ending]
    if not strategies:
        return None
    lab_protocols = {run.facts["protocol"] == "lab" for summary in strategies for run in summary.runs}
    val_name = list_names([validation_name(lab_protocol) for lab_protocol in sorted(lab_protocols)])
    title = f"{capitalise(quantity)} over the epochs, {count_runs(strategies)}"
    spread = ", mean over seeds, with a band from the lowest to the highest" if has_several_runs(strategies) else ""
    reading = f"Solid: {val_name}{spread}. Dashed: training pictures." if val else "Dashed: training pictures."
    # The first epochs, still near guessing, would press all others together: their lines leave the axes.
    bands = [*train.values(), *val.values()]
    lowest, highest = 0.0, 101.0
    if quantity == "accuracy":
        lowest = max(min(_quantile(band.low, 0.05) for band in bands) - 2, lowest)
    else:
        # An axis needs a length, also where all losses are 0.
        highest = 1.08 * max(_quantile(band.high, 0.98) for band in bands) or 1
    if any(band.mean.min() < lowest or band.mean.max() > highest for band in bands):
        reading += " Off the axes: a few epochs, mostly the first."
    figure, axes = new_chart(_HEIGHT, title, reading, "epoch", y_label)
    axes.set_ylim(lowest, highest)
    for name, band in train.items():
        axes.plot(band.epochs, band.mean, color=looks[name].colour, linewidth=1.4, linestyle=_DASHED)
    for name, band in val.items():
        axes.fill_between(band.epochs, band.low, band.high, color=looks[name].colour, alpha=0.16, linewidth=0)
        axes.plot(band.epochs, band.mean, color=looks[name].colour, linewidth=1.8)
    for name, band in ending.items():
        # From the end backwards, a few.
        marked = slice(None, None, -max(1, len(band.epochs) // 6))
        axes.plot(band.epochs[marked], band.mean[marked], linestyle="none", **looks[name].style(markersize=7))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    add_legend(figure, axes, strategy_handles([looks[summary.name] for summary in strategies]))
    ends = [f"{summary.name} {written.format(ending[summary.name].mean[-1])}" for summary in strategies]
    finding = f"Mean {quantity} at the last epoch, {val_name if val else 'train'}: {name_some(ends)}."
    return save_chart(figure, folder, f"{quantity}_curves", title, finding, reading)


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest over seeds, each float64 (E,), of the epochs (E,)."""

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def find_band(summary: Summary, column: str, factor: float, most: int) -> Band | None:
    """Of a column of `curves.csv`, at most `most` epochs that all runs have and that can be drawn; None without any."""
    curves = [run.curves for run in summary.runs if run.curves is not None]
    if len(curves) < len(summary.runs):
        return None
    common = reduce(np.intersect1d, (of_run.epochs for of_run in curves))
    of_runs = np.stack([getattr(of_run, column)[np.isin(of_run.epochs, common)] for of_run in curves])
    seen = np.flatnonzero((np.abs(of_runs) < _HIGHEST).all(axis=0))
    if not len(seen):
        return None
    kept = seen[np.linspace(0, len(seen) - 1, min(len(seen), most)).round().astype(int)]
    of_runs = factor * of_runs[:, kept]
    return Band(common[kept], of_runs.mean(axis=0), of_runs.min(axis=0), of_runs.max(axis=0))


def _quantile(values: np.ndarray, share: float) -> float:
    """Of few values the outermost, so that none is left out."""
    return float(np.quantile(values, share, method="higher" if share > 0.5 else "lower"))


def draw_shift(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """Accuracy against how far the pictures were moved."""
    return _draw_probe(comparison, looks, folder, "shift", "shifted pictures", "shift, pixels", "pixels")


def draw_noise(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """Accuracy against Gaussian noise."""
    label = "standard deviation of the noise, grey levels"
    return _draw_probe(comparison, looks, folder, "noise", "noisy pictures", label, "grey levels")


def _draw_probe(
    comparison: Comparison, looks: dict[str, Look], folder: Path, probe: str, what: str, x_label: str, unit: str
) -> Chart | None:
    """Mean accuracy and its interval at each level that all runs of a strategy were probed at, and without any.

    None where there is no strategy of which every run was probed.
    """
    levels = {summary.name: _find_levels(summary, probe) for summary in comparison.strategies}
    strategies = [summary for summary in comparison.strategies if levels[summary.name]]
    if not strategies:
        return None
    title = f"Accuracy on {what}"
    reading = f"Mark: {mark_of(strategies)}. Line: {interval_of(strategies)}. Strategies are drawn side by side."
    figure, axes = new_chart(_HEIGHT, title, reading, x_label, "accuracy, %")
    everywhere = sorted({0, *(level for of_strategy in levels.values() for level in of_strategy)})
    step = 0.34 * min(np.diff(everywhere)) / len(strategies)
    falls = []
    for place, summary in enumerate(strategies):
        look, at = looks[summary.name], np.array([0, *levels[summary.name]])
        values = [_probe_values(summary, probe, level) for level in at]
        means = 100 * np.array([of_level.mean() for of_level in values])
        ends = 100 * np.array([mean_interval(of_level) for of_level in values])
        x = at + (place - (len(strategies) - 1) / 2) * step
        axes.vlines(x, ends[:, 0], ends[:, 1], color=look.colour, linewidth=2, alpha=0.5)
        axes.plot(x, means, linewidth=2, **look.style())
        falls.append(f"{summary.name} {means[0]:.1f} % to {means[-1]:.1f} %")
    axes.set_xticks(everywhere)
    add_legend(figure, axes, strategy_handles([looks[summary.name] for summary in strategies]))
    finding = f"Mean accuracy from 0 to {everywhere[-1]} {unit}: {name_some(falls)}."
    return save_chart(figure, folder, probe, title, finding, reading)


def _find_levels(summary: Summary, probe: str) -> list[int]:
    """Levels at which every run of a strategy was probed, ascending."""
    probes = [set(run.probes.probes) if run.probes is not None else set() for run in summary.runs]
    return sorted(level for kind, level in set.intersection(*probes) if kind == probe)


def _probe_values(summary: Summary, probe: str, level: int) -> np.ndarray:
    """Share of draws answered rightly, float64 (S, N); at level 0 of the pictures as they are."""
    if level == 0:
        return stack_correctness(summary.runs)
    return np.stack([probe_shares(run, f"{probe}_{level}") for run in summary.runs])


@dataclass(frozen=True)
class _Cost:
    """One cost: `name` of its figure, end of its `title`, axis `label`, how to `write` it, and a `note`."""

    name: str
    title: str
    label: str
    write: Callable[[float], str]
    note: str = ""


def draw_compute(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """What the question asks against the floating point operations of a picture."""
    costs = {summary.name: summary.flops_per_image / 1e6 for summary in comparison.strategies}
    label = "MFLOP a picture (forward and backward)"
    cost = _Cost("compute", "against compute", label, lambda megaflop: COMPUTE.value(1e6 * megaflop))
    return _draw_cost(comparison, looks, folder, costs, cost)


def draw_fit_time(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """What the question asks against the seconds of a fit; None where no run knows them."""
    costs = {
        summary.name: summary.fit_seconds_median
        for summary in comparison.strategies
        if summary.fit_seconds_median is not None
    }
    label = "seconds of a fit, median of the runs"
    note = " Times depend on the machine and its load."
    return _draw_cost(
        comparison, looks, folder, costs, _Cost("fit_time", "against the time of a fit", label, "{:.0f} s".format, note)
    )


def _scale_by_powers(axes: "Axes", times: float) -> None:
    """A logarithmic axis of costs, of which the largest is so many `times` the smallest."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    # On a short axis there may be but one power of ten; on a long one the numbers between would run into each other.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if times < 1000 else (1,), numticks=9))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    # Minor ticks would come in matplotlib's own black, which is no colour of the figures.
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_cost(
    comparison: Comparison, looks: dict[str, Look], folder: Path, costs: dict[str, float], cost: _Cost
) -> Chart | None:
    """Mean and interval of each strategy against its cost; those of equal cost side by side."""
    from matplotlib.transforms import ScaledTranslation

    if not costs:
        return None
    scale = scale_of(comparison)
    strategies = [summary for summary in comparison.strategies if summary.name in costs]
    title = f"{capitalise(comparison.label)} {cost.title}"
    equal = len(set(costs.values())) < len(costs)
    twins = " Lines of equal cost are drawn side by side; their marks may overlap." if equal else ""
    reading = f"Mark: {mark_of(strategies)}. Line: {interval_of(strategies)}.{twins}{cost.note}"
    figure, axes = new_chart(_HEIGHT, title, reading, cost.label, comparison.label + in_unit(scale.unit))
    if min(costs.values()) > 0 and max(costs.values()) > 10 * min(costs.values()):
        _scale_by_powers(axes, max(costs.values()) / min(costs.values()))
    else:
        axes.set_xlim(0, 1.1 * max(costs.values()) or 1)
    for summary in strategies:
        look, x = looks[summary.name], costs[summary.name]
        equals = [other.name for other in strategies if costs[other.name] == x]
        step = max(_ASIDE / max(len(equals) - 1, 1), _LEAST_ASIDE)
        aside = step * (equals.index(summary.name) - (len(equals) - 1) / 2)
        moved = axes.transData + ScaledTranslation(aside / POINTS_PER_INCH, 0, figure.dpi_scale_trans)
        ends = [scale.factor * end for end in summary.ci95]
        # matplotlib does not count moved lines when it chooses the limits.
        axes.update_datalim([(x, end) for end in ends])
        # A cost of 0 lies on the edge.
        axes.plot([x] * 2, ends, color=look.colour, linewidth=2.2, alpha=0.6, transform=moved, clip_on=False)
        axes.plot(x, scale.factor * summary.mean, transform=moved, clip_on=False, **look.style(markersize=11))
    axes.autoscale_view()
    add_legend(figure, axes, strategy_handles([looks[summary.name] for summary in strategies]))
    named = [f"{s.name} {scale.value(s.mean)} at {cost.write(costs[s.name])}" for s in strategies]
    return save_chart(figure, folder, cost.name, title, f"{title}: {name_some(named)}.", reading)
