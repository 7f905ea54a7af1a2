"""Reads pickles of NumPy arrays and plain containers; they can name nothing else."""

import pickle
from pathlib import Path
from typing import Any

# Old and new homes of NumPy's array constructor: CIFAR's own pickles, of 2009, name the old one. By `encode`, Python 3
# pickles bytes for protocol 2.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def load_arrays(path: Path) -> Any:
    """The object in the pickle `path`; byte strings of Python 2 come as text.

    Raises:
        ValueError: if the file is no whole pickle, or names anything but NumPy's arrays.
    """
    try:
        with path.open("rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()
    # Whatever a damaged pickle raises while its operations are replayed.
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"expected a pickle of NumPy arrays, but {path} is none ({error}); delete it and fetch it again"
        ) from error
