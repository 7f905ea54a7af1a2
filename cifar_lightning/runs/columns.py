"""Tables read column by column."""

import csv
import io
import warnings
from collections.abc import Callable

import numpy as np


def parse_columns(
    table: str, is_text: Callable[[int, str], bool] = lambda place, name: False
) -> tuple[list[str], list[np.ndarray]]:
    """Header and columns of a CSV table, by numpy's reader, since a comparison reads hundreds of them.

    Args:
        table: empty lines in it are skipped.
        is_text: of the place and name of a column; it is then of strings, object (N,), else float64 (N,).

    Raises:
        ValueError: if it is no table, or a number is none.
        csv.Error: if its first line is none of a table.
    """
    file = io.StringIO(table)
    header = next((row for row in csv.reader(file) if row), [])
    kinds = np.dtype([(str(place), "O" if is_text(place, name) else "f8") for place, name in enumerate(header)])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
        values = np.loadtxt(file, kinds, comments=None, delimiter=",", ndmin=1, quotechar='"')
    return header, [values[name].copy() for name in kinds.names or ()]


def whole_numbers(values: np.ndarray) -> np.ndarray:
    """`values`, float64, as int64.

    Raises:
        ValueError: if one is not whole, or larger than a float64 tells from its neighbours.
    """
    if not ((values == np.trunc(values)) & (np.abs(values) < 2**53)).all():
        raise ValueError("a number that is not whole, or too large")
    return values.astype(np.int64)
