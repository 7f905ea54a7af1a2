"""CIFAR-100 from the files as published (Krizhevsky 2009), fetched once and checked."""

import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.datasets.utils import check_integrity

from cifar_lightning.data.download import download
from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.restricted_pickle import PickledArray, load_restricted
from cifar_lightning.data.source import ImageSource, Split, resolve_root

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
MAX_ARCHIVE_BYTES = 400_000_000  # unpacked
OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"

FINE_CLASSES = (
    "apple",
    "aquarium_fish",
    "baby",
    "bear",
    "beaver",
    "bed",
    "bee",
    "beetle",
    "bicycle",
    "bottle",
    "bowl",
    "boy",
    "bridge",
    "bus",
    "butterfly",
    "camel",
    "can",
    "castle",
    "caterpillar",
    "cattle",
    "chair",
    "chimpanzee",
    "clock",
    "cloud",
    "cockroach",
    "couch",
    "crab",
    "crocodile",
    "cup",
    "dinosaur",
    "dolphin",
    "elephant",
    "flatfish",
    "forest",
    "fox",
    "girl",
    "hamster",
    "house",
    "kangaroo",
    "keyboard",
    "lamp",
    "lawn_mower",
    "leopard",
    "lion",
    "lizard",
    "lobster",
    "man",
    "maple_tree",
    "motorcycle",
    "mountain",
    "mouse",
    "mushroom",
    "oak_tree",
    "orange",
    "orchid",
    "otter",
    "palm_tree",
    "pear",
    "pickup_truck",
    "pine_tree",
    "plain",
    "plate",
    "poppy",
    "porcupine",
    "possum",
    "rabbit",
    "raccoon",
    "ray",
    "road",
    "rocket",
    "rose",
    "sea",
    "seal",
    "shark",
    "shrew",
    "skunk",
    "skyscraper",
    "snail",
    "snake",
    "spider",
    "squirrel",
    "streetcar",
    "sunflower",
    "sweet_pepper",
    "table",
    "tank",
    "telephone",
    "television",
    "tiger",
    "tractor",
    "train",
    "trout",
    "tulip",
    "turtle",
    "wardrobe",
    "whale",
    "willow_tree",
    "wolf",
    "woman",
    "worm",
)


class Cifar100(ImageSource):
    """50 000 training and 10 000 test pictures of 100 classes, 32x32 RGB; labels are the 100 fine ones.

    `root` holds the extracted folder `cifar-100-python` or the published `cifar-100-python.tar.gz`; with neither, the
    archive is downloaded there.

    Args:
        root: the folder; None: `$CIFAR_LIGHTNING_DATA`, or `data`.
        download: whether to fetch the archive where the data are missing.
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

        Raises:
            ValueError: if files are missing and may not be fetched, or the archive is not the published one.
            OSError: if no mirror answers, or the disk cannot take it.
        """
        root = resolve_root(self.root)
        if all((root / FOLDER_NAME / name).is_file() for name in FILE_MD5):
            return
        archive = root / ARCHIVE_NAME
        if not archive.is_file():
            if not self.download:
                raise ValueError(
                    f"expected CIFAR-100 in {root / FOLDER_NAME} or as {archive}, but there is neither;"
                    " put one there, or let data.source.download be true"
                )
            root.mkdir(parents=True, exist_ok=True)
            download(self.mirrors, archive, md5=ARCHIVE_MD5)
        elif self.verify_md5 and not check_integrity(str(archive), ARCHIVE_MD5):
            raise ValueError(
                f"expected the published archive (md5 {ARCHIVE_MD5}), but {archive} differs; it is kept as it is:"
                " delete it to fetch it again, or set data.source.verify_md5 to false to use it"
            )
        extract(archive, root / FOLDER_NAME)

    def load(self, split: Split) -> LabelledImages:
        path = resolve_root(self.root) / FOLDER_NAME / split
        if not path.is_file():
            raise ValueError(f"expected CIFAR-100 at {path}, but there is no such file; put it there")
        if self.verify_md5:
            _check_md5(path)
            # Nothing is read from it; a changed one tells of other data, or of a bad disk, all the same.
            _check_md5(path.with_name("meta"))
        pixels, labels = _check_contents(load_restricted(path), path)
        images = torch.tensor(pixels).view(-1, 3, 32, 32)
        return LabelledImages(images, torch.from_numpy(labels), FINE_CLASSES, torch.arange(len(labels)))


