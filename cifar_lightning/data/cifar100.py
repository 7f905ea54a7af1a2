"""CIFAR-100 from the files as published (Krizhevsky 2009), fetched once and checked."""

import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.datasets.utils import check_integrity

from cifar_lightning.data.array_pickle import load_arrays, to_bytes
from cifar_lightning.data.download import download
from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource, Split, resolve_root
from cifar_lightning.runs.disk import UNFINISHED, locked, write_bytes

ARCHIVE_NAME = "cifar-100-python.tar.gz"
ARCHIVE_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
FOLDER_NAME = "cifar-100-python"
FILE_MD5 = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}
# The published files have 155 249 918, 31 049 707 and 1 473 bytes.
MAX_FILE_BYTES = 200_000_000
OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"

_NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail
    snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout
    tulip turtle wardrobe whale willow_tree wolf woman worm
"""
FINE_CLASSES = tuple(_NAMES.split())


class Cifar100(ImageSource):
    """50 000 training and 10 000 test images of 100 classes, 32x32 RGB; labels are the 100 fine ones.

    Args:
        root: the folder of `cifar-100-python` or `cifar-100-python.tar.gz`; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
        download: whether to fetch the archive where there is neither.
        verify_md5: whether to refuse files that differ from the published ones.
        mirrors: addresses of the archive, tried in turn.
    """

    def __init__(
        self,
        root: str | None = None,
        download: bool = True,
        verify_md5: bool = True,
        mirrors: Sequence[str] = (OFFICIAL_URL,),
    ) -> None:
        self.root = root
        self.download = download
        self.verify_md5 = verify_md5
        self.mirrors = tuple(mirrors)

    @property
    def class_names(self) -> tuple[str, ...]:
        return FINE_CLASSES

    def prepare(self) -> None:
        """Downloads and extracts what is missing below `root`.

        Raises ValueError if files are missing and may not be fetched, or the archive is not the published one. Raises
        OSError if no mirror answers, or the disk cannot take it.
        """
        root = resolve_root(self.root)
        if _is_extracted(root):
            return
        archive = root / ARCHIVE_NAME
        if not archive.is_file() and not self.download:
            raise ValueError(
                f"expected CIFAR-100 in {root / FOLDER_NAME} or as {archive}, but there is neither;"
                " put one there, or let data.source.download be true"
            )
        root.mkdir(parents=True, exist_ok=True)
        with locked(root, wait=True):
            # Another process may have brought them meanwhile.
            if _is_extracted(root):
                return
            if not archive.is_file():
                download(self.mirrors, archive, md5=ARCHIVE_MD5)
            elif self.verify_md5:
                _check_md5(archive, ARCHIVE_MD5)
            _extract(archive, root)

    def list_files(self) -> tuple[Path, list[Path]]:
        root = resolve_root(self.root)
        return root, [root / FOLDER_NAME / name for name in FILE_MD5]

    def load(self, split: Split) -> LabelledImages:
        path = resolve_root(self.root) / FOLDER_NAME / split
        if not path.is_file():
            raise ValueError(f"expected CIFAR-100 at {path}, but there is no such file; put it there")
        if self.verify_md5:
            _check_md5(path, FILE_MD5[split])
        pixels, labels = _check_contents(load_arrays(path), path)
        images = torch.tensor(pixels).view(-1, 3, 32, 32)
        return LabelledImages(images, torch.from_numpy(labels), FINE_CLASSES, torch.arange(len(labels)))


def _is_extracted(root: Path) -> bool:
    return all((root / FOLDER_NAME / name).is_file() for name in FILE_MD5)


def _extract(archive: Path, root: Path) -> None:
    """Brings those of the three files that are missing below `root` out of `archive`, and nothing else.

    Raises ValueError if the archive is broken or lacks a file. Links and files of more than 200 MB count as lacking.
    """
    for leftover in (root / FOLDER_NAME).glob(f".*{UNFINISHED}"):
        # A process that was killed left it.
        leftover.unlink()
    paths = [f"{FOLDER_NAME}/{name}" for name in FILE_MD5]
    contents = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            # To its end, so that a cut archive is noticed.
            for member in tar:
                if member.name in paths and member.isfile() and member.size <= MAX_FILE_BYTES:
                    contents[member.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
        if lacking := sorted(set(paths) - contents.keys()):
            raise ValueError(f"it lacks {', '.join(lacking)}")
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"expected a whole {archive.name}, but {archive} is none ({error}); delete it to fetch it again"
        ) from error
    for path, content in contents.items():
        if not (root / path).exists():
            write_bytes(root / path, content)


def _check_md5(path: Path, md5: str) -> None:
    if not check_integrity(str(path), md5):
        raise ValueError(
            f"expected the published file (md5 {md5}), but {path} differs; it is kept as it is:"
            " delete it to fetch it again, or set data.source.verify_md5 to false to use it"
        )


def _check_contents(contents: Any, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pixels, uint8 (N, 3072), and fine labels, int64 (N,), of an unpickled CIFAR file."""
    try:
        pixels, labels = to_bytes(contents["data"]), np.array(contents["fine_labels"], np.int64)
        if pixels.shape == (len(labels), 3072) and set(labels) <= set(range(100)):
            return pixels, labels
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        pass
    raise ValueError(
        f"expected `data`, uint8 (N, 3072), and `fine_labels`, N numbers of 0..99, but {path} holds something else;"
        " delete its folder and fetch the published archive again"
    )
