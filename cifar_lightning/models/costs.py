"""What a net costs and sees, measured on the net as it runs."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cifar_lightning.models.classifier import ImageClassifier

_NUM_IMAGES = 8


def count_flops(model: ImageClassifier, image_size: int) -> int:
    """Floating point operations of one image's forward and backward pass, as torch's own counter sees them."""
    image = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8, device=model.device)
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        model.eval()(image).sum().backward()
    model.zero_grad()
    return counter.get_total_flops()


def count_pixels_seen(model: ImageClassifier, image_size: int) -> int:
    """The number of an image's pixels that reach the answer: those with a gradient that is not exactly zero.

    Seen is what reaches the features on one of a few random images: a ReLU may be silent on any single one.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(_NUM_IMAGES, 3, image_size, image_size, generator=generator)
    images = noise.to(model.device).requires_grad_()
    backbone: nn.Module = model.backbone.eval()
    with torch.enable_grad():
        features = backbone(images)
        (gradient,) = torch.autograd.grad(features, images, torch.rand_like(features))
    return int((gradient != 0).any(dim=1).any(dim=0).sum())
