"""The classifier against torch's own layers and torchvision's transforms."""

import re
import warnings

import numpy as np
import pytest
import torch
from lightning.pytorch.cli import ReduceLROnPlateau
from torch import nn
from torchvision import transforms
from torchvision.models import resnet18

from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet
from cifar_lightning.models.classifier import ImageClassifier, find_num_features

NAMES = ["apple", "forest", "lawn_mower"]
LAB_TRANSFORM = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize((0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025))]
)


def draw_images(count=7, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def as_batch(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def test_images_scaled_to_0_to_1_are_refused():
    with pytest.raises(ValueError, match=r"expected uint8 images, 0\.\.255, got torch\.float32"):
        ImageClassifier(AvgPoolNet())(torch.rand(2, 3, 32, 32))


def test_a_numpy_array_is_refused():
    with pytest.raises(ValueError, match=r"expected a tensor .* got <class 'numpy\.ndarray'>; .*torch\.from_numpy"):
        ImageClassifier(AvgPoolNet())(draw_images())


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 32, 32, 3), (2, 3, 20, 20), (2, 1, 32, 32), (2, 4, 32, 32)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(f"expected images (N, 3, 32, 32), got {shape}; permute or resize")):
        ImageClassifier(AvgPoolNet())(torch.zeros(shape, dtype=torch.uint8))


def test_a_net_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match=r"expected a backbone such as AvgPoolNet\(\), got <class .*MaxPoolNet"):
        ImageClassifier(MaxPoolNet)
    with pytest.raises(ValueError, match=r"such as AvgPoolNet\(\), got 'AvgPoolNet'$"):
        ImageClassifier("AvgPoolNet")


def test_the_labs_classes_by_default():
    assert ImageClassifier(AvgPoolNet()).class_names == ["apple", "forest", "lawn_mower"]


@pytest.mark.parametrize("side", [32, 20])
def test_normalisation_equals_torchvision(side):
    images = draw_images(side=side)
    model = ImageClassifier(nn.Flatten(), NAMES, image_size=side)
    expected = torch.stack([LAB_TRANSFORM(image) for image in images])
    torch.testing.assert_close(model.normalize(as_batch(images)), expected, rtol=1e-5, atol=2e-6)


def test_a_forward_pass_leaves_its_images_as_they_were():
    images = as_batch(draw_images()).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    ImageClassifier(AvgPoolNet(), NAMES)(images)
    assert torch.equal(images, before)


