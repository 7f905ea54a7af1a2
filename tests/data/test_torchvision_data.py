"""Torchvision's data sets, read by torchvision itself from small files in their layouts."""

import numpy as np
import pytest
import torch
from checks import assert_one_sentence
from small_torchvision import write_cifar10, write_fashion_mnist, write_svhn
from tiny import TINY
from torchvision import datasets

from cifar_lightning.data import Torchvision


def as_images(pixels):
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


@pytest.mark.parametrize(("name", "write"), [("CIFAR10", write_cifar10), ("SVHN", write_svhn)])
def test_colour_images_of_32_pixels_are_taken_as_they_are(tmp_path, monkeypatch, name, write):
    pixels, labels = write(tmp_path, monkeypatch)
    source = Torchvision(name, root=str(tmp_path), download=False)
    source.prepare()
    train, test = source.load("train"), source.load("test")
    assert torch.equal(train.images, as_images(pixels))
    assert train.labels.tolist() == labels.tolist()
    assert train.indices.tolist() == list(range(20))
    assert not torch.equal(test.images, train.images)


def test_classes_have_the_names_of_torchvision_or_else_their_numbers(tmp_path, monkeypatch):
    write_svhn(tmp_path, monkeypatch)
    write_cifar10(tmp_path, monkeypatch)
    write_fashion_mnist(tmp_path)
    names = {name: Torchvision(name, root=str(tmp_path)).class_names for name in ("SVHN", "CIFAR10", "FashionMNIST")}
    assert names["SVHN"] == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert names["CIFAR10"] == tuple(f"class {label}" for label in range(10))
    assert names["FashionMNIST"] == tuple(datasets.FashionMNIST.classes)


def test_grey_images_become_rgb_of_32_pixels(tmp_path):
    pixels, labels = write_fashion_mnist(tmp_path)
    train = Torchvision("FashionMNIST", root=str(tmp_path)).load("train")
    assert train.images.shape == (100, 3, 32, 32)
    assert train.labels.tolist() == labels.tolist()
    assert torch.equal(train.images[:, 0], train.images[:, 1])
    assert torch.equal(train.images[:, 0], train.images[:, 2])
    # Bilinear interpolation, by torch, but for rounding.
    grey = torch.from_numpy(pixels)[:, None].float()
    expected = torch.nn.functional.interpolate(grey, size=(32, 32), mode="bilinear")
    assert np.abs(train.images[:, :1].numpy() - expected.numpy()).max() <= 1


def test_a_net_is_trained_on_some_classes(command, tmp_path):
    write_fashion_mnist(tmp_path / "data")
    few = [option for option in TINY if "source" not in option]
    data = ["--data.source=Torchvision", "--data.source.dataset=FashionMNIST", "--data.classes=[Bag, Coat, 5]"]
    outcome = command("fit", *few, *data)
    assert (outcome.code, outcome.err) == (0, "")
    assert "27 images of Bag, Coat, Sandal" in outcome.out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Cifar10", "did you mean 'CIFAR10'?"),
        ("Caltech101", "torchvision's Caltech101 has none"),
        ("FashionMNIST", "expected FashionMNIST in data as torchvision keeps it"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(command, tmp_path, name, said):
    few = [option for option in TINY if "source" not in option]
    data = ["--data.source=Torchvision", f"--data.source.dataset={name}", "--data.source.download=false"]
    assert_one_sentence(command("fit", *few, *data, "--data.classes=null"), 2, said)


def test_a_host_that_does_not_answer_is_said_in_one_sentence(command, monkeypatch):
    # A closed port of this machine.
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    outcome = command("data", "--data.source=Torchvision", "--data.classes=null")
    assert_one_sentence(outcome, 1, "CIFAR10 cannot be fetched", "refused", "try again later, or put it into data")
