"""Nets as users write them, in a module that a config can name."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Chain(nn.Sequential):
    """torch's usual layers one after another, with a linear layer and a convolution in groups."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(nn.Conv2d(3, 6, 5, stride=2, bias=False), nn.GELU(), nn.MaxPool2d(2)),
            nn.Conv2d(6, 4, 3, groups=2),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(36, 8, bias=False),
            nn.Tanh(),
        )


class Residual(nn.Module):
    """A forward of its own, and a fixed buffer that each net draws for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 5, stride=4), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.register_buffer("noise", torch.randn(4, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.relu(self.first(images)) + self.noise
        return (maps + self.norm(self.second(maps))).flatten(1)


class DivergesWithSeedOne(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 5, stride=4), nn.Flatten())
        if torch.initial_seed() == 1:
            self[0].weight.data *= 1e30


class Normalised(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 5, stride=4), nn.BatchNorm2d(4), nn.Flatten())


class Dropping(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 5, stride=4), nn.Dropout(), nn.Flatten())


class DroppingInside(nn.Sequential):
    def forward(self, images: Tensor) -> Tensor:
        return functional.dropout(images, training=self.training).mean((2, 3))


class Broken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("its own bug")
        return images.mean((2, 3))
