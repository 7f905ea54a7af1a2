"""Small data sets in the layouts of torchvision's."""

import pickle
import struct

import numpy as np
from scipy.io import savemat
from torchvision import datasets

GENERATOR = np.random.default_rng(0)


def write_fashion_mnist(root, num_train=100, num_test=20):
    """FashionMNIST: grey, 28x28, in MNIST's format. Returns the pixels and labels of the training split."""
    folder = root / "FashionMNIST/raw"
    folder.mkdir(parents=True)
    for name, number in (("t10k", num_test), ("train", num_train)):
        pixels, labels = GENERATOR.integers(0, 256, (number, 28, 28), np.uint8), np.arange(number, dtype=np.uint8) % 10
        images = struct.pack(">4i", 0x803, number, 28, 28) + pixels.tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, number) + labels.tobytes())
    return pixels, labels


def write_svhn(root, monkeypatch):
    """SVHN: RGB, 32x32, in MATLAB's format. Returns the pixels and labels of the training split."""
    for name in ("test", "train"):
        pixels, labels = GENERATOR.integers(0, 256, (20, 32, 32, 3), np.uint8), np.arange(20) % 10
        # The digit 0 has the label 10 in that file.
        savemat(
            root / f"{name}_32x32.mat", {"X": pixels.transpose(1, 2, 3, 0), "y": np.where(labels, labels, 10)[:, None]}
        )
    files = {split: [url, name, None] for split, (url, name, _) in datasets.SVHN.split_list.items()}
    monkeypatch.setattr(datasets.SVHN, "split_list", files)
    return pixels, labels


def write_cifar10(root, monkeypatch):
    """CIFAR10: RGB, 32x32, as pickles. Returns the pixels and labels of the training split."""
    folder = root / datasets.CIFAR10.base_folder
    folder.mkdir(parents=True)
    for name in ("test", "train"):
        pixels, labels = GENERATOR.integers(0, 256, (20, 32, 32, 3), np.uint8), np.arange(20) % 10
        content = {"data": pixels.transpose(0, 3, 1, 2).reshape(20, -1), "labels": labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(content))
        monkeypatch.setattr(datasets.CIFAR10, f"{name}_list", [[name, None]])
    (folder / "meta").write_bytes(pickle.dumps({"label_names": [f"class {label}" for label in range(10)]}))
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": "meta", "key": "label_names", "md5": None})
    return pixels, labels
