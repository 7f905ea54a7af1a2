"""Images drawn with a seed: no network, no file."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw

from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource, Split

_OVERSAMPLING = 4


class DrawnShapes(ImageSource):
    """Six shapes of random colour, size, place and orientation, on a random background, under noise.

    Classes differ in shape alone: colours, sizes and places are drawn from the same distributions for all.

    Args:
        num_train: training images per class.
        num_test: test images per class.
        seed: the same seed draws the same images; the two splits share none.
        noise: standard deviation of the Gaussian noise, in grey levels (0..255).
        image_size: side of the images, in pixels.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self, num_train: int = 300, num_test: int = 100, seed: int = 0, noise: float = 16.0, image_size: int = 32
    ) -> None:
        for name, value in (("num_train", num_train), ("num_test", num_test), ("image_size", image_size)):
            if value < 1:
                raise ValueError(f"expected {name} of at least 1, got {value}; fix data.source")
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
        # Classes take turns, as a shuffled set would.
        labels = np.arange(num_images) % len(CLASS_NAMES)
        pixels = np.empty((num_images, self.image_size, self.image_size, 3), np.uint8)
        for image, label in zip(pixels, labels, strict=True):
            image[:] = self._draw(CLASS_NAMES[label], generator)
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        return LabelledImages(images, torch.from_numpy(labels), CLASS_NAMES, torch.arange(num_images))

    def _draw(self, name: str, generator: np.random.Generator) -> np.ndarray:
        side = self.image_size
        background = generator.integers(0, 256, 3)
        # Far enough from the background to be seen: at least 100 grey levels in one channel.
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
        _SHAPES[name](pose, ImageDraw.Draw(mask))
        weight = np.asarray(mask.resize((side, side), Image.Resampling.BOX), np.float64)[..., None] / 255
        image = background + weight * (colour - background) + generator.normal(0, self.noise, (side, side, 3))
        return image.round().clip(0, 255).astype(np.uint8)


class _Pose(NamedTuple):
    radius: float
    x: float
    y: float
    angle: float

    def polygon(self, polar: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Points of the image for polar coordinates (share of the radius, turns)."""
        points = [(share * self.radius, self.angle + 2 * math.pi * turns) for share, turns in polar]
        return [(self.x + length * math.cos(angle), self.y + length * math.sin(angle)) for length, angle in points]


def _draw_circle(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    canvas.circle((pose.x, pose.y), 0.85 * pose.radius, fill=255)


def _draw_square(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    canvas.polygon(pose.polygon([(1.0, corner / 4) for corner in range(4)]), fill=255)


def _draw_triangle(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    canvas.polygon(pose.polygon([(1.0, corner / 3) for corner in range(3)]), fill=255)


def _draw_star(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    canvas.polygon(pose.polygon([((1.1, 0.45)[i % 2], i / 10) for i in range(10)]), fill=255)


def _draw_cross(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    arm = ((1.0, -0.06), (1.0, 0.06), (0.5, 0.125))
    outline = [(share, quarter / 4 + turns) for quarter in range(4) for share, turns in arm]
    canvas.polygon(pose.polygon(outline), fill=255)


def _draw_ring(pose: _Pose, canvas: ImageDraw.ImageDraw) -> None:
    canvas.circle((pose.x, pose.y), 0.9 * pose.radius, fill=255)
    canvas.circle((pose.x, pose.y), 0.5 * pose.radius, fill=0)


# How each class is drawn, in the order of the labels.
_SHAPES: dict[str, Callable[[_Pose, ImageDraw.ImageDraw], None]] = {
    "circle": _draw_circle,
    "square": _draw_square,
    "triangle": _draw_triangle,
    "star": _draw_star,
    "cross": _draw_cross,
    "ring": _draw_ring,
}
CLASS_NAMES = tuple(_SHAPES)
