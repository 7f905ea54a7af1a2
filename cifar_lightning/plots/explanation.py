"""What a net looks at, and what each of its poolings keeps of one noisy pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifar_lightning.plots import kit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_FILTER_COLUMNS = 16
_MOST_FILTERS = 64
# A loss of probability that is not worth a colour.
_NO_LOSS = 0.0005


@dataclass(frozen=True)
class ExplainedImage:
    """One image.

    Attributes:
        pixels: uint8 (S, S, 3), RGB.
        answer: the class that the net names, with `probability`.
        grad_cam: float (S, S), 0..1: how much each place speaks for the answer.
        occlusion: float (S, S): how much of the probability is lost where the image is covered.
    """

    pixels: np.ndarray
    answer: str
    probability: float
    grad_cam: np.ndarray
    occlusion: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One feature map.

    Attributes:
        name: the layer that it comes out of.
        feature_map: float (H, W), of the channel that the noisy pixel changes most.
        change: float (H, W): what the noisy pixel changes in it.
        share: the size of such a change relative to that of all channels together, a mean over images and pixels.
    """

    name: str
    feature_map: np.ndarray
    change: np.ndarray
    share: float


@dataclass(frozen=True)
class Stage:
    """A layer of the net: of a pooling the maps before it, after average and after max pooling; or convolutions."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Explanation:
    """What the figure shows.

    Attributes:
        noisy: the first of `images` with one noisy pixel, uint8 (S, S, 3).
        place: row and column of that pixel.
        filters: of the first convolution, float (C, 3, k, k); none where its input is no RGB image.
        stages: the poolings; of a net without any, one stage with its convolutions.
        num_cases: how many noisy pixels in how many images the shares are a mean of.
        moved: by how much one noisy pixel moves a probability, a mean over the same cases.
    """

    images: Sequence[ExplainedImage]
    noisy: np.ndarray
    place: tuple[int, int]
    filters: np.ndarray
    stages: Sequence[Stage]
    num_cases: tuple[int, int]
    moved: float

    @property
    def finding(self) -> str:
        shares = (f"{_percent(panel.share)} ({panel.name})" for panel in self.stages[0].panels)
        return f"One noisy pixel changes the maps by {', '.join(shares)}"


def draw_explanation(path: Path, net: str, explanation: Explanation) -> None:
    """Draws the PNG file `path`; the title names the `net`, strategy and seed."""
    stages, filters = explanation.stages, explanation.filters[:_MOST_FILTERS]
    heights = [2.4, *(2.6 for _ in stages)]
    if len(filters):
        heights.insert(1, 0.5 + 0.5 * -(-len(filters) // _FILTER_COLUMNS))
    figure = kit.new_figure(13.3, 1.5 + sum(heights))
    kit.add_title(figure, net, explanation.finding)
    looks, *rows = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_looks(looks, explanation.images)
    if len(filters):
        _draw_filters(rows.pop(0), filters)
    widest = 1.25 * max(100 * panel.share for stage in stages for panel in stage.panels)
    for row, stage in zip(rows, stages, strict=True):
        _draw_stage(row, stage, explanation, widest)
    pixels, images = explanation.num_cases
    figure.supxlabel(
        "Maps: of each layer the channel that the pixel changes most. Changes: red is more, blue is less.\n"
        f"Bars: the size of the change relative to that of the maps, over all channels; mean over {pixels} pixels in"
        f" each of {images} images.\n"
        f"One such pixel moves a probability by {100 * explanation.moved:.1f} points on average.",
        fontsize=kit.SMALL,
        color=kit.MUTED,
    )
    kit.save_figure(figure, path)


def _draw_looks(part: "SubFigure", images: Sequence[ExplainedImage]) -> None:
    _head(part, "What the net looks at")
    grid = kit.new_grid(part, 1, 9)
    for place, image in enumerate(images):
        plain, cam, covered = grid[3 * place : 3 * place + 3]
        grey = image.pixels.mean(axis=2)
        _show(plain, image.pixels, f"{kit.shorten(image.answer, 1.2)}\n{100 * image.probability:.0f} %")
        _show(cam, grey, "Grad-CAM:\nspeaks for it", cmap="gray", vmin=0, vmax=255)
        cam.imshow(image.grad_cam, cmap="inferno", alpha=0.7 * image.grad_cam, vmin=0, vmax=1)
        most = float(image.occlusion.max())
        lost = f"-{100 * most:.1f} points" if most > _NO_LOSS else "no loss"
        _show(covered, grey, f"covered there:\n{lost}", cmap="gray", vmin=0, vmax=255)
        # Each on its own scale: a net that is sure loses little anywhere.
        strength = np.clip(image.occlusion / max(most, _NO_LOSS), 0, 1) * (most > _NO_LOSS)
        covered.imshow(strength, cmap="inferno", alpha=0.7 * strength, vmin=0, vmax=1)


def _draw_filters(part: "SubFigure", filters: np.ndarray) -> None:
    _head(part, "The filters of its first convolution")
    grid = kit.new_grid(part, -(-len(filters) // _FILTER_COLUMNS), _FILTER_COLUMNS)
    for axes, weights in zip(grid, filters, strict=False):
        axes.imshow(0.5 + weights.transpose(1, 2, 0) / (2 * np.abs(weights).max() + 1e-12))


def _draw_stage(part: "SubFigure", stage: Stage, explanation: Explanation, widest: float) -> None:
    _head(part, f"What one noisy pixel changes: {stage.title}")
    panels = stage.panels
    first, *grid, bars = part.subplots(1, 8, width_ratios=[1] * 7 + [1.7])
    for axes in (first, *grid):
        axes.set_axis_off()
    if stage is explanation.stages[0]:
        row, column = explanation.place
        _show(first, explanation.noisy, "the pixel")
        first.plot(column, row, "o", markersize=14, markerfacecolor="none", markeredgecolor=kit.VERMILION, mew=2)
    # One scale for the maps of a row, and one for the changes: what is weaker looks weaker.
    brightest = max(float(panel.feature_map.max()) for panel in panels)
    strongest = max(float(np.abs(panel.change).max()) for panel in panels)
    for axes, panel in zip(grid, panels, strict=False):
        _show(axes, panel.feature_map, panel.name, cmap="gray", vmin=0, vmax=brightest)
    for axes, panel in zip(grid[len(panels) :], panels, strict=False):
        _show(axes, panel.change, f"change\n{panel.name}", cmap="RdBu_r", vmin=-strongest, vmax=strongest)
        axes.set_xlabel(f"at most {np.abs(panel.change).max():.2f}", fontsize=kit.SMALL, color=kit.MUTED)
    _draw_shares(bars, panels, widest)


def _draw_shares(axes: "Axes", panels: Sequence[Panel], widest: float) -> None:
    colours = [kit.GREY, kit.BLUE, kit.VERMILION]
    drawn = axes.barh(range(len(panels)), [100 * panel.share for panel in panels], color=colours[: len(panels)])
    axes.bar_label(drawn, [_percent(panel.share) for panel in panels], padding=4, fontsize=kit.SMALL)
    axes.set(xlim=(0, widest), xticks=[], ylim=(max(3, len(panels)) - 0.4, -0.6))
    axes.set_yticks(range(len(panels)), [panel.name for panel in panels], fontsize=kit.SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title("change, relative to the maps", fontsize=kit.SMALL, color=kit.INK, loc="right")


def _head(part: "SubFigure", text: str) -> None:
    part.suptitle(text, fontsize=kit.MEDIUM, weight="bold", color=kit.INK, x=0.005, ha="left")


def _show(axes: "Axes", image: np.ndarray, title: str, **style: object) -> None:
    axes.set_axis_on()
    axes.imshow(image, interpolation="nearest", **style)  # type: ignore[arg-type]
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=kit.SMALL, color=kit.INK, pad=4)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
