"""Figures that explain a net."""

import contextlib
import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cifar_lightning.data.images import find_images, read_image
from cifar_lightning.models.classifier import MEAN, ImageClassifier
from cifar_lightning.plots.explanation import ExplainedImage, Explanation, Panel, Stage, draw_explanation
from cifar_lightning.runs.folder import CONFIG, EXPLANATION, find_run_folder
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.evaluation import checkpoint_of, load_model
from cifar_lightning.training.logger import log_test_scores
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.run_loggers import run_logger_options

_POOLINGS: Any = (nn.AvgPool2d, nn.MaxPool2d)
_MOST_SHOWN, _MOST_IMAGES, _MOST_STAGES = 3, 16, 3
# Where a noisy pixel is put, in shares of the image's side; the first place, in the middle, is shown.
_NOISY_PLACES = sorted(itertools.product((0.5, 0.2, 0.8), repeat=2), key=lambda place: place != (0.5, 0.5))


def explain(run: Run | str | Path, images: str | Path) -> Explanation:
    """Draws what a net looks at in some images, and what its poolings keep, as `explained.png` in the run folder.

    It shows Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) and occlusion of the first three images, the filters of
    the first convolution, and for each pooling the feature map before it and after average and max pooling, with what
    one noisy pixel changes there. TensorBoard shows the figure, too.

    Args:
        run: a run, its folder, or one of its checkpoint files.
        images: an image file, or a folder of them.

    Raises:
        ValueError: if there is no run or no image, or the net has no convolution.
        ImportError: if Captum is not installed.
    """
    if importlib.util.find_spec("captum") is None:
        raise ImportError("expected Captum, but it is not installed; pip install 'cifar-lightning[explain]'")
    path = checkpoint_of(run)
    folder = find_run_folder(path)
    if folder is None:
        raise ValueError(f"expected a checkpoint in its run folder, but {path} is in none; name a run folder")
    files = find_images(Path(images))[:_MOST_IMAGES]
    with quiet_framework(), OnlyOwnFrames():
        model = load_model(path)
        explanation = explain_net(model, torch.stack([read_image(file, model.image_size) for file in files]))
    settings = read_settings(folder / CONFIG)
    name = f"{run_logger_options(settings['trainer']).get('name') or 'run'}, seed {settings['seed_everything']}"
    draw_explanation(folder / EXPLANATION, name, explanation)
    log_test_scores(folder, {}, [folder / EXPLANATION], Checkpoint.read(path).resume.num_epochs)
    return explanation


def explain_net(model: ImageClassifier, images: Tensor) -> Explanation:
    """As `explain`, of a net and images, uint8 (N, 3, S, S). Raises ValueError if the net has no convolution."""
    layers = [layer for layer in model.backbone.modules() if not list(layer.children())]
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if not convolutions:
        raise ValueError(
            f"expected a net with convolutions, whose maps can be shown, but {type(model.backbone).__name__} has none;"
            " name a run of another net"
        )
    for layer in layers:
        if hasattr(layer, "inplace"):
            # Else it overwrites the map that is looked at.
            layer.inplace = False  # type: ignore[assignment]
    filters = convolutions[0].weight.detach().numpy()
    size = images.shape[-1]
    places = [(int(row * size), int(column * size)) for row, column in _NOISY_PLACES]
    stages, moved = _follow_noise(model, layers, images, places)
    return Explanation(
        images=_look(model, convolutions[-1], images[:_MOST_SHOWN]),
        noisy=_to_pixels(add_noisy_pixel(images[:1], *places[0])[0]),
        place=places[0],
        filters=filters if filters.shape[1] == 3 else filters[:0],
        stages=stages,
        num_cases=(len(places), len(images)),
        moved=moved,
    )


def add_noisy_pixel(images: Tensor, row: int, column: int) -> Tensor:
    """`images`, uint8 (N, 3, S, S), with each channel of one pixel as far off as it can be: 0 or 255."""
    noisy = images.clone()
    pixel = noisy[:, :, row, column]
    noisy[:, :, row, column] = torch.where(pixel < 128, 255, 0).to(torch.uint8)
    return noisy


