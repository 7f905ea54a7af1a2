"""What a net costs, and which pixels it looks at."""

import pytest
import torch
from torch import nn

from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet, StrideNet
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.models.costs import count_flops, count_pixels_seen


@pytest.mark.parametrize(
    ("net", "seen"), [(MaxPoolNet, 28 * 28), (AvgPoolNet, 28 * 28), (BaselineNet, 31 * 31), (StrideNet, 32 * 32)]
)
def test_pixels_seen_by_the_four_nets(net, seen):
    torch.manual_seed(0)
    assert count_pixels_seen(ImageClassifier(net())) == seen


class CentreNet(nn.Module):
    def forward(self, images):
        return images[..., 2:5, 2:6].flatten(1).softmax(dim=1)


@pytest.mark.parametrize(("net", "seen"), [(CentreNet(), 12), (nn.Flatten(), 64)])
def test_pixels_seen_by_a_net_of_the_user(net, seen):
    assert count_pixels_seen(ImageClassifier(net, image_size=8)) == seen


@pytest.mark.parametrize(
    ("net", "first_side", "second_side", "features"),
    [(BaselineNet, 8, 8, 4096), (StrideNet, 11, 4, 1024), (MaxPoolNet, 24, 6, 576), (AvgPoolNet, 24, 6, 576)],
)
def test_flops_are_those_worked_out_by_hand(net, first_side, second_side, features):
    # Two per multiplication with addition: 32 channels from 75 values, 64 from 288, and 3 outputs. Backward takes as
    # many for the weights, and as many again for the gradient of a layer's input, which the first layer does not need.
    first, second, head = 2 * 32 * first_side**2 * 75, 2 * 64 * second_side**2 * 288, 2 * 3 * features
    assert count_flops(ImageClassifier(net())) == 2 * first + 3 * second + 3 * head


@pytest.mark.parametrize("count", [count_flops, count_pixels_seen])
def test_counting_leaves_mode_gradients_and_the_global_generator_alone(count):
    model = ImageClassifier(nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Flatten()))
    model.backbone[1].eval()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    state = torch.get_rng_state()
    count(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert model.backbone[0].training
    assert not model.backbone[1].training
    assert (model.head.weight.grad == 1).all()
    assert model.backbone[0].weight.grad is None
