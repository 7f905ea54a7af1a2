"""Image files of the user, one folder per class."""

import warnings
from functools import cached_property
from pathlib import Path

import torch

from cifar_lightning.data.images import LabelledImages, find_images, read_image
from cifar_lightning.data.source import ImageSource, Split, resolve_root


class ImageFolder(ImageSource):
    """PNG, JPEG and WebP files of any size as `root/train/<class>/*` and `root/test/<class>/*`, scaled to squares.

    Classes are the folders of `root/train`, by name; an image's index is its place in the sorted list of its split.

    Args:
        root: the folder; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
        image_size: the side of the squares, in pixels; an image of another shape is squeezed into one.
    """

    def __init__(self, root: str | None = None, image_size: int = 32) -> None:
        self.root = root
        self.image_size = image_size

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        root = resolve_root(self.root)
        if not root.is_dir():
            raise ValueError(f"expected a folder of images, but {root} is not there; set it with --data.source.root")
        folder = root / "train"
        names = _class_folders(folder)
        if not names:
            raise ValueError(
                f"expected a folder per class in {folder}, but there is none;"
                " lay images out as train/<class>/*.png and test/<class>/*.png"
            )
        return tuple(names)

    def prepare(self) -> None:
        """Warns of classes without test images before the training."""
        folder = resolve_root(self.root) / "test"
        if missing := set(self.class_names).difference(_class_folders(folder)):
            warnings.warn(f"no test images in {folder} for {sorted(missing)}; add some before `test`", stacklevel=2)

    def list_files(self) -> tuple[Path, list[Path]]:
        root = resolve_root(self.root)
        return root, [path for split in ("train", "test") for path in (root / split).rglob("*") if path.is_file()]

    def load(self, split: Split) -> LabelledImages:
        folder = resolve_root(self.root) / split
        files = find_images(*(folder / name for name in self.class_names))
        images = torch.stack([read_image(file, self.image_size) for file in files])
        labels = torch.tensor([self.class_names.index(file.parent.name) for file in files])
        return LabelledImages(images, labels, self.class_names, torch.arange(len(files)))


def _class_folders(folder: Path) -> list[str]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in paths if path.is_dir() and not path.name.startswith("."))
