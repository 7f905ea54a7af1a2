"""The rows of a table of predictions: from a CSV or Parquet file, or a table of pandas, Arrow or NumPy."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REQUIRED, OPTIONAL = ("model", "example", "value"), ("seed", "stratum", "group")
SUFFIXES = (".csv", ".parquet")


class Rows(NamedTuple):
    """The R rows of a table: R cells by the name of their column, and where a row is, in words, by its number."""

    columns: dict[str, Sequence[Any]]
    place: Callable[[int], str]


def is_table_file(path: Any) -> bool:
    """Whether this is the path of a table rather than of run folders."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in SUFFIXES


def is_table(given: Any) -> bool:
    return is_table_file(given) or isinstance(given, Mapping) or _find_names(given) is not None


def output_folder(path: Path) -> Path:
    """Where a comparison of this path goes by default: into it, or beside a table, named as the file."""
    return path.with_suffix("") if is_table_file(path) else path


def read_rows(given: Any) -> Rows:
    """The rows of a table that is given as `read_table` takes it."""
    if not is_table_file(given):
        return _take_columns(given, "the table")
    path = Path(given)
    if not path.is_file():
        raise ValueError(f"expected a table of predictions, but there is no file {path}; check the path")
    return _read_csv(path) if path.suffix.lower() == ".csv" else _take_columns(_open_parquet(path), str(path))


def _choose_columns(names: Sequence[str], source: str) -> list[str]:
    if missing := [name for name in REQUIRED if name not in names]:
        raise ValueError(
            f"expected the columns {', '.join(REQUIRED)} and, if you have them, {', '.join(OPTIONAL)} in {source},"
            f" but {missing[0]} is not among {', '.join(map(str, names))}; rename or add it"
        )
    return [name for name in (*REQUIRED, *OPTIONAL) if name in names]


def _find_names(table: Any) -> Sequence[str] | None:
    """The names of the columns of pandas, Arrow or NumPy, or of a mapping; None if it has none."""
    if isinstance(table, Mapping):
        return list(table)
    # pandas has `columns`, where Arrow has the columns themselves.
    for name in ("column_names", "columns"):
        if (names := getattr(table, name, None)) is not None:
            return [str(name) for name in names]
    return getattr(getattr(table, "dtype", None), "names", None)


def _take_columns(table: Any, source: str) -> Rows:
    columns = {name: np.asarray(table[name]).tolist() for name in _choose_columns(_find_names(table) or (), source)}
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{len(columns[name])} of {name}" for name in columns)
        raise ValueError(f"expected columns of equal length in {source}, got {lengths}")
    return Rows(columns, lambda row: f"row {row} of {source}")


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


def _read_csv(path: Path) -> Rows:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = list(filter(None, csv.reader(file))) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a CSV file in UTF-8, but {path} is none ({error}); write it anew") from error
    wanted = _choose_columns(header, str(path))
    # The header is line 1.
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(
                f"expected {len(header)} cells in every row, as in the header, got {len(row)} in line {line} of {path};"
                " mend that line"
            )
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(wanted, ())
    return Rows({name: columns[name] for name in wanted}, lambda row: f"line {row + 2} of {path}")
