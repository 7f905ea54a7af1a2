"""The rows of a table as they are read: names as numbers, so that a million rows take little room."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

REQUIRED, OPTIONAL = ("model", "example", "value"), ("seed", "stratum", "group")
_WORDS = {"true": 1.0, "false": 0.0}


class Codes(dict[Any, int]):
    """Numbers names in the order in which they first appear."""

    def __missing__(self, name: Any) -> int:
        self[name] = len(self)
        return self[name]

    def encode(self, cells: Sequence[Any]) -> np.ndarray:
        """The number of each name, int32 (R,)."""
        return np.fromiter(map(self.__getitem__, cells), np.int32, len(cells))


class Columns:
    """The rows of a table, to which more can be added.

    Args:
        header: the names of the columns; those that are not needed are not read.
        place: where a row is, in words, by its number.
        source: what the table is called in messages.

    Raises:
        ValueError: if a column is missing.
    """

    def __init__(self, header: Iterable[str], place: Callable[[int], str], source: str) -> None:
        header = list(header)
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise ValueError(
                f"expected the columns {', '.join(REQUIRED)} and, if you have them, {', '.join(OPTIONAL)} in {source},"
                f" but {missing[0]} is not among {', '.join(map(str, header))}; rename or add it"
            )
        self.place = place
        self.names = {name: Codes() for name in (*REQUIRED, *OPTIONAL) if name in header and name != "value"}
        self._codes: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        self._values: list[np.ndarray] = []

    @property
    def num_rows(self) -> int:
        """How many rows were added."""
        return sum(map(len, self._values))

    @property
    def codes(self) -> dict[str, np.ndarray]:
        """The number of each row's name by column, int32 (R,); without `value`."""
        return {name: np.concatenate(parts) for name, parts in self._codes.items()}

    @property
    def values(self) -> np.ndarray:
        """The values, float64 (R,), NaN where there is none."""
        return np.concatenate(self._values)

    def add(self, rows: dict[str, Sequence[Any]]) -> None:
        """Adds rows, given as columns.

        Raises:
            ValueError: if a value is no number, or a name is missing.
        """
        start = self.num_rows
        for name, codes in self.names.items():
            cells, known = rows[name], len(codes)
            self._codes[name].append(codes.encode(cells))
            for new in list(codes)[known:]:
                if new is None or new == "" or new != new:
                    place = self.place(start + cells.index(new))
                    raise ValueError(f"expected a {name} in every row, got none in {place}; add it")
        self._values.append(self._read_values(rows["value"], start))

    def _read_values(self, cells: Sequence[Any], start: int) -> np.ndarray:
        try:
            values = np.array(cells, np.float64)
        except (ValueError, TypeError):
            values = np.array([self._read_value(cell, start + row) for row, cell in enumerate(cells)])
        if np.isinf(values).any():
            place = self.place(start + int(np.isinf(values).argmax()))
            raise ValueError(f"expected a finite number as value, got an infinite one in {place}; mend that row")
        return values

    def _read_value(self, cell: Any, row: int) -> float:
        if cell is None or cell == "":
            return np.nan
        try:
            return _WORDS[cell.lower()] if isinstance(cell, str) and cell.lower() in _WORDS else float(cell)
        except (ValueError, TypeError):
            raise ValueError(f"expected a number as value, got {cell!r} in {self.place(row)}; mend that row") from None
