"""What the tables of a run folder share: NumPy columns by name, written to and read from CSV."""

import csv
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from cifar_lightning.runs.disk import read_text, write_csv

T = TypeVar("T", bound="Table")


class Table(Mapping[str, np.ndarray]):
    """Columns of equal length by name: `table["seconds"]` is an array.

    A subclass says what its columns are, and how it is made from them.
    """

    # What the table holds, for messages.
    content: ClassVar[str]
    # NumPy's kind of each column by name, "i8" or "O" (text); float64 otherwise.
    kinds: ClassVar[dict[str, str]] = {}

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The columns by name, in the order of the file."""
        raise NotImplementedError

    @classmethod
    def from_columns(cls: type[T], columns: dict[str, np.ndarray]) -> T:
        """The table with these columns.

        Raises:
            ValueError, KeyError: if they are not the columns of such a table.
        """
        raise NotImplementedError

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        """The number of columns."""
        return len(self.columns)

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame; pandas must be installed."""
        import pandas

        return pandas.DataFrame(self.columns)

    def write(self, path: Path) -> None:
        """Writes the table as CSV: numbers in full, NaN as an empty cell."""
        columns = self.columns
        cells = ([("" if value != value else value) for value in column.tolist()] for column in columns.values())
        write_csv(path, list(columns), zip(*cells, strict=True))

    @classmethod
    def read(cls: type[T], path: Path) -> T:
        """Reads what `write` wrote.

        Raises:
            ValueError: if the file is not a whole table of this kind.
        """
        try:
            return cls.parse(read_text(path))
        except ValueError as error:
            raise ValueError(
                f"expected a table of {cls.content}, but {path} is damaged ({error}); test or fit that run again"
            ) from error

    @classmethod
    def parse(cls: type[T], text: str) -> T:
        """The table in a CSV text.

        Raises:
            ValueError: if it is not a whole table of this kind; it gives the reason alone.
        """
        file = io.StringIO(text)
        try:
            header = next(csv.reader(file), [])
            if len(set(header)) < len(header):
                raise ValueError("a column appears twice")
            # By place: NumPy allows no empty name. Its reader is the fastest, and comparisons read hundreds of tables.
            kinds = np.dtype([(str(place), cls.kinds.get(name, "f8")) for place, name in enumerate(header)])
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
                rows = np.loadtxt(file, kinds, comments=None, delimiter=",", ndmin=1, quotechar='"')
            return cls.from_columns({name: rows[str(place)].copy() for place, name in enumerate(header)})
        except KeyError as error:
            raise ValueError(f"{str(error.args[0])[:50]!r} is missing") from error
        except csv.Error as error:
            raise ValueError(str(error)) from error
