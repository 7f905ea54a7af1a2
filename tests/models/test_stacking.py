"""Nets under `vmap`: their losses and gradients equal those of each net alone."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet, StrideNet
from cifar_lightning.models.classifier import ImageClassifier


def make_plain_net():
    return nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten())


@pytest.mark.parametrize("make_net", [BaselineNet, StrideNet, MaxPoolNet, AvgPoolNet, make_plain_net])
@pytest.mark.parametrize("shared", [True, False], ids=["same images", "images of its own"])
def test_stacked_losses_and_gradients_equal_those_of_each_net_alone(make_net, shared):
    torch.manual_seed(0)
    models = [ImageClassifier(make_net(), label_smoothing=0.1) for _ in range(3)]
    images = torch.randint(0, 256, (1 if shared else 3, 8, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, 3, (len(images), 8))

    def compute_loss(parameters, buffers, images, labels):
        return models[0].loss(functional_call(models[0], (parameters, buffers), (images,)), labels)

    stacked = vmap(grad_and_value(compute_loss), in_dims=(0, 0, None, None) if shared else 0)
    gradients, losses = stacked(*stack_module_state(models), *((images[0], labels[0]) if shared else (images, labels)))
    for place, model in enumerate(models):
        batch = 0 if shared else place
        loss = model.training_step((images[batch], labels[batch]), 0)
        loss.backward()
        assert losses[place].item() == pytest.approx(loss.item(), abs=1e-5)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name][place], parameter.grad, rtol=1e-5, atol=1e-5)
