"""Where images come from."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

from cifar_lightning.data.images import LabelledImages

Split = Literal["train", "test"]


class ImageSource(ABC):
    """Gives the images of the training and the test split. Constructing one reads no file.

    Attributes:
        image_size: the side of its images, in pixels.
    """

    image_size: int = 32

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """All its classes, in the order of their labels."""

    def prepare(self) -> None:
        """Fetches what is missing, once per machine. Does nothing by default."""
        return

    def list_files(self) -> tuple[Path, list[Path]]:
        """The folder `root`, and the files below it that `load` reads, for machines that they must be sent to."""
        return Path(), []

    @abstractmethod
    def load(self, split: Split) -> LabelledImages:
        """All images of a split, in the order they are published."""


def resolve_root(root: str | None) -> Path:
    """The folder of the data: `root`, or `$CIFAR_LIGHTNING_DATA`, or `data`."""
    given = root or os.environ.get("CIFAR_LIGHTNING_DATA") or "data"
    return Path(os.path.expandvars(given)).expanduser()