def test_ten_steps_of_training_equal_a_hand_written_loop():
    images, labels = draw_images(count=40), torch.arange(40) % 3
    model = ImageClassifier(BaselineNet(), NAMES)
    lab = nn.Sequential(
        nn.Conv2d(3, 32, 5, stride=4, padding=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=1, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4096, 3),
    )
    for ours, theirs in zip(model.parameters(), lab.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    normalised = torch.stack([LAB_TRANSFORM(image) for image in images])
    optimizer, lab_optimizer = model.configure_optimizers(), torch.optim.SGD(lab.parameters(), 0.005, momentum=0.9)
    losses, lab_losses = [], []
    for _ in range(10):
        loss = model.training_step((as_batch(images), labels), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

        lab_loss = nn.CrossEntropyLoss()(lab(normalised), labels)
        lab_optimizer.zero_grad()
        lab_loss.backward()
        lab_optimizer.step()
        lab_losses.append(lab_loss.item())
    assert losses == pytest.approx(lab_losses, rel=1e-4)
    assert losses[-1] < 0.9 * losses[0]


def test_a_label_smoothing_in_percent_is_refused():
    with pytest.raises(ValueError, match=r"label_smoothing in 0\.\.1, got 10; try 0\.1"):
        ImageClassifier(AvgPoolNet(), label_smoothing=10)


def test_label_smoothing_changes_what_is_minimised_and_not_what_is_reported():
    model = ImageClassifier(AvgPoolNet(), NAMES, num_outputs=4, label_smoothing=0.2)
    batch, labels = as_batch(draw_images(6)), torch.arange(6) % 3
    loss = model.training_step((batch, labels), 0)
    logs = model(batch).log_softmax(1)
    # A fifth of each label goes to the four outputs alike.
    plain = -logs[torch.arange(6), labels].mean()
    assert loss.item() == pytest.approx((0.8 * plain - 0.2 * logs.mean()).item(), abs=1e-6)
    assert model.train_metrics.compute()[0].item() == pytest.approx(plain.item(), abs=1e-6)


def test_one_output_per_class_by_default():
    assert ImageClassifier(AvgPoolNet(), NAMES)(as_batch(draw_images())).shape == (7, 3)


def test_the_labs_head_of_a_hundred_outputs():
    model = ImageClassifier(AvgPoolNet(), NAMES, num_outputs=100)
    batch = as_batch(draw_images())
    assert model(batch).shape == (7, 100)
    probabilities = model.predict_step(batch, 0)
    assert probabilities.dtype == torch.float64
    torch.testing.assert_close(probabilities, torch.softmax(model(batch).double(), 1))


def test_fewer_outputs_than_classes_are_refused():
    with pytest.raises(ValueError, match="got num_outputs 2 for 3 classes"):
        ImageClassifier(AvgPoolNet(), NAMES, num_outputs=2)


def test_sgd_of_the_lab_by_default():
    optimizer = ImageClassifier(AvgPoolNet(), NAMES).configure_optimizers()
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"], group["nesterov"]) == (0.005, 0.9, 0, False)
    assert sum(parameter.numel() for parameter in group["params"]) == 22_659


def test_optimizer_and_scheduler_are_those_given():
    model = ImageClassifier(
        AvgPoolNet(),
        NAMES,
        optimizer=lambda params: torch.optim.Adam(params, lr=0.25),
        scheduler=lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5),
    )
    configured = model.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert type(optimizer) is torch.optim.Adam
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.125


def test_a_plateau_scheduler_is_given_the_metric_it_watches():
    model = ImageClassifier(
        AvgPoolNet(), NAMES, scheduler=lambda optimizer: ReduceLROnPlateau(optimizer, monitor="val_loss")
    )
    assert model.configure_optimizers()["lr_scheduler"]["monitor"] == "val_loss"


class GivesAList(nn.Module):
    def forward(self, images):
        return [images.flatten(1)]


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (nn.Conv2d(3, 8, 5), r"Conv2d gives \(2, 8, 28, 28\); end it with a flatten"),
        (nn.Flatten(0), r"Flatten gives \(6144,\)"),
        (nn.Flatten(0, 1), r"Flatten gives \(6, 32, 32\)"),
        (nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (1, -1))), r"Sequential gives \(1, 6144\)"),
        (GivesAList(), "GivesAList gives list"),
    ],
)
def test_a_backbone_that_gives_no_features_is_refused(backbone, message):
    with pytest.raises(ValueError, match=message):
        find_num_features(backbone, 32)


def resnet18_without_its_classifier():
    net = resnet18()
    net.fc = nn.Identity()
    return net


def test_the_classifier_of_a_librarys_net_under_the_head_is_named_and_can_be_left_out():
    said = r"ResNet ends with a linear layer of its own, fc \(512 -> 1000\), .*; leave it out: num_classes=0 in timm"
    with pytest.warns(UserWarning, match=said):
        assert ImageClassifier(resnet18()).head.in_features == 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ImageClassifier(resnet18_without_its_classifier()).head.in_features == 512


@pytest.mark.parametrize("last", [nn.ReLU(inplace=True), nn.ReLU(), nn.BatchNorm1d(4), nn.Dropout()])
def test_a_linear_layer_that_something_follows_is_no_classifier(last):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_num_features(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4), last), 8) == 4


@pytest.mark.parametrize("training", [True, False])
def test_finding_the_features_leaves_the_backbone_as_it_was(training):
    backbone = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Flatten()).train(training)
    backbone[1].eval()
    assert find_num_features(backbone, 12) == 8 * 8 * 8
    assert backbone.training is training
    assert not backbone[1].training
    assert backbone[1].num_batches_tracked == 0


def test_an_error_of_the_backbone_is_passed_on():
    with pytest.raises(RuntimeError, match="4 channels"):
        ImageClassifier(nn.Conv2d(4, 8, 3))


@pytest.mark.parametrize("net_class", [MaxPoolNet, AvgPoolNet])
def test_images_too_small_for_a_pooled_net_are_refused(net_class):
    with pytest.raises(ValueError, match=r"expected images of at least \(16, 16\) pixels .*, got \(15, 15\)"):
        ImageClassifier(net_class(), NAMES, image_size=15)
    ImageClassifier(net_class(), NAMES, image_size=16)