def _look(model: ImageClassifier, layer: nn.Module, images: Tensor) -> list[ExplainedImage]:
    from captum.attr import LayerGradCam, Occlusion

    def classify(pixels: Tensor) -> Tensor:
        return model.head(model.backbone(model.normalize(pixels)))

    pixels, size = images.float(), images.shape[-1]
    with torch.no_grad():
        shares, winners = classify(pixels).softmax(dim=1)[:, : len(model.class_names)].max(dim=1)
    cams = LayerGradCam(classify, layer).attribute(pixels, target=winners, relu_attributions=True).detach()
    rows, columns = _find_centres(classify, layer, size)
    patch = size // 4
    grey = 255 * torch.tensor(MEAN).view(1, 3, 1, 1).expand_as(pixels)
    with torch.no_grad():
        losses = Occlusion(lambda images: classify(images).softmax(dim=1)).attribute(
            pixels, (3, patch, patch), (3, patch // 4, patch // 4), grey, target=winners, perturbations_per_eval=32
        )
    return [
        ExplainedImage(
            pixels=_to_pixels(image),
            answer=model.class_names[winner],
            probability=float(share),
            grad_cam=_spread(cam[0].numpy(), rows, columns, size),
            occlusion=loss[0].numpy(),
        )
        for image, winner, share, cam, loss in zip(images, winners, shares, cams, losses, strict=True)
    ]


def _find_centres(classify: Callable[[Tensor], Tensor], layer: nn.Module, size: int) -> list[list[float]]:
    """The rows, and the columns, of the image that each row, and column, of the layer's map is centred on.

    Stretched over the image, the map of a net that crops or does not pad would be shown in the wrong place.
    """
    generator = torch.Generator().manual_seed(0)
    pixels = (255 * torch.rand(8, 3, size, size, generator=generator)).requires_grad_()
    maps: list[Tensor] = []
    with layer.register_forward_hook(lambda _, __, output: maps.append(output)):
        classify(pixels)
    centres: list[list[float]] = [[], []]
    for dim, found in zip((2, 3), centres, strict=True):
        for part in maps[0].unbind(dim):
            (gradient,) = torch.autograd.grad(part.sum(), [pixels], retain_graph=True)
            seen = (gradient != 0).any(dim=0).any(dim=0).any(dim=3 - dim).nonzero()
            found.append(float(seen.min() + seen.max()) / 2)
    return centres


def _spread(cam: np.ndarray, rows: list[float], columns: list[float], size: int) -> np.ndarray:
    """A map over the whole image, 0..1, linear between the centres."""
    wide = np.stack([np.interp(np.arange(size), columns, row) for row in cam])
    whole = np.stack([np.interp(np.arange(size), rows, column) for column in wide.T], axis=1)
    return whole / max(whole.max(), 1e-12)


def _follow_noise(
    model: ImageClassifier, layers: list[nn.Module], images: Tensor, places: list[tuple[int, int]]
) -> tuple[list[Stage], float]:
    """Per pooling (without any, per convolution) what one noisy pixel changes, and how much it moves a probability."""
    watched = [layer for layer in layers if isinstance(layer, _POOLINGS)]
    watched = (watched or [layer for layer in layers if isinstance(layer, nn.Conv2d)])[:_MOST_STAGES]
    rectified = {layer for layer, after in itertools.pairwise(layers) if isinstance(after, nn.ReLU)}
    plain, answers = _find_maps(model, watched, rectified, images.repeat(len(places), 1, 1, 1))
    disturbed = torch.cat([add_noisy_pixel(images, *place) for place in places])
    noisy, moved = _find_maps(model, watched, rectified, disturbed)
    stages = []
    for number, (layer, before, after) in enumerate(zip(watched, plain, noisy, strict=True), start=1):
        changes = {name: after[name] - maps for name, maps in before.items()}
        channel = int(next(iter(changes.values()))[0].flatten(1).norm(dim=1).argmax())
        panels = [
            Panel(name, before[name][0, channel].numpy(), change[0, channel].numpy(), _relative(change, before[name]))
            for name, change in changes.items()
        ]
        kind = "max" if isinstance(layer, nn.MaxPool2d) else "average"
        stages.append(Stage(f"pooling {number}, which is {kind} pooling in this net", panels))
    if not isinstance(watched[0], _POOLINGS):
        stages = [Stage("convolutions", [panel for stage in stages for panel in stage.panels])]
    return stages, float((moved - answers).abs().amax(dim=1).mean())


def _relative(changes: Tensor, maps: Tensor) -> float:
    """The mean over images of the size of the changes, relative to that of the maps; both (N, C, H, W)."""
    return float((changes.flatten(1).norm(dim=1) / maps.flatten(1).norm(dim=1)).mean())


@torch.no_grad()
def _find_maps(
    model: ImageClassifier, watched: list[nn.Module], rectified: set[nn.Module], images: Tensor
) -> tuple[list[dict[str, Tensor]], Tensor]:
    """Per watched layer its maps (N, C, H, W) by name, and the probabilities of the net."""
    found: dict[nn.Module, dict[str, Tensor]] = {}

    def keep(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            found[layer] = {f"convolution {len(found) + 1}": output.relu() if layer in rectified else output}
            return
        # max and ReLU commute: a net may rectify its maps before or after it.
        before = given[0].relu() if layer in rectified else given[0]
        shape: Any = layer.kernel_size, layer.stride, layer.padding
        average, largest = (kind(*shape, ceil_mode=layer.ceil_mode)(before) for kind in _POOLINGS)
        found[layer] = {"before pooling": before, "average pooling": average, "max pooling": largest}

    with contextlib.ExitStack() as hooks:
        for layer in watched:
            hooks.enter_context(layer.register_forward_hook(keep))
        answers = model(images).softmax(dim=1)
    return [found[layer] for layer in watched], answers


def _to_pixels(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()
