"""All figures of a comparison. Those that have one row per strategy, pair or class are drawn here."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.compare import wording
from cifar_lightning.compare.analysis import Interval
from cifar_lightning.compare.comparison import Comparison, Summary
from cifar_lightning.compare.plane_figures import draw_compute, draw_curves, draw_fit_time, draw_probe
from cifar_lightning.compare.questions import MINUS, SHARE_BOUNDS, SHARES, stack_correctness
from cifar_lightning.compare.summaries import find_units, mean_interval
from cifar_lightning.plots import kit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More rows than these cannot be read from the back row.
_MOST_PAIRS = 21
_MOST_RECALLS = 60
_MOST_CLASSES = 12

# The folder of the figures, beside the page.
FIGURES = "figures"


def draw_result(comparison: Comparison, looks: dict[str, kit.Look]) -> kit.Chart:
    """Draws the answer to the question, one row per strategy: mean, interval, and a dot per seed."""
    question, scale, strategies = comparison.question, comparison.question.scale, comparison.strategies
    title = wording.capitalise(question.label)
    dots = " Small dots: one per seed." if wording.has_several_runs(strategies) else ""
    reading = (
        f"Large mark: {wording.mark_of(strategies, question)}. Bar: {wording.interval_of(strategies, question)}.{dots}"
    )
    figure, axes = kit.new_panel(
        0.9 + 0.66 * len(strategies),
        f"{title}: {', '.join(wording.count_data(comparison))}",
        reading,
        f"{comparison.question.label}{wording.in_unit(scale.unit)} ({comparison.question.better})",
    )
    for row, summary in enumerate(strategies):
        look = looks[summary.name]
        low, high = (scale.factor * end for end in summary.ci95)
        _draw_bar(axes, row - 0.13, low, high, look)
        axes.plot(scale.factor * summary.mean, row - 0.13, **look.style(markersize=12))
        means = scale.factor * summary.values.mean(axis=1)
        if len(means) > 1:
            axes.plot(means, row + 0.14 + _stack(means, low, high), "o", color=look.colour, markersize=3.6)
        _write_beside(axes, row, f"{scale.value(summary.mean)}\n{scale.interval(summary.ci95)}")
    kit.style_rows(axes, [looks[summary.name].label for summary in strategies])
    named = [f"{s.name} {scale.value(s.mean)} ({scale.interval(s.ci95)})" for s in strategies]
    return kit.finish_panel(figure, "result", f"{title}: {wording.name_some(named)}.", reading)


def draw_differences(comparison: Comparison, looks: dict[str, kit.Look]) -> kit.Chart:
    """Draws the differences of pairs, with both intervals and a line at zero."""
    scale, pairs = comparison.question.scale, comparison.pairs
    best = comparison.strategies[0].name
    shown = pairs if len(pairs) <= _MOST_PAIRS else [pair for pair in pairs if best in (pair.a, pair.b)]
    title = f"Differences of {comparison.question.label}"
    if len(shown) < len(pairs):
        title = f"{best} against each of the others"
    words, covered = comparison.question.words, wording.covered_by([p.method for p in shown], comparison.question)
    reading = f"Thick bar: 95 % interval for {covered}."
    if any(pair.training_noise_only is not None for pair in shown):
        reading += f" Thin bar: for new seeds on these same {words.images}, from the seeds that both have."
    if any(pair.winner for pair in shown):
        after = " (p adjusted for all pairs)" if comparison.num_judged > 1 else ""
        reading += f" Filled mark: a difference that is shown{after}."
    side = "right" if comparison.question.higher_is_better else "left"
    reading += f" Dashed line: no difference; {side} of it the first {comparison.question.verdict}."
    figure, axes = kit.new_panel(
        0.9 + 0.62 * max(len(shown), 2),
        title,
        reading,
        f"first minus second{wording.in_unit(scale.difference_unit)}",
    )
    axes.axvline(0, color=kit.INK, linewidth=1.4, linestyle=(0, (5, 3)))
    for row, pair in enumerate(shown):
        look = looks[pair.a]
        low, high = (scale.factor * end for end in pair.ci95)
        _draw_bar(axes, row - 0.08, low, high, look)
        style = look.style(markersize=11) if pair.winner else look.style(markersize=10, markerfacecolor=kit.PAPER)
        style["markeredgecolor"] = kit.PAPER if pair.winner else look.colour
        axes.plot(scale.factor * pair.difference, row - 0.08, markeredgewidth=1.8, **style)
        if pair.training_noise_only is not None:
            low, high = (scale.factor * end for end in pair.training_noise_only.ci95)
            axes.plot([low, high], [row + 0.24] * 2, color=kit.MUTED, linewidth=1.6, solid_capstyle="butt")
        _write_beside(axes, row, f"{scale.number(pair.difference, '+')}\n{scale.difference_interval(pair.ci95)}")
    kit.style_rows(axes, [f"{looks[pair.a].label}\n{MINUS} {looks[pair.b].label}" for pair in shown])
    named = [
        f"{pair.a} minus {pair.b} {scale.difference(pair.difference)}"
        f" ({scale.difference_interval(pair.ci95)}): {wording.word_verdict(pair, comparison.question)}"
        for pair in shown
    ]
    finding = wording.name_some(named, separator="; ")
    if len(named) > wording.MOST_NAMED:
        num_shown = sum(pair.winner is not None for pair in pairs)
        finding = f"{num_shown} of {len(pairs)} pairs differ for {covered}"
    return kit.finish_panel(figure, "differences", finding + ".", reading)


def draw_recall(comparison: Comparison, looks: dict[str, kit.Look]) -> kit.Chart | None:
    """Draws the recall per class and strategy; of many classes those where strategies differ most."""
    strategies = comparison.strategies
    if not comparison.classes:
        return None
    estimates = {summary.name: _find_recalls(summary, comparison.classes) for summary in strategies}
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
    reading = wording.read_marks(strategies, comparison.question)
    step = 0.74 / len(strategies)
    row_height = max(0.5, 0.2 * len(strategies) + 0.15)
    figure, axes = kit.new_panel(
        0.9 + row_height * len(shown), title, reading, "images of the class answered correctly, %"
    )
    for place, summary in enumerate(strategies):
        look = looks[summary.name]
        for row, name in enumerate(shown):
            mean, ends = estimates[summary.name][name]
            height = row + (place - (len(strategies) - 1) / 2) * step
            axes.plot([100 * end for end in ends], [height] * 2, color=look.colour, linewidth=2.2, alpha=0.6)
            axes.plot(100 * mean, height, **look.style())
    kit.style_rows(axes, [kit.shorten(name) for name in shown])
    for border in range(1, len(shown)):
        axes.axhline(border - 0.5, color=kit.MUTED, linewidth=0.5)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    kit.add_legend(figure, axes, [looks[summary.name] for summary in strategies])
    hardest = min(means, key=lambda name: float(np.mean(means[name])))
    named = [f"{summary.name} {SHARES.value(mean)}" for summary, mean in zip(strategies, means[hardest], strict=True)]
    finding = f"The class with the lowest recall is {hardest}: {wording.name_some(named)}."
    return kit.finish_panel(figure, "recall", finding, reading)


def _find_recalls(summary: Summary, classes: Sequence[str]) -> dict[str, tuple[float, Interval]]:
    """The mean recall of a strategy and its 95 % interval, by class; classes of fewer than two images are left out."""
    right = stack_correctness(summary.runs)
    labels = summary.runs[0].predictions("test").labels
    return {
        name: (
            float(right[:, of_class].mean()),
            mean_interval(right[:, of_class], SHARE_BOUNDS, find_units(summary.runs, of_class)),
        )
        for place, name in enumerate(classes)
        if (of_class := labels == place).sum() > 1
    }


def _draw_bar(axes: "Axes", height: float, low: float, high: float, look: kit.Look) -> None:
    """Draws the thick bar of an interval."""
    axes.plot([low, high], [height] * 2, color=look.colour, linewidth=5, alpha=0.45, solid_capstyle="butt")


def _write_beside(axes: "Axes", row: int, text: str) -> None:
    """Writes numbers at the right end of a row."""
    axes.annotate(
        text,
        (1.02, row - 0.02),
        xycoords=("axes fraction", "data"),
        fontsize=kit.SMALL,
        color=kit.INK,
        va="center",
        linespacing=1.35,
    )


def _stack(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The steps down, float64 (S,), 0..0.3, that keep dots from covering each other."""
    bins = np.round(values / max((high - low) / 40, 1e-9))
    place_in_bin = np.array([int((bins[:run] == bins[run]).sum()) for run in range(len(bins))])
    return place_in_bin * min(0.1, 0.28 / max(place_in_bin.max(), 1))


