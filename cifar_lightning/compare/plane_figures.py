"""Figures of a comparison that show one quantity against another: curves, probes, costs."""

from collections.abc import Callable

import numpy as np

from cifar_lightning.compare import wording
from cifar_lightning.compare.comparison import Comparison, Summary
from cifar_lightning.compare.questions import COMPUTE, SHARE_BOUNDS, probe_shares, stack_correctness
from cifar_lightning.compare.summaries import find_units, mean_interval
from cifar_lightning.plots import kit
from cifar_lightning.runs.curves import Band, find_band
from cifar_lightning.runs.folder import CURVES, PROBES
from cifar_lightning.runs.overfitting import validation_name

# For all strategies together: more points than a screen has make the page heavy.
_MOST_POINTS = 1200
_HEIGHT = 3.8  # inches, without title, legend and how to read it
_DASHED = (0, (4, 2))
_ASIDE = 4.0  # points between two strategies of equal cost


def draw_curves(
    comparison: Comparison,
    looks: dict[str, kit.Look],
    quantity: str,
    factor: float,
    y_label: str,
    written: str,
) -> kit.Chart | None:
    """Draws means over seeds, with a band for validation; None without a strategy whose runs all have curves."""
    from matplotlib.ticker import MaxNLocator

    most = _MOST_POINTS // len(comparison.strategies)
    train, val = (
        {
            summary.name: band
            for summary in comparison.strategies
            if (band := _find_band(summary, f"{split}_{quantity}", factor, most)) is not None
        }
        for split in ("train", "val")
    )
    # The curve that a strategy is judged by, which gets the marks.
    ending = {**train, **val}
    strategies = [summary for summary in comparison.strategies if summary.name in ending]
    if not strategies:
        return None
    val_name = validation_name(comparison.protocol == "lab")
    title = f"{wording.capitalise(quantity)} over the epochs, {wording.count_runs(strategies)}"
    reading = "Dashed: training images."
    if val:
        band_is = ", mean over seeds, with a band from the lowest to the highest"
        reading = f"Solid: {val_name}{band_is if wording.has_several_runs(strategies) else ''}. {reading}"
    # The first epochs, still near guessing, would press all others together.
    bands = [*train.values(), *val.values()]
    lowest, highest = 0.0, 101.0
    if quantity == "accuracy":
        lowest = max(min(_quantile(band.low, 0.05) for band in bands) - 2, lowest)
    else:
        highest = 1.08 * max(_quantile(band.high, 0.98) for band in bands)
    if any(band.mean.min() < lowest or band.mean.max() > highest for band in bands):
        reading += " Off the axes: a few epochs, mostly the first."
    figure, axes = kit.new_panel(_HEIGHT, title, reading, "epoch", y_label)
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
    kit.add_legend(figure, axes, [looks[summary.name] for summary in strategies])
    ends = [f"{summary.name} {written.format(ending[summary.name].mean[-1])}" for summary in strategies]
    finding = f"Mean {quantity} at the last epoch, {val_name if val else 'train'}: {wording.name_some(ends)}."
    return kit.finish_panel(figure, f"{quantity}_curves", finding, reading)


def _find_band(summary: Summary, column: str, factor: float, most: int) -> Band | None:
    """The band of a column of `curves.csv`, times `factor`, at no more than `most` epochs; None without any."""
    if not all(run.has(CURVES) for run in summary.runs):
        return None
    band = find_band([run.curves for run in summary.runs], column)
    if band is None:
        return None
    kept = np.linspace(0, len(band.epochs) - 1, min(len(band.epochs), most)).round().astype(int)
    return Band(band.epochs[kept], *(factor * values[kept] for values in (band.mean, band.low, band.high)))


def _quantile(values: np.ndarray, share: float) -> float:
    """A quantile; of few values the outermost, so that none is left out."""
    return float(np.quantile(values, share, method="higher" if share > 0.5 else "lower"))


