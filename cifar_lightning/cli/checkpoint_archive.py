"""Looks through a checkpoint file before torch reads it.

torch's reader runs nothing when told `weights_only`, but it takes much on trust: it compares no checksum, so that a
flipped bit becomes another weight; it reads as many bytes of a storage as the pickle says, also beyond its end; and it
makes byte arrays of any length.
"""

import io
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

# What torch.save writes of tensors and plain values.
_PLAIN_NAMES = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("builtins", "set"),
    ("builtins", "complex"),
    ("builtins", "dict"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}
# torch's own classes would say so too, but with a warning for whoever reads the terminal.
_ITEM_BYTES = {
    **dict.fromkeys(("ByteStorage", "CharStorage", "BoolStorage"), 1),
    **dict.fromkeys(("HalfStorage", "BFloat16Storage", "ShortStorage"), 2),
    **dict.fromkeys(("FloatStorage", "IntStorage"), 4),
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    "ComplexDoubleStorage": 16,
}
# Of what a damaged or made-up file raises while it is looked through.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, pickle.UnpicklingError, EOFError, RuntimeError, MemoryError),
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError, SystemError),
)


class NoCheckpointError(ValueError):
    """Of a file that is no checkpoint, or one that holds more than tensors and plain values."""


def check_archive(path: Path) -> None:
    """Makes sure that a checkpoint is as `torch.save` wrote it, and takes no more memory than its size.

    Raises:
        NoCheckpointError: if it is none, or names anything but tensors and plain containers.
        ValueError: if it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.stat().st_size)
            _check_storages(archive)
    except NoCheckpointError:
        raise
    except _DAMAGE as error:
        with path.open("rb") as file:
            begins_as_one = file.read(2) == b"PK"
        if not begins_as_one and not zipfile.is_zipfile(path):
            raise NoCheckpointError("is none") from error
        raise ValueError("it is damaged") from error


def _check_members(archive: zipfile.ZipFile, num_bytes: int) -> None:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(names) < len(members) or sum(member.file_size for member in members) > num_bytes:
        raise zipfile.BadZipFile("members that stand twice, or are larger than the file")
    # torch packs none, so that they cannot unpack to gigabytes.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members) or archive.testzip() is not None:
        raise zipfile.BadZipFile("a member that is not as it was written")


def _check_storages(archive: zipfile.ZipFile) -> None:
    (name,) = (name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl"))
    prefix = name.removesuffix("data.pkl")
    # torch turns the bytes round in place, before anybody could see how many there are.
    if archive.read(prefix + "byteorder").decode() not in ("little", "big"):
        raise zipfile.BadZipFile("an order of bytes that there is not")
    content = io.BytesIO(archive.read(name))
    sizes = {member.filename.removeprefix(prefix + "data/"): member.file_size for member in archive.infolist()}
    _StorageReader(content, sizes).load()


class _Anything:
    """Stands for all that a checkpoint may name: takes what it is given, and does nothing."""

    def __init__(self, *_: Any) -> None: ...
    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def add(self, item: Any) -> None: ...


class _StorageReader(pickle.Unpickler):
    """Replays the pickle of a checkpoint with stand-ins, and compares its storages with the files of the archive.

    Args:
        content: the pickle.
        sizes: bytes of each storage.
    """

    def __init__(self, content: io.BytesIO, sizes: dict[str, int]) -> None:
        super().__init__(content)
        self._sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "UntypedStorage"):
            return 1
        if module == "torch" and name in _ITEM_BYTES:
            return _ITEM_BYTES[name]
        is_type = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if is_type or (module, name) in _PLAIN_NAMES:
            return _Anything
        raise NoCheckpointError("holds more than tensors and plain values")

    def persistent_load(self, pid: Any) -> Any:
        kind, item_size, key, _, num_items = pid
        if kind != "storage" or not 0 <= num_items * item_size <= self._sizes[key]:
            raise pickle.UnpicklingError("a storage that is larger than its file")
        return _Anything()
