"""The data sets of torchvision."""

import inspect
from functools import cached_property
from typing import Any
from urllib.error import URLError

import torch
from torchvision import datasets

from cifar_lightning.data.images import LabelledImages, to_pixels
from cifar_lightning.data.source import ImageSource, Split, resolve_root
from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.disk import locked


class Torchvision(ImageSource):
    """A data set of torchvision that has a training and a test split: CIFAR10, FashionMNIST, SVHN, STL10, Food101, ...

    Images are made RGB and squeezed into 32x32, all in memory. Classes have torchvision's names, or else their numbers:
    "0", "1", ...

    Args:
        dataset: its name in `torchvision.datasets`.
        root: the folder that torchvision keeps it in; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
        download: whether to fetch what is missing there.

    Raises:
        ValueError: if torchvision has no such data set, or it has no such splits.
    """

    def __init__(self, dataset: str = "CIFAR10", root: str | None = None, download: bool = True) -> None:
        if dataset not in datasets.__all__:
            written = {name.lower(): name for name in datasets.__all__}.get(dataset.lower(), dataset)
            hint = did_you_mean(written, datasets.__all__, "its documentation lists them, as CIFAR10")
            raise ValueError(f"expected a data set of torchvision, got data.source.dataset {dataset!r}; {hint}")
        self.dataset = dataset
        self.root = root
        self.download = download
        self._parameters = inspect.signature(getattr(datasets, dataset)).parameters
        if not {"train", "split"} & set(self._parameters):
            raise ValueError(
                f"expected a data set with a training and a test split, but torchvision's {dataset} has none; take"
                " another, or write a source of your own (docs/recipes.md)"
            )

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        data = self._open("train")
        names = getattr(data, "classes", None) or range(1 + max(int(label) for _, label in data))
        return tuple(map(str, names))

    def prepare(self) -> None:
        for split in ("train", "test"):
            self._open(split)

    def load(self, split: Split) -> LabelledImages:
        data = self._open(split)
        pixels, labels = zip(*((to_pixels(image, self.image_size), int(label)) for image, label in data), strict=True)
        return LabelledImages(torch.stack(pixels), torch.tensor(labels), self.class_names, torch.arange(len(labels)))

    def _open(self, split: Split) -> Any:
        """Torchvision's data set of a split: Pillow images and labels; fetched if need be."""
        options: dict[str, Any] = {"split": split} if "split" in self._parameters else {"train": split == "train"}
        root, kind = resolve_root(self.root), getattr(datasets, self.dataset)
        try:
            return kind(str(root), **options)
        except (RuntimeError, OSError) as error:
            if not (self.download and "download" in self._parameters):
                raise ValueError(
                    f"expected {self.dataset} in {root} as torchvision keeps it, got: {error}; put it there, or let"
                    " data.source.download be true"
                ) from error
        root.mkdir(parents=True, exist_ok=True)
        # Another process may be fetching it.
        with locked(root, wait=True):
            try:
                return kind(str(root), download=True, **options)
            except URLError as error:
                raise ConnectionError(
                    f"{self.dataset} cannot be fetched ({error.reason}); try again later, or put it into {root} as"
                    " torchvision keeps it"
                ) from error
