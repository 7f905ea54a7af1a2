"""Pictures of one's own, a folder a class."""

from functools import cached_property
from pathlib import Path

import torch

from cifar_lightning.data.images import LabelledImages, find_pictures, read_picture
from cifar_lightning.data.source import ImageSource, Split, resolve_root


class ImageFolder(ImageSource):
    """PNG and JPEG files as `root/train/<class>/*` and `root/test/<class>/*`, brought to 32x32 RGB.

    Classes are the folders of `root/train`, by name; a picture's index is its place in the sorted list of its split.

    Args:
        root: the folder; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
    """

    def __init__(self, root: str | None = None) -> None:
        self.root = root

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        folder = resolve_root(self.root) / "train"
        names = (
            sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
            if folder.is_dir()
            else []
        )
        if not names:
            raise ValueError(
                f"expected a folder a class in {folder}, but there is none;"
                " lay pictures out as train/<class>/*.png and test/<class>/*.png"
            )
        return tuple(names)

    @property
    def picture_folders(self) -> list[Path]:
        return [resolve_root(self.root) / split for split in ("train", "test")]

    def load(self, split: Split) -> LabelledImages:
        folder = resolve_root(self.root) / split
        files = [(file, label) for label, name in enumerate(self.class_names) for file in find_pictures(folder / name)]
        images = torch.stack([read_picture(file, self.image_size) for file, _ in files])
        labels = torch.tensor([label for _, label in files])
        return LabelledImages(images, labels, self.class_names, torch.arange(len(files)))
