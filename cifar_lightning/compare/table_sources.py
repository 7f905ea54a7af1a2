"""The rows of a table of predictions: from a CSV or Parquet file, or a table of pandas, Arrow or NumPy."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

REQUIRED, OPTIONAL = ("model", "example", "value"), ("seed", "stratum", "group")
_WORDS = {"true": 1.0, "false": 0.0}
SUFFIXES = (".csv", ".parquet")
# So many rows are held as text at a time.
_CHUNK = 100_000


class Codes(dict[Any, int]):
    """Numbers names in the order in which they first appear."""

    def __missing__(self, name: Any) -> int:
        self[name] = len(self)
        return self[name]


class Columns:
    """The rows of a table, to which more can be added.

    Args:
        header: the names of the columns; those that are not needed are not read.
        place: where a row is, in words, by its number.
        source: what the table is called in messages.
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
        """Adds rows, given as columns."""
        start = self.num_rows
        for name, codes in self.names.items():
            cells, known = rows[name], len(codes)
            self._codes[name].append(np.fromiter(map(codes.__getitem__, cells), np.int32, len(cells)))
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


def is_table_file(path: Any) -> bool:
    """Whether this is the path of a table rather than of run folders."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in SUFFIXES


def is_table(given: Any) -> bool:
    return is_table_file(given) or isinstance(given, Mapping) or _find_names(given) is not None


def read_columns(given: Any) -> Columns:
    """The rows of a table that is given as `read_table` takes it."""
    if not is_table_file(given):
        return _take_columns(given, "the table")
    path = Path(given)
    if not path.is_file():
        raise ValueError(f"expected a table of predictions, but there is no file {path}; check the path")
    return _read_csv(path) if path.suffix.lower() == ".csv" else _take_columns(_open_parquet(path), str(path))


def output_folder(path: Path) -> Path:
    """Where a comparison of this path goes by default: into it, or beside a table, named as the file."""
    return path.with_suffix("") if is_table_file(path) else path


def _find_names(table: Any) -> Sequence[str] | None:
    """The names of the columns of pandas, Arrow or NumPy, or of a mapping; None if it has none."""
    if isinstance(table, Mapping):
        return list(table)
    # pandas has `columns`, where Arrow has the columns themselves.
    for name in ("column_names", "columns"):
        if (names := getattr(table, name, None)) is not None:
            return [str(name) for name in names]
    return getattr(getattr(table, "dtype", None), "names", None)


def _take_columns(table: Any, source: str) -> Columns:
    columns = Columns(_find_names(table) or (), lambda row: f"row {row} of {source}", source)
    wanted = {name: np.asarray(table[name]) for name in ("value", *columns.names)}
    if len({len(column) for column in wanted.values()}) > 1:
        lengths = ", ".join(f"{len(column)} of {name}" for name, column in wanted.items())
        raise ValueError(f"expected columns of equal length in {source}, got {lengths}")
    columns.add({name: column.tolist() for name, column in wanted.items()})
    return columns


def _open_parquet(path: Path) -> Any:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ImportError(
            f"reading {path} takes pyarrow, which is not installed; pip install pyarrow, or save the table as CSV"
        ) from error
    try:
        return parquet.read_table(path)
    except ArrowException as error:
        raise ValueError(f"expected a Parquet file, but {path} is none ({error}); write it anew") from error


def _read_csv(path: Path) -> Columns:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = filter(None, csv.reader(file))
            header = next(reader, [])
            # The header is line 1.
            columns = Columns(header, lambda row: f"line {row + 2} of {path}", str(path))
            while rows := list(islice(reader, _CHUNK)):
                for place, row in enumerate(rows, columns.num_rows):
                    if len(row) != len(header):
                        raise ValueError(
                            f"expected {len(header)} cells in every row, as in the header, got {len(row)} in"
                            f" {columns.place(place)}; mend that line"
                        )
                columns.add(dict(zip(header, zip(*rows, strict=True), strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a CSV file in UTF-8, but {path} is none ({error}); write it anew") from error
    return columns
