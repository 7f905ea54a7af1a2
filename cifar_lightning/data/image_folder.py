"""Image files of the user, one folder per class."""

import sys
from functools import cached_property
from pathlib import Path

import torch

from cifar_lightning.data.images import LabelledImages, find_images, read_image
from cifar_lightning.data.source import ImageSource, Split, resolve_root


class ImageFolder(ImageSource):
    """PNG and JPEG files as `root/train/<class>/*` and `root/test/<class>/*`, brought to 32x32 RGB.

    Classes are the folders of `root/train`, by name; an image's index is its place in the sorted list of its split.

    Args:
        root: the folder; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
    """

    def __init__(self, root: str | None = None) -> None:
        self.root = root

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        folder = resolve_root(self.root) / "train"
        names = _class_folders(folder)
        if not names:
            raise ValueError(
                f"expected a folder per class in {folder}, but there is none;"
                " lay images out as train/<class>/*.png and test/<class>/*.png"
            )
        return tuple(names)

    @property
    def image_folders(self) -> list[Path]:
        return [resolve_root(self.root) / split for split in ("train", "test")]

    def prepare(self) -> None:
        """Reports classes that are not in both splits now, rather than let `test` fail after the training."""
        folder = resolve_root(self.root) / "test"
        tested = _class_folders(folder)
        if missing := [name for name in self.class_names if name not in tested]:
            print(f"no test images in {folder} for {_listed(missing)}; add some before `test`", file=sys.stderr)
        if ignored := [name for name in tested if name not in self.class_names]:
            print(f"ignored in {folder}, since there are no training images: {_listed(ignored)}", file=sys.stderr)

    def load(self, split: Split) -> LabelledImages:
        folder = resolve_root(self.root) / split
        files = [(file, label) for label, name in enumerate(self.class_names) for file in find_images(folder / name)]
        images = torch.stack([read_image(file, self.image_size) for file, _ in files])
        labels = torch.tensor([label for _, label in files])
        return LabelledImages(images, labels, self.class_names, torch.arange(len(files)))


def _class_folders(folder: Path) -> list[str]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in paths if path.is_dir() and not path.name.startswith("."))


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
