"""All figures of a comparison."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cifar_lightning.compare import plane_figures, row_figures
from cifar_lightning.compare.charts import Chart, Look, looks_of
from cifar_lightning.compare.comparison import Comparison

_DRAW: Sequence[Callable[[Comparison, dict[str, Look], Path], Chart | None]] = (
    row_figures.draw_result,
    row_figures.draw_differences,
    row_figures.draw_recall,
    plane_figures.draw_loss_curves,
    plane_figures.draw_accuracy_curves,
    plane_figures.draw_shift,
    plane_figures.draw_noise,
    plane_figures.draw_compute,
    plane_figures.draw_fit_time,
)


def write_figures(comparison: Comparison, folder: Path) -> list[Chart]:
    """Draws the figures for which the runs have numbers, each as PNG and SVG in `folder`.

    The first, `result`, is always there: it goes with the answer.
    """
    looks = looks_of(comparison)
    charts = [draw(comparison, looks, folder) for draw in _DRAW]
    return [chart for chart in charts if chart is not None]
