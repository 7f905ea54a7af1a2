"""Reads pickles of byte arrays and plain containers; nothing that they name runs.

numpy's own classes would be no shelter: `ndarray.__setstate__` believes the shape, strides and type that a pickle
states, and a damaged one can crash the process. So stand-ins take what a pickle says of an array, and check it.
"""

import pickle
import pickletools
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np


class PickledArray:
    """Stands for a numpy array of bytes.

    Attributes:
        values: uint8, of any shape; None before its state is read.
    """

    def __init__(self, *_: Any) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        # As `ndarray.__reduce__` gives it. Bytes of Python 2 come as text, one character a byte.
        _, shape, dtype, is_column_major, content = state
        if not isinstance(dtype, _PickledBytesType) or is_column_major:
            raise pickle.UnpicklingError("it holds an array of something else than bytes, row by row")
        content = content.encode("latin1") if isinstance(content, str) else content
        self.values = np.frombuffer(content, np.uint8).reshape(shape)


class _PickledBytesType:
    """Stands for `numpy.dtype("u1")`, the one type allowed."""

    def __init__(self, name: str, *_: Any) -> None:
        if name not in ("u1", "|u1"):
            raise pickle.UnpicklingError(f"it holds an array of type {str(name)[:20]!r}, not of bytes")

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like, of no meaning for single bytes."""


class _Latin1:
    """Stands for `codecs.encode`, by which Python 3 pickles bytes for protocol 2."""

    def __new__(cls, text: str, encoding: str) -> bytes:  # type: ignore[misc]
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it names the encoding {str(encoding)[:20]!r}")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("it changes a function")


# Old and new homes of numpy's array constructor; CIFAR's own pickles, of 2009, name the old one.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): PickledArray,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _PickledBytesType,
    ("_codecs", "encode"): _Latin1,
}

# What a damaged pickle raises while its operations are replayed; none of it is a fault of this program.
_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, MemoryError, SystemError),
)


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _STAND_INS[module, name]


def load_restricted(path: Path, is_known: bool) -> Any:
    """The object in the pickle `path`, its arrays as `PickledArray`; byte strings of Python 2 come as text.

    Args:
        path: the file.
        is_known: whether its checksum is that of a known file. Any other is first looked through for what would eat the
            memory, which takes as long as loading it.

    Raises:
        ValueError: if the file is no whole pickle, or names anything but numpy's arrays of bytes.
    """
    try:
        with path.open("rb") as file:
            if not is_known:
                refuse_large_memo(file, path.stat().st_size)
                file.seek(0)
            return _RestrictedUnpickler(file, encoding="latin1").load()
    except _DAMAGE as error:
        raise ValueError(
            f"expected a pickle of numpy arrays, but {path} is none ({error}); delete it and fetch it again"
        ) from error


def refuse_large_memo(file: IO[bytes], num_bytes: int) -> None:
    """Refuses a pickle of `num_bytes` bytes that numbers more objects than it can hold.

    Python makes room for as many as the highest number; five bytes can name the 4e9th.

    Raises:
        pickle.UnpicklingError: if it does.
    """
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > num_bytes:
            raise pickle.UnpicklingError(f"it numbers {argument} objects")
