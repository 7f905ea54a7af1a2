"""All figures of a comparison."""

from collections.abc import Callable
from pathlib import Path

from cifar_lightning.compare import plane_figures, row_figures
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.plots.kit import Chart, Look, looks_of
from cifar_lightning.runs.disk import write_bytes, write_text

# The folder of the figures, beside the page.
FIGURES = "figures"

_DRAW: dict[str, Callable[[Comparison, dict[str, Look]], Chart | None]] = {
    "result": row_figures.draw_result,
    "differences": row_figures.draw_differences,
    "recall": row_figures.draw_recall,
    "loss_curves": plane_figures.draw_loss_curves,
    "accuracy_curves": plane_figures.draw_accuracy_curves,
    "shift": plane_figures.draw_shift,
    "noise": plane_figures.draw_noise,
    "compute": plane_figures.draw_compute,
    "fit_time": plane_figures.draw_fit_time,
}


def strategy_looks(comparison: Comparison) -> dict[str, Look]:
    return looks_of(summary.name for summary in comparison.strategies)


def write_figures(comparison: Comparison, folder: Path) -> list[Chart]:
    """Draws the figures for which the runs have numbers, each as PNG and SVG in `folder`; others are removed from it.

    The first, `result`, is always there: it accompanies the answer.
    """
    looks = strategy_looks(comparison)
    charts = []
    for name, draw in _DRAW.items():
        png, svg = folder / f"{name}.png", folder / f"{name}.svg"
        if chart := draw(comparison, looks):
            charts.append(chart)
            write_bytes(png, chart.png)
            write_text(svg, chart.svg)
        else:
            # A figure of an earlier comparison says something else.
            png.unlink(missing_ok=True)
            svg.unlink(missing_ok=True)
    return charts
