"""Reads pickles of byte arrays and plain containers; nothing that they name runs.

NumPy's own classes trust the shape and type that a pickle states, and a damaged one can crash the process. So a
stand-in stores them, and `to_bytes` checks them.
"""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


class _StandIn:
    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


# What a damaged pickle raises while its operations are replayed.
_DAMAGED = (
    *(pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError),
    *(AssertionError, OverflowError, MemoryError, struct.error),
)
# CIFAR's own pickles, of 2009, name the old home of NumPy's array constructor.
_ARRAY_NAMES = {
    *(("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    *(("numpy", "ndarray"), ("numpy", "dtype")),
}


# Python's own, since that in C makes room for as many objects as five bytes of a pickle may ask for.
class _ArrayUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            # How Python 3 writes bytes in protocol 2.
            return super().find_class(module, name)
        if (module, name) not in _ARRAY_NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _StandIn


def load_arrays(path: Path) -> Any:
    """The object in the pickle `path`, its arrays as `to_bytes` takes them; byte strings of Python 2 become text.

    Raises ValueError if the file is no whole pickle, or names anything but NumPy's arrays.
    """
    try:
        with path.open("rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()
    except _DAMAGED as error:
        raise ValueError(
            f"expected a pickle of NumPy arrays, but {path} is none ({error}); delete it and fetch it again"
        ) from error


def to_bytes(array: Any) -> np.ndarray:
    """The uint8 values of an unpickled array. Raises TypeError, ValueError or AttributeError if it is none of bytes."""
    # As `ndarray.__reduce__` gives it. Bytes of Python 2 come as text, one character per byte.
    _, shape, dtype, is_column_major, content = array.state
    if dtype.arguments[0] not in ("u1", "|u1") or is_column_major:
        raise ValueError("expected bytes, row by row")
    content = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(content, np.uint8).reshape(shape)
