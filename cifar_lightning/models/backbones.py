"""The four nets of the lab: two convolutions each, differing only in how they shrink the feature map.

A backbone is any `torch.nn.Module` that maps normalised images, float32 (N, 3, H, W), to features, float32 (N, F); the
linear head belongs to the classifier. The last ReLU comes after the flatten, so that its forward and backward see one
memory format (convolutions run in channels_last, the head in the order C, H, W).
"""

from torch import Tensor, nn


class BaselineNet(nn.Sequential):
    """Stride 4, then stride 1: 32x32 -> 8x8 -> 8x8, 4096 features.

    The lab text says stride 1 for the first layer, but its 64x8x8 features are only possible with stride 4.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, kernel_size=5, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1),
            nn.Flatten(),
            nn.ReLU(inplace=True),
        )


class StrideNet(nn.Sequential):
    """Stride 3, twice: 32x32 -> 11x11 -> 4x4, 1024 features."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, kernel_size=5, stride=3, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, kernel_size=3, stride=3, padding=1),
            nn.Flatten(),
            nn.ReLU(inplace=True),
        )


class MaxPoolNet(nn.Sequential):
    """Max pooling 3, then 2: 32x32 -> 28x28 -> 9x9 -> 7x7 -> 3x3, 576 features.

    Each ReLU comes after its pool: max and ReLU commute, and the ReLU then sees nine (and four) times fewer values.
    """

    def __init__(self) -> None:
        super().__init__(
            SeenCrop(),
            nn.Conv2d(3, 32, kernel_size=5),
            nn.MaxPool2d(3),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, kernel_size=3),
            nn.MaxPool2d(2),
            FlattenPooled(),
            nn.ReLU(inplace=True),
        )


class AvgPoolNet(nn.Sequential):
    """Average pooling 3, then 2: 32x32 -> 28x28 -> 9x9 -> 7x7 -> 3x3, 576 features."""

    def __init__(self) -> None:
        super().__init__(
            SeenCrop(),
            nn.Conv2d(3, 32, kernel_size=5),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(3),
            nn.Conv2d(32, 64, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
            FlattenPooled(),
        )


class SeenCrop(nn.Module):
    """Crops (N, C, H, W) to the top left square that the lab's pooled nets look at: 28x28 of 32x32.

    Pooling without padding drops incomplete windows. Output q x q needs 2q x 2q of the second convolution, so 2q + 2 of
    the first pool, so 3 (2q + 2) of the first convolution, so 6q + 10 pixels a side. Cropping the others first changes
    no bit and saves a quarter of the work. Raises ValueError if a side is below 16 pixels, for which q is 0.
    """

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[-2:]) < 16:
            shape = tuple(images.shape[-2:])
            raise ValueError(f"expected images of at least (16, 16) pixels for a pooled net, got {shape}; enlarge them")
        height, width = (6 * ((((side - 4) // 3) - 2) // 2) + 10 for side in images.shape[-2:])
        # Copied once; the convolution would do so in forward, and again in backward.
        return images[..., :height, :width].clone()


class FlattenPooled(nn.Flatten):
    """Flattens (N, C, H, W) to (N, C H W), and gives the gradient back in channels_last.

    torch's own gives it back in the order C, H, W, and a pool copies its input and output to that order. No bit
    changes, and a step of the pooled nets takes 3 to 4 % less.
    """

    def forward(self, maps: Tensor) -> Tensor:
        if maps.requires_grad:
            # Permuted, since `vmap` refuses a memory format by its name.
            maps.register_hook(lambda gradient: gradient.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2))
        return super().forward(maps)