_DRAW: dict[str, Callable[[Comparison, dict[str, kit.Look]], kit.Chart | None]] = {
    "result": draw_result,
    "differences": draw_differences,
    "recall": draw_recall,
    "loss_curves": partial(draw_curves, quantity="loss", factor=1, y_label="loss (cross-entropy)", written="{:.2f}"),
    "accuracy_curves": partial(draw_curves, quantity="accuracy", factor=100, y_label="accuracy, %", written="{:.1f} %"),
    "shift": partial(draw_probe, probe="shift", what="shifted images", x_label="shift, pixels", unit="pixels"),
    "noise": partial(
        draw_probe,
        probe="noise",
        what="noisy images",
        x_label="standard deviation of the noise, grey levels",
        unit="grey levels",
    ),
    "compute": draw_compute,
    "fit_time": draw_fit_time,
}


def strategy_looks(comparison: Comparison) -> dict[str, kit.Look]:
    return kit.looks_of(summary.name for summary in comparison.strategies)


def write_figures(comparison: Comparison, folder: Path) -> list[kit.Chart]:
    """Draws the figures for which the runs have numbers, each as PNG and SVG in `folder`, and removes others."""
    looks = strategy_looks(comparison)
    charts = []
    for name, draw in _DRAW.items():
        if chart := draw(comparison, looks):
            charts.append(chart)
            chart.write(folder)
        else:
            # A figure of an earlier comparison says something else.
            for kind in ("png", "svg"):
                (folder / f"{name}.{kind}").unlink(missing_ok=True)
    return charts