def _check_md5(path: Path) -> None:
    if not check_integrity(str(path), FILE_MD5[path.name]):
        raise ValueError(
            f"expected the published file (md5 {FILE_MD5[path.name]}), but {path} differs; it is kept as it is:"
            " delete its folder to fetch it again, or set data.source.verify_md5 to false to use it"
        )


def _check_contents(contents: Any, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pixels, uint8 (N, 3072), and fine labels, int64 (N,), of an unpickled CIFAR file."""
    array = contents.get("data") if isinstance(contents, dict) else None
    pixels = array.values if isinstance(array, PickledArray) else None
    labels = contents.get("fine_labels") if isinstance(contents, dict) else None
    if (
        pixels is not None
        and pixels.ndim == 2
        and pixels.shape[1] == 3072
        and isinstance(labels, list)
        and len(labels) == len(pixels)
        and all(type(label) is int and 0 <= label < len(FINE_CLASSES) for label in labels)
    ):
        return pixels, np.array(labels, np.int64)
    raise ValueError(
        f"expected `data`, uint8 (N, 3072), and `fine_labels`, N numbers of 0..99, but {path} holds something else;"
        " delete its folder and fetch the published archive again"
    )


def extract(archive: Path, folder: Path) -> None:
    """Brings the three data files of `archive` into `folder`, all or none.

    Only plain files of the expected names are taken from the archive, whatever else it holds, and they are written
    under a temporary name beside `folder` first.

    Raises:
        ValueError: if the archive is broken, or lacks a file.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extracting-") as scratch:
        try:
            _extract_members(archive, Path(scratch))
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(
                f"expected a whole {ARCHIVE_NAME}, but {archive} is none ({error}); delete it to fetch it again"
            ) from error
        if folder.exists():
            # Another process was faster, or the folder lacks a file that the archive has.
            for name in FILE_MD5:
                if not (folder / name).exists():
                    os.replace(Path(scratch, name), folder / name)
            return
        whole = Path(scratch, FOLDER_NAME)
        whole.mkdir()
        for name in FILE_MD5:
            os.replace(Path(scratch, name), whole / name)
        try:
            os.rename(whole, folder)
        except OSError:
            if not all((folder / name).is_file() for name in FILE_MD5):
                raise


def _extract_members(archive: Path, folder: Path) -> None:
    wanted = {f"{FOLDER_NAME}/{name}": name for name in FILE_MD5}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if member.offset_data + member.size > MAX_ARCHIVE_BYTES:
                raise ValueError(f"it holds more than {MAX_ARCHIVE_BYTES:,} bytes")
            name = wanted.pop(member.name, None)
            if name is None:
                continue
            if not member.isfile() or member.size > MAX_FILE_BYTES:
                raise ValueError(f"{member.name} is no plain file of at most {MAX_FILE_BYTES:,} bytes")
            content = tar.extractfile(member)
            assert content is not None
            with (folder / name).open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            if not wanted:
                _read_to_the_end(tar)
                return
    raise ValueError(f"it lacks {', '.join(sorted(wanted))}")


def _read_to_the_end(tar: tarfile.TarFile) -> None:
    """Reads what follows the last file: only then does gzip compare the checksum of all that it unpacked."""
    assert tar.fileobj is not None
    while tar.fileobj.read(1 << 20):
        if tar.fileobj.tell() > MAX_ARCHIVE_BYTES:
            raise ValueError(f"it holds more than {MAX_ARCHIVE_BYTES:,} bytes")