def draw_probe(
    comparison: Comparison, looks: dict[str, kit.Look], probe: str, what: str, x_label: str, unit: str
) -> kit.Chart | None:
    """Draws mean accuracy at each level of the probe; None without a strategy whose runs were all probed."""
    strategies = [summary for summary in comparison.strategies if all(run.has(PROBES) for run in summary.runs)]
    if not strategies:
        return None
    probed = strategies[0].runs[0].probes.probes
    levels = np.array([0, *sorted(level for kind, level in probed if kind == probe)])
    title = f"Accuracy on {what}"
    reading = f"{wording.read_marks(strategies, comparison.question)} Strategies are drawn side by side."
    figure, axes = kit.new_panel(_HEIGHT, title, reading, x_label, "accuracy, %")
    step = 0.34 * min(np.diff(levels)) / len(strategies)
    falls = []
    for place, summary in enumerate(strategies):
        look = looks[summary.name]
        values = [_probe_values(summary, probe, level) for level in levels]
        means = 100 * np.array([at_level.mean() for at_level in values])
        ends = 100 * np.array([mean_interval(at_level, SHARE_BOUNDS, find_units(summary.runs)) for at_level in values])
        x = levels + (place - (len(strategies) - 1) / 2) * step
        axes.vlines(x, ends[:, 0], ends[:, 1], color=look.colour, linewidth=2, alpha=0.5)
        axes.plot(x, means, linewidth=2, **look.style())
        falls.append(f"{summary.name} {means[0]:.1f} % to {means[-1]:.1f} %")
    axes.set_xticks(levels)
    kit.add_legend(figure, axes, [looks[summary.name] for summary in strategies])
    finding = f"Mean accuracy from 0 to {levels[-1]} {unit}: {wording.name_some(falls)}."
    return kit.finish_panel(figure, probe, finding, reading)


def _probe_values(summary: Summary, probe: str, level: int) -> np.ndarray:
    """The share of draws answered correctly, float64 (S, N); level 0 means the images as they are."""
    if level == 0:
        return stack_correctness(summary.runs)
    return np.stack([probe_shares(run, [f"{probe}_{level}"]) for run in summary.runs])


def draw_compute(comparison: Comparison, looks: dict[str, kit.Look]) -> kit.Chart | None:
    """Draws the answer to the question against the floating point operations per image."""
    costs = {s.name: s.flops_per_image / 1e6 for s in comparison.strategies if s.flops_per_image is not None}
    label = "MFLOP per image (forward and backward)"
    return _draw_cost(comparison, looks, costs, "compute", "compute", label, lambda mega: COMPUTE.value(1e6 * mega))


def draw_fit_time(comparison: Comparison, looks: dict[str, kit.Look]) -> kit.Chart | None:
    """Draws the answer to the question against the seconds of a fit."""
    costs = {s.name: s.fit_seconds_median for s in comparison.strategies if s.fit_seconds_median is not None}
    label, note = "seconds of a fit, median of the runs", " Times depend on the machine and its load."
    return _draw_cost(comparison, looks, costs, "fit_time", "the time of a fit", label, "{:.0f} s".format, note)


def _draw_cost(
    comparison: Comparison,
    looks: dict[str, kit.Look],
    costs: dict[str, float],
    name: str,
    phrase: str,
    label: str,
    write: Callable[[float], str],
    note: str = "",
) -> kit.Chart | None:
    """Draws mean and interval of each strategy against its cost; None where none is known."""
    from matplotlib.transforms import ScaledTranslation

    if not costs:
        return None
    scale = comparison.question.scale
    strategies = [summary for summary in comparison.strategies if summary.name in costs]
    title = f"{wording.capitalise(comparison.question.label)} against {phrase}"
    equal = len(set(costs.values())) < len(costs)
    twins = " Lines of equal cost are drawn side by side; their marks may overlap." if equal else ""
    reading = f"{wording.read_marks(strategies, comparison.question)}{twins}{note}"
    figure, axes = kit.new_panel(
        _HEIGHT, title, reading, label, comparison.question.label + wording.in_unit(scale.unit)
    )
    axes.set_xlim(0, 1.1 * max(costs.values()))
    for summary in strategies:
        look, x = looks[summary.name], costs[summary.name]
        equals = [other.name for other in strategies if costs[other.name] == x]
        aside = _ASIDE * (equals.index(summary.name) - (len(equals) - 1) / 2)
        moved = axes.transData + ScaledTranslation(aside / kit.POINTS_PER_INCH, 0, figure.dpi_scale_trans)
        ends = [scale.factor * end for end in summary.ci95]
        # matplotlib does not count moved lines when it chooses the limits.
        axes.update_datalim([(x, end) for end in ends])
        axes.plot([x] * 2, ends, color=look.colour, linewidth=2.2, alpha=0.6, transform=moved)
        axes.plot(x, scale.factor * summary.mean, transform=moved, **look.style(markersize=11))
    axes.autoscale_view()
    kit.add_legend(figure, axes, [looks[summary.name] for summary in strategies])
    named = [f"{s.name} {scale.value(s.mean)} at {write(costs[s.name])}" for s in strategies]
    return kit.finish_panel(figure, name, f"{title}: {wording.name_some(named)}.", reading)
