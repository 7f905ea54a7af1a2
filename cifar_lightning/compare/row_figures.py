"""Figures of a comparison that have a row for each strategy, pair or class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.compare.charts import (
    INK,
    MUTED,
    PAPER,
    Chart,
    Look,
    add_legend,
    new_chart,
    save_chart,
    shorten_name,
    strategy_handles,
    style_rows,
)
from cifar_lightning.compare.comparison import Comparison, Interval, Pair, Summary
from cifar_lightning.compare.pairs import NO_DIFFERENCE, TOO_FEW
from cifar_lightning.compare.questions import stack_correctness
from cifar_lightning.compare.summaries import mean_interval
from cifar_lightning.compare.wording import (
    MINUS,
    MOST_NAMED,
    SHARES,
    better,
    capitalise,
    count,
    count_runs,
    has_several_runs,
    in_unit,
    interval_of,
    mark_of,
    name_some,
    scale_of,
)
from cifar_lightning.runs.slides import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More rows than these cannot be read from the back row.
_MOST_PAIRS = 21
_MOST_RECALLS = 60
_MOST_CLASSES = 12


def draw_result(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart:
    """What the question asks, a row a strategy: mean, interval, and a dot a seed."""
    scale, strategies = scale_of(comparison), comparison.strategies
    title = capitalise(comparison.label)
    dots = " Small dots: one for each seed." if has_several_runs(strategies) else ""
    reading = f"Large mark: {mark_of(strategies)}. Bar: {interval_of(strategies)}.{dots}"
    figure, axes = new_chart(
        0.9 + 0.66 * len(strategies),
        f"{title}: {count_runs(strategies)}, {count(strategies[0].values.shape[1], 'picture')}",
        reading,
        f"{comparison.label}{in_unit(scale.unit)} ({better(comparison)})",
    )
    for row, summary in enumerate(strategies):
        look = looks[summary.name]
        low, high = (scale.factor * end for end in summary.ci95)
        _draw_bar(axes, row - 0.13, low, high, look)
        axes.plot(scale.factor * summary.mean, row - 0.13, **look.style(markersize=12))
        of_run = scale.factor * summary.values.mean(axis=1)
        if len(of_run) > 1:
            axes.plot(of_run, row + 0.14 + _stack(of_run, low, high), "o", color=look.colour, markersize=3.6)
        _write_beside(axes, row, f"{scale.value(summary.mean)}\n{scale.interval(summary.ci95)}")
    style_rows(axes, [looks[summary.name].label for summary in strategies])
    named = [f"{s.name} {scale.value(s.mean)} ({scale.interval(s.ci95)})" for s in strategies]
    return save_chart(figure, folder, "result", title, f"{title}: {name_some(named)}.", reading)


def draw_differences(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart:
    """Differences of pairs, with both intervals and a line at zero."""
    scale, pairs = scale_of(comparison), comparison.pairs
    best = comparison.strategies[0].name
    shown = pairs if len(pairs) <= _MOST_PAIRS else [pair for pair in pairs if best in (pair.a, pair.b)]
    title = f"Differences of {comparison.label}" if len(shown) == len(pairs) else f"{best} against each of the others"
    reading = "Thick bar: 95 % interval for new seeds and new pictures."
    if not all(pair.method == "crossed" for pair in shown):
        reading = "Thick bar: 95 % interval for new pictures; seed noise is not in it."
        if any(pair.method == "crossed" for pair in shown):
            reading = "Thick bar: 95 % interval for new seeds and new pictures, of one seed for new pictures alone."
    if any(pair.training_noise_only is not None for pair in shown):
        seeds = {summary.name: {run.seed for run in summary.runs} for summary in comparison.strategies}
        unequal = any(seeds[pair.a] != seeds[pair.b] for pair in shown if pair.training_noise_only is not None)
        common = ", from the seeds that both have, so its middle need not be the mark" if unequal else ""
        reading += f" Thin bar: for new seeds on these same pictures{common}."
    if any(map(_shows_difference, shown)):
        after = " (after Holm's correction)" if len(pairs) > 1 else ""
        reading += f" Filled mark: a difference that is shown{after}."
    side = "right" if comparison.higher_is_better else "left"
    reading += f" Dashed line: no difference; {side} of it the first is better."
    figure, axes = new_chart(
        0.9 + 0.62 * max(len(shown), 2),
        title,
        reading,
        f"first minus second{in_unit(scale.difference_unit)}",
    )
    axes.axvline(0, color=INK, linewidth=1.4, linestyle=(0, (5, 3)))
    for row, pair in enumerate(shown):
        look = looks[pair.a]
        shows = _shows_difference(pair)
        low, high = (scale.factor * end for end in pair.ci95)
        _draw_bar(axes, row - 0.08, low, high, look)
        style = look.style(markersize=11) if shows else look.style(markersize=10, markerfacecolor=PAPER)
        style["markeredgecolor"] = PAPER if shows else look.colour
        axes.plot(scale.factor * pair.difference, row - 0.08, markeredgewidth=1.8, **style)
        if pair.training_noise_only is not None:
            low, high = (scale.factor * end for end in pair.training_noise_only.ci95)
            axes.plot([low, high], [row + 0.24] * 2, color=MUTED, linewidth=1.6, solid_capstyle="butt")
        _write_beside(axes, row, f"{scale.number(pair.difference, '+')}\n{scale.difference_interval(pair.ci95)}")
    style_rows(axes, [f"{looks[pair.a].label}\n{MINUS} {looks[pair.b].label}" for pair in shown])
    named = [
        f"{pair.a} minus {pair.b} {scale.difference(pair.difference)}"
        f" ({scale.difference_interval(pair.ci95)}): {pair.verdict}"
        for pair in shown
    ]
    finding = name_some(named, separator="; ")
    if len(named) > MOST_NAMED:
        num_shown = sum(map(_shows_difference, pairs))
        finding = f"{num_shown} of {len(pairs)} pairs differ for new seeds and new pictures"
    return save_chart(figure, folder, "differences", title, finding + ".", reading)


def draw_recall(comparison: Comparison, looks: dict[str, Look], folder: Path) -> Chart | None:
    """Recall of each class and strategy with its interval; of many classes, those where the strategies differ most."""
    strategies = comparison.strategies
    estimates = {summary.name: recall_intervals(summary, comparison.classes) for summary in strategies}
    means = {
        name: [estimates[summary.name][name][0] for summary in strategies]
        for name in comparison.classes
        if all(name in estimates[summary.name] for summary in strategies)
    }
    if not means:
        return None
    most = max(1, min(_MOST_CLASSES, _MOST_RECALLS // len(strategies)))
    shown = sorted(means, key=lambda name: min(means[name]) - max(means[name]))[:most]
    shown.sort(key=list(means).index)
    title = "Recall by class" if len(shown) == len(means) else f"Recall of the {len(shown)} classes that differ most"
    reading = f"Mark: {mark_of(strategies)}. Line: {interval_of(strategies)}."
    step = 0.74 / len(strategies)
    row_height = max(0.5, 0.2 * len(strategies) + 0.15)
    figure, axes = new_chart(0.9 + row_height * len(shown), title, reading, "pictures of the class answered rightly, %")
    for place, summary in enumerate(strategies):
        look = looks[summary.name]
        for row, name in enumerate(shown):
            mean, ends = estimates[summary.name][name]
            height = row + (place - (len(strategies) - 1) / 2) * step
            axes.plot([100 * end for end in ends], [height] * 2, color=look.colour, linewidth=2.2, alpha=0.6)
            axes.plot(100 * mean, height, **look.style())
    style_rows(axes, [shorten_name(name) for name in shown])
    for border in range(1, len(shown)):
        axes.axhline(border - 0.5, color=MUTED, linewidth=0.5)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    add_legend(figure, axes, strategy_handles([looks[summary.name] for summary in strategies]))
    hardest = min(means, key=lambda name: float(np.mean(means[name])))
    named = [f"{summary.name} {SHARES.value(mean)}" for summary, mean in zip(strategies, means[hardest], strict=True)]
    finding = f"The class with the lowest recall is {hardest}: {name_some(named)}."
    return save_chart(figure, folder, "recall", title, finding, reading)


def recall_intervals(summary: Summary, classes: Sequence[str]) -> dict[str, tuple[float, Interval]]:
    """By class, mean recall of a strategy and its 95 % interval; without the classes of fewer than two pictures."""
    right = stack_correctness(summary.runs)
    labels = summary.runs[0].test.labels
    of_class = {name: right[:, labels == place] for place, name in enumerate(classes)}
    return {
        name: (float(values.mean()), mean_interval(values)) for name, values in of_class.items() if values.shape[1] > 1
    }


def _draw_bar(axes: "Axes", height: float, low: float, high: float, look: Look) -> None:
    """The thick bar of an interval."""
    axes.plot([low, high], [height] * 2, color=look.colour, linewidth=5, alpha=0.45, solid_capstyle="butt")


def _write_beside(axes: "Axes", row: int, text: str) -> None:
    """Numbers at the right end of a row."""
    axes.annotate(
        text,
        (1.02, row - 0.02),
        xycoords=("axes fraction", "data"),
        fontsize=SMALL,
        color=INK,
        va="center",
        linespacing=1.35,
    )


def _shows_difference(pair: Pair) -> bool:
    return pair.verdict not in (NO_DIFFERENCE, TOO_FEW)


def _stack(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Steps down, float64 (S,), by which dots that would cover each other are moved apart; 0..0.3."""
    bins = np.round(values / max((high - low) / 40, 1e-9))
    place_in_bin = np.array([int((bins[:run] == bins[run]).sum()) for run in range(len(bins))])
    return place_in_bin * min(0.1, 0.28 / max(place_in_bin.max(), 1))
