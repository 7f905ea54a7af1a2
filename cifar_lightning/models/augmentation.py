"""Images changed at random, as a net is trained."""

import torch
from torch import Tensor, nn


def augment(augmentation: nn.Module, images: Tensor) -> Tensor:
    """Applies `augmentation` to a batch, uint8 (N, 3, S, S), and returns one of the same type and shape.

    It gets the whole batch, and must draw anew for each image. What is or contains one of torchvision's transforms,
    which draw once per call, is applied image by image, uint8 (3, S, S); one of Kornia's gets and gives floats, 0..1.
    Raises ValueError if the augmentation gives another type or shape.
    """
    packages = {type(module).__module__.partition(".")[0] for module in augmentation.modules()}
    if "torchvision" in packages:
        augmented = torch.stack([augmentation(image) for image in images])
    elif "kornia" in packages:
        augmented = augmentation(images.float() / 255).mul(255).round().clamp(0, 255).to(torch.uint8)
    else:
        augmented = augmentation(images)
    if augmented.shape != images.shape or augmented.dtype != torch.uint8:
        raise ValueError(
            f"expected model.augmentation to give images as it gets them, torch.uint8 {tuple(images.shape)}, got"
            f" {augmented.dtype} {tuple(augmented.shape)} from {type(augmentation).__name__}; leave scaling to the net,"
            " and the size as it is"
        )
    return augmented
