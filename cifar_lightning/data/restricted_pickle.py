"""Reads pickles that may hold numpy arrays and plain containers, and nothing that runs."""

import codecs
import importlib
import pickle
from pathlib import Path
from typing import Any

# Old and new homes of numpy's array constructor; CIFAR's own pickles, of 2009, name the old one.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}

# What a damaged pickle raises while its operations are replayed; none of it is a fault of this program.
_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, MemoryError, SystemError),
)


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"
        return getattr(importlib.import_module(module), name)


def load_restricted(path: Path) -> Any:
    """The object in the pickle `path`; byte strings of Python 2 come as text.

    Raises:
        ValueError: if the file is no whole pickle, or names anything but numpy's arrays.
    """
    try:
        with path.open("rb") as file:
            return _RestrictedUnpickler(file, encoding="latin1").load()
    except _DAMAGE as error:
        raise ValueError(
            f"expected a pickle of numpy arrays, but {path} is none ({error}); delete it and fetch it again"
        ) from error
