"""Where a table of predictions comes from: a CSV or Parquet file, or a table of pandas, Arrow or NumPy."""

import csv
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.prediction_table import PredictionTable, build_table
from cifar_lightning.compare.table_columns import Columns

SUFFIXES = (".csv", ".parquet")
# So many rows are held as text at a time.
_CHUNK = 100_000


def is_table_file(path: Any) -> bool:
    """Whether this is the path of a table rather than of run folders."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in SUFFIXES


def is_table(given: Any) -> bool:
    """Whether this is a table, or the path of one."""
    return is_table_file(given) or isinstance(given, Mapping) or _find_names(given) is not None


def read_table(given: Any, shared_only: bool) -> PredictionTable:
    """Reads a table.

    Args:
        given: the path of a CSV or Parquet file; or a DataFrame of pandas, a table of Arrow, a structured array of
            NumPy, or columns by name.
        shared_only: whether examples that some model or seed lacks are left out; otherwise they are refused.

    Raises:
        ValueError: if it is no table of predictions.
        ImportError: if it is a Parquet file, and pyarrow is not installed.
    """
    if not is_table_file(given):
        return build_table(_read_columns(given, "the table"), shared_only)
    path = Path(given)
    if not path.is_file():
        raise ValueError(f"expected a table of predictions, but there is no file {path}; check the path")
    columns = _read_csv(path) if path.suffix.lower() == ".csv" else _read_columns(_open_parquet(path), str(path))
    return build_table(columns, shared_only)


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


def _read_columns(table: Any, source: str) -> Columns:
    columns = Columns(_find_names(table) or (), lambda row: f"row {row} of {source}", source)
    wanted = {name: np.asarray(table[name]) for name in ("value", *columns.names)}
    if len({len(column) for column in wanted.values()}) > 1:
        raise ValueError(f"expected columns of equal length in {source}, got {_describe_lengths(wanted)}")
    columns.add({name: column.tolist() for name, column in wanted.items()})
    return columns


def _describe_lengths(columns: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{len(column)} of {name}" for name, column in columns.items())


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
                if {len(row) for row in rows} != {len(header)}:
                    _refuse_ragged(rows, len(header), columns)
                columns.add(dict(zip(header, zip(*rows, strict=True), strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"expected a CSV file in UTF-8, but {path} is none ({error}); write it anew") from error
    return columns


def _refuse_ragged(rows: list[list[str]], width: int, columns: Columns) -> None:
    wrong = next(place for place, row in enumerate(rows) if len(row) != width)
    raise ValueError(
        f"expected {width} cells in every row, as in the header, got {len(rows[wrong])} in"
        f" {columns.place(columns.num_rows + wrong)}; mend that line"
    )
