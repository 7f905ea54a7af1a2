"""However it is made fast, a fit computes what a plain loop over the lab's layers computes."""

import csv

import pytest
import torch
from tiny import TINY
from torch import nn
from torch.nn import functional
from torchvision.transforms.functional import normalize

from cifar_lightning.data import DrawnShapes
from cifar_lightning.data.data_module import split_by_class

CLASSES = ("circle", "square", "triangle", "star", "cross")
LAYERS = {
    "baseline": lambda: [nn.Conv2d(3, 32, 5, 4, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU()],
    "stride": lambda: [nn.Conv2d(3, 32, 5, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 3, 1), nn.ReLU()],
    "maxpool": lambda: [
        *(nn.Conv2d(3, 32, 5), nn.ReLU(), nn.MaxPool2d(3)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
    ],
    "avgpool": lambda: [
        *(nn.Conv2d(3, 32, 5), nn.ReLU(), nn.AvgPool2d(3)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.AvgPool2d(2)),
    ],
}
NUM_FEATURES = {"baseline": 4096, "stride": 1024, "maxpool": 576, "avgpool": 576}
BACKBONES = {"baseline": "BaselineNet", "stride": "StrideNet", "maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet"}


def plain_loop(name: str, seed: int, num_epochs: int) -> list[tuple[float, float, float]]:
    """Train loss, train accuracy and validation loss of each epoch: the quickstart's settings, in plain PyTorch."""
    shapes = DrawnShapes(num_train=60, num_test=6).load("train").keep_classes(CLASSES)
    train, val = split_by_class(shapes, 0.1, seed=0)
    mean, std = (0.5074, 0.4867, 0.4411), (0.2011, 0.1987, 0.2025)
    images, val_images = (normalize(part.images.contiguous() / 255, mean, std) for part in (train, val))
    torch.manual_seed(seed)
    net = nn.Sequential(*LAYERS[name](), nn.Flatten(), nn.Linear(NUM_FEATURES[name], len(CLASSES)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    curves = []
    for epoch in range(num_epochs):
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        total_loss, num_right = 0.0, 0
        for index in order.split(128):
            logits = net(images[index])
            loss = functional.cross_entropy(logits, train.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(index)
            num_right += (logits.argmax(1) == train.labels[index]).sum().item()
        with torch.no_grad():
            val_loss = functional.cross_entropy(net(val_images), val.labels).item()
        curves.append((total_loss / len(train), num_right / len(train), val_loss))
    return curves


@pytest.mark.parametrize("name", LAYERS)
def test_the_curves_of_a_fit_are_those_of_a_plain_loop(command, tmp_path, name):
    backbone = f"--model.backbone=cifar_lightning.models.backbones.{BACKBONES[name]}"
    arguments = [*TINY, "--data.source.num_train=60", "--trainer.max_epochs=3", "--seed_everything=5", backbone]
    assert command("fit", *arguments).code == 0
    with (tmp_path / "lightning_logs/quickstart/version_0/curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, (train_loss, train_accuracy, val_loss) in zip(rows, plain_loop(name, 5, 3), strict=True):
        assert float(row["train_loss"]) == pytest.approx(train_loss, rel=1e-4)
        assert float(row["train_accuracy"]) == pytest.approx(train_accuracy, abs=1e-6)
        assert float(row["val_loss"]) == pytest.approx(val_loss, rel=1e-4)
