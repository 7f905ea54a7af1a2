"""Images drawn with a seed: no network, no file."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw

from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource, Split

_OVERSAMPLING = 4


class DrawnShapes(ImageSource):
    """Six shapes of random colour, size, place and orientation, on a random background, under noise.

    Classes differ in shape alone.

    Args:
        num_train: training images per class.
        num_test: test images per class.
        seed: the same seed draws the same images; the two splits share none.
        noise: standard deviation of the Gaussian noise, in grey levels (0..255).
        image_size: side of the images, in pixels.
    """

    def __init__(
        self, num_train: int = 300, num_test: int = 100, seed: int = 0, noise: float = 16.0, image_size: int = 32
    ) -> None:
        for name, value in (("num_train", num_train), ("num_test", num_test), ("image_size", image_size)):
            if value < 1:
                raise ValueError(f"expected {name} of at least 1, got {value}; raise data.source.{name}")
        self.num_images: dict[Split, int] = {"train": num_train, "test": num_test}
        self.seed = seed
        self.noise = noise
        self.image_size = image_size

    @property
    def class_names(self) -> tuple[str, ...]:
        return CLASS_NAMES

    def load(self, split: Split) -> LabelledImages:
        generator = np.random.default_rng([self.seed, ("train", "test").index(split)])
        num_images = self.num_images[split] * len(CLASS_NAMES)
        labels = np.arange(num_images) % len(CLASS_NAMES)
        pixels = np.empty((num_images, self.image_size, self.image_size, 3), np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[:] = self._draw(CLASS_NAMES[label], generator)
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        return LabelledImages(images, torch.from_numpy(labels), CLASS_NAMES, torch.arange(num_images))

    def _draw(self, name: str, generator: np.random.Generator) -> np.ndarray:
        side = self.image_size
        background = generator.integers(0, 256, 3)
        # At least 100 grey levels from the background in one channel, to be seen.
        while np.abs(colour := generator.integers(0, 256, 3) - background).max() < 100:
            pass
        colour = colour + background
        pose = _Pose(
            radius=generator.uniform(0.24, 0.38) * side * _OVERSAMPLING,
            x=generator.uniform(0.4, 0.6) * side * _OVERSAMPLING,
            y=generator.uniform(0.4, 0.6) * side * _OVERSAMPLING,
            angle=generator.uniform(0, 2 * math.pi),
        )
        mask = Image.new("L", (side * _OVERSAMPLING, side * _OVERSAMPLING))
        _SHAPES[name](ImageDraw.Draw(mask), pose)
        weight = np.asarray(mask.resize((side, side), Image.Resampling.BOX), np.float64)[..., None] / 255
        image = background + weight * (colour - background) + generator.normal(0, self.noise, (side, side, 3))
        return image.round().clip(0, 255).astype(np.uint8)


class _Pose(NamedTuple):
    radius: float
    x: float
    y: float
    angle: float


def _disc(canvas: ImageDraw.ImageDraw, pose: _Pose, share: float, fill: int = 255) -> None:
    canvas.circle((pose.x, pose.y), share * pose.radius, fill=fill)


def _ring(canvas: ImageDraw.ImageDraw, pose: _Pose) -> None:
    _disc(canvas, pose, 0.9)
    _disc(canvas, pose, 0.5, fill=0)


def _polygon(canvas: ImageDraw.ImageDraw, pose: _Pose, corners: list[tuple[float, float]]) -> None:
    """Fills a polygon, its `corners` given as (share of the radius, turns)."""
    polar = [(share * pose.radius, pose.angle + 2 * math.pi * turns) for share, turns in corners]
    points = [(pose.x + length * math.cos(angle), pose.y + length * math.sin(angle)) for length, angle in polar]
    canvas.polygon(points, fill=255)


_ARM = ((1.0, -0.06), (1.0, 0.06), (0.5, 0.125))
# How each class is drawn, in the order of the labels.
_SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, _Pose], None]] = {
    "circle": partial(_disc, share=0.85),
    "square": partial(_polygon, corners=[(1.0, corner / 4) for corner in range(4)]),
    "triangle": partial(_polygon, corners=[(1.0, corner / 3) for corner in range(3)]),
    "star": partial(_polygon, corners=[((1.1, 0.45)[i % 2], i / 10) for i in range(10)]),
    "cross": partial(_polygon, corners=[(share, arm / 4 + turns) for arm in range(4) for share, turns in _ARM]),
    "ring": _ring,
}
CLASS_NAMES = tuple(_SHAPES)
