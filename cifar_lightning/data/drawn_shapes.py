"""Pictures drawn with a seed: no network, no file."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw

from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource, Split

_OVERSAMPLING = 4
# Of all pictures together: more would not fit into the memory of many a machine.
_MAX_BYTES = 4_000_000_000


class DrawnShapes(ImageSource):
    """Six shapes of random colour, size, place and orientation, on a random background, under noise.

    Classes differ in shape alone: colours, sizes and places are drawn from the same distributions for all.

    Args:
        num_train: training pictures a class.
        num_test: test pictures a class.
        seed: of the drawing. The same seed draws the same pictures; the two splits share none.
        noise: standard deviation of the Gaussian noise, in grey levels (0..255).
        image_size: side of the pictures, in pixels.

    Raises:
        ValueError: if a number is out of range, or all pictures together take more than 4 GB.
    """

    def __init__(
        self, num_train: int = 300, num_test: int = 100, seed: int = 0, noise: float = 16.0, image_size: int = 32
    ) -> None:
        for name, value, least in (
            ("num_train", num_train, 1),
            ("num_test", num_test, 1),
            ("seed", seed, 0),
            ("noise", noise, 0),
            ("image_size", image_size, 1),
        ):
            if not value >= least:
                raise ValueError(f"expected {name} of at least {least}, got {value}; fix data.source")
        num_bytes = (num_train + num_test) * len(CLASS_NAMES) * 3 * image_size**2
        if num_bytes > _MAX_BYTES:
            raise ValueError(
                f"expected pictures of at most {_MAX_BYTES / 1e9:.0f} GB together, got {num_bytes / 1e9:,.0f} GB;"
                " lower image_size, num_train or num_test of data.source"
            )
        self.num_pictures: dict[Split, int] = {"train": num_train, "test": num_test}
        self.seed = seed
        self.noise = noise + 0.0  # which makes 0.0 of -0.0: NumPy takes that for negative
        self.image_size = image_size

    @property
    def class_names(self) -> tuple[str, ...]:
        return CLASS_NAMES

    def load(self, split: Split) -> LabelledImages:
        generator = np.random.default_rng([self.seed, ("train", "test").index(split)])
        num_images = self.num_pictures[split] * len(CLASS_NAMES)
        # Classes take turns, as a shuffled set would.
        labels = np.arange(num_images) % len(CLASS_NAMES)
        pixels = np.empty((num_images, self.image_size, self.image_size, 3), np.uint8)
        for picture, label in zip(pixels, labels, strict=True):
            picture[:] = self._draw(CLASS_NAMES[label], generator)
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
        picture = background + weight * (colour - background) + generator.normal(0, self.noise, (side, side, 3))
        return picture.round().clip(0, 255).astype(np.uint8)


class _Pose(NamedTuple):
    radius: float
    x: float
    y: float
    angle: float

    def polygon(self, polar: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Points of the picture for polar coordinates (share of the radius, turns)."""
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


# By class name, in the order of the labels.
_SHAPES: dict[str, Callable[[_Pose, ImageDraw.ImageDraw], None]] = {
    "circle": _draw_circle,
    "square": _draw_square,
    "triangle": _draw_triangle,
    "star": _draw_star,
    "cross": _draw_cross,
    "ring": _draw_ring,
}
CLASS_NAMES = tuple(_SHAPES)
