"""All figures of a comparison."""

from collections.abc import Callable
from pathlib import Path

from cifar_lightning.compare import plane_figures, row_figures
from cifar_lightning.compare.charts import Chart, Look, looks_of
from cifar_lightning.compare.comparison import Comparison

# By the names of their files.
_DRAW: dict[str, Callable[[Comparison, dict[str, Look], Path], Chart | None]] = {
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


def write_figures(comparison: Comparison, folder: Path) -> list[Chart]:
    """Draws the figures for which the runs have numbers, each as PNG and SVG in `folder`; others are removed from it.

    The first, `result`, is always there: it goes with the answer.
    """
    looks = looks_of(comparison)
    charts = []
    for name, draw in _DRAW.items():
        chart = draw(comparison, looks, folder)
        if chart is not None:
            charts.append(chart)
            continue
        # Of an earlier comparison, which says something else.
        for suffix in (".png", ".svg"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
    return charts
