"""What a net costs per image, and how much of the image it looks at."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from cifar_lightning.models.classifier import ImageClassifier, evaluating

_NUM_IMAGES = 64


def count_flops(model: ImageClassifier) -> int:
    """Floating point operations of an image's forward and backward pass."""
    image = torch.zeros(1, 3, model.image_size, model.image_size, dtype=torch.uint8, device=model.device)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with evaluating(model), torch.enable_grad(), FlopCounterMode(display=False) as counter:
        torch.autograd.grad(model(image).sum(), trained, allow_unused=True)
    return counter.get_total_flops()


def count_pixels_seen(model: ImageClassifier) -> int:
    """How many of an image's pixels have a gradient that is not exactly zero, for some of 64 random images."""
    generator = torch.Generator().manual_seed(0)
    shape = _NUM_IMAGES, 3, model.image_size, model.image_size
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).to(model.device)
    with evaluating(model), torch.enable_grad():
        pixels = model.normalize(images).requires_grad_()
        logits = model.head(model.backbone(pixels))
        # Random weights, or the gradients of outputs that always add up to the same would cancel.
        weights = torch.randn(logits.shape, generator=generator).to(logits)
        (gradient,) = torch.autograd.grad((logits * weights).sum(), [pixels])
    return int((gradient != 0).any(dim=1).any(dim=0).sum())
