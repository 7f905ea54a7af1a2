"""How a trained net answers shifted and noisy images."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

SHIFTS = (1, 2, 3, 4)
NOISE_LEVELS = (8, 16, 32)
NUM_NOISE_DRAWS = 5


@torch.inference_mode()
def probe(classify: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """For each probe and image, the share of its draws that left the answer right, or the same.

    `shift_k`, k = 1..4 pixels: the mean over eight directions (dx, dy in {-k, 0, k}, not both 0), borders reflected.
    `consistency_k`: the share of them with the same answer as without a shift (Zhang 2019, arXiv:1904.11486).
    `noise_s`, s = 8, 16, 32: Gaussian noise of that standard deviation in grey levels, rounded and clipped to 0..255,
    the mean over five draws, seeded 0..4.

    Args:
        classify: maps images, uint8 (N, 3, S, S), to logits, (N, num_outputs).
        images: uint8 (N, 3, S, S), S > 4.
        labels: int64 (N,).

    Returns:
        float64 (N,), 0..1, by the name of the probe.
    """

    def answers(images: Tensor) -> Tensor:
        return classify(images).argmax(dim=1)

    plain = answers(images)
    shares = {}
    for distance in SHIFTS:
        shifted = torch.stack([answers(shift(images, dx, dy)) for dx, dy in directions(distance)])
        shares[f"shift_{distance}"] = (shifted == labels).double().mean(dim=0)
        shares[f"consistency_{distance}"] = (shifted == plain).double().mean(dim=0)
    for level in NOISE_LEVELS:
        noisy = torch.stack([answers(add_noise(images, level, seed)) for seed in range(NUM_NOISE_DRAWS)])
        shares[f"noise_{level}"] = (noisy == labels).double().mean(dim=0)
    return shares


def directions(distance: int) -> Iterator[tuple[int, int]]:
    """The eight (dx, dy) with dx, dy in {-distance, 0, distance}, not both 0."""
    steps = (-distance, 0, distance)
    return ((dx, dy) for dy in steps for dx in steps if (dx, dy) != (0, 0))


def shift(images: Tensor, dx: int, dy: int) -> Tensor:
    """Moves images (N, C, H, W) by `dx` pixels to the right and `dy` down, less than their sides.

    What comes in is reflected at the border, as in numpy's and torch's padding mode "reflect".
    """
    height, width = images.shape[-2:]
    return images[..., _reflected(height, dy)[:, None], _reflected(width, dx)]


def _reflected(size: int, offset: int) -> Tensor:
    places = (torch.arange(size) - offset).abs()
    return size - 1 - (size - 1 - places).abs()


def add_noise(images: Tensor, level: float, seed: int) -> Tensor:
    """Adds Gaussian noise of standard deviation `level` grey levels to uint8 images; rounded and clipped to uint8."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(images.shape, generator=generator) * level
    return (images.cpu() + noise).round().clamp(0, 255).to(torch.uint8).to(images.device)
