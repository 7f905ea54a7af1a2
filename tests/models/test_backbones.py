"""The four nets against the lab's layers, written out plainly."""

import pytest
import torch
from torch import nn

from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet, SeenCrop, StrideNet
from cifar_lightning.models.classifier import ImageClassifier

LAB_LAYERS = {
    BaselineNet: lambda: [nn.Conv2d(3, 32, 5, 4, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU(), nn.Flatten()],
    StrideNet: lambda: [nn.Conv2d(3, 32, 5, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 3, 1), nn.ReLU(), nn.Flatten()],
    MaxPoolNet: lambda: [
        *(nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
    ],
    AvgPoolNet: lambda: [
        *(nn.Conv2d(3, 32, 5), nn.ReLU(), nn.AvgPool2d(3)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
    ],
}
POOLED = [MaxPoolNet, AvgPoolNet]
FORMATS = [torch.contiguous_format, torch.channels_last]
SIDES = [24, 32, 40, 64]
SIDE_SEEN = {24: 22, 32: 28, 33: 28, 39: 34, 40: 40, 64: 64}

every_net = pytest.mark.parametrize("net_class", LAB_LAYERS)
every_pooled_net = pytest.mark.parametrize("net_class", POOLED)
every_format = pytest.mark.parametrize("memory_format", FORMATS, ids=["contiguous", "channels_last"])


def make_pair(net_class):
    """A net of ours, and the lab's with the same weights."""
    torch.manual_seed(0)
    net, lab = net_class(), nn.Sequential(*LAB_LAYERS[net_class]())
    for ours, theirs in zip(net.parameters(), lab.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    return net, lab


def draw_images(*sides, count=2, dtype=torch.float32):
    height, width = sides if len(sides) == 2 else sides * 2
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1), dtype=dtype)


@every_net
@every_format
@pytest.mark.parametrize("side", SIDES)
def test_outputs_equal_the_labs_layers(net_class, memory_format, side):
    net, lab = make_pair(net_class)
    images = draw_images(side)
    features = net.to(memory_format=memory_format)(images.to(memory_format=memory_format))
    torch.testing.assert_close(features, lab(images), rtol=1e-4, atol=1e-5)


@every_net
@every_format
@pytest.mark.parametrize("side", SIDES)
def test_gradients_equal_the_labs_layers(net_class, memory_format, side):
    # In float64: in float32 two values of a pooling window may tie, and rounding would choose the winner.
    net, lab = (model.double() for model in make_pair(net_class))
    net.to(memory_format=memory_format)
    leaf = draw_images(side, dtype=torch.float64).requires_grad_()
    features = net(leaf.to(memory_format=memory_format))
    weights = torch.randn(features.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ours = torch.autograd.grad((features * weights).sum(), [leaf, *net.parameters()])
    theirs = torch.autograd.grad((lab(leaf) * weights).sum(), [leaf, *lab.parameters()])
    for our_gradient, their_gradient in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-9, atol=1e-9)


@every_net
def test_float32_gradients_are_those_of_float64(net_class):
    net, lab = make_pair(net_class)
    images = draw_images(32)
    net.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last)).square().sum().backward()
    lab.double()(images.double()).square().sum().backward()
    for ours, theirs in zip(net.parameters(), lab.parameters(), strict=True):
        assert (ours.grad - theirs.grad).norm() < 0.01 * theirs.grad.norm()


@every_pooled_net
@every_format
@pytest.mark.parametrize("sides", [(24,), (32,), (40,), (64,), (24, 40)], ids=str)
def test_cropping_first_changes_no_bit_of_the_outputs(net_class, memory_format, sides):
    net = net_class().to(memory_format=memory_format)
    images = draw_images(*sides).to(memory_format=memory_format)
    uncropped = nn.Sequential(*list(net)[1:])
    assert torch.equal(net(images), uncropped(images))


@every_pooled_net
@pytest.mark.parametrize("side", SIDES)
def test_pixels_that_the_crop_drops_have_a_gradient_of_exactly_zero(net_class, side):
    _, lab = make_pair(net_class)
    leaf = draw_images(side).requires_grad_()
    lab(leaf).square().sum().backward()
    seen = SIDE_SEEN[side]
    assert torch.all(leaf.grad[..., seen:, :] == 0)
    assert torch.all(leaf.grad[..., :, seen:] == 0)
    assert leaf.grad[..., seen - 1, :].any()
    assert leaf.grad[..., :, seen - 1].any()


@pytest.mark.parametrize(("side", "seen"), SIDE_SEEN.items())
def test_the_crop_keeps_the_top_left_corner(side, seen):
    images = draw_images(side)
    assert torch.equal(SeenCrop()(images), images[:, :, :seen, :seen])


@pytest.mark.parametrize(("net_class", "seen"), [(BaselineNet, 31), (StrideNet, 32)])
def test_the_strided_nets_see_this_many_of_32_rows_and_columns(net_class, seen):
    leaf = draw_images(32).requires_grad_()
    net_class()(leaf).sum().backward()
    touched = leaf.grad.abs().amax(dim=(0, 1))
    assert touched[seen - 1].any()
    assert touched[:, seen - 1].any()
    assert not touched[seen:].any()
    assert not touched[:, seen:].any()


@pytest.mark.parametrize(
    ("net_class", "count"), [(BaselineNet, 33_219), (StrideNet, 24_003), (MaxPoolNet, 22_659), (AvgPoolNet, 22_659)]
)
def test_number_of_parameters_with_three_outputs(net_class, count):
    model = ImageClassifier(net_class(), ["apple", "forest", "lawn_mower"])
    assert sum(parameter.numel() for parameter in model.parameters()) == count
