"""What the tables of a run folder share: NumPy columns by name, written to and read from CSV."""

import csv
import io
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from cifar_lightning.runs.disk import read_text, write_csv

T = TypeVar("T", bound="StoredTable")


class Table(Mapping[str, np.ndarray]):
    """Columns of equal length by name: `table["seconds"]` is an array."""

    @property
    @abstractmethod
    def columns(self) -> dict[str, np.ndarray]:
        """The columns by name, in the order of the file."""

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


class StoredTable(Table):
    """A table that is also read."""

    # What the table holds, for messages.
    content: ClassVar[str]
    # NumPy's kind of each column by name, "i8" or "O" (text); float64 otherwise.
    kinds: ClassVar[dict[str, str]]

    @classmethod
    @abstractmethod
    def from_columns(cls: type[T], columns: dict[str, np.ndarray]) -> T:
        """The table with these columns. Raises ValueError or KeyError if they are not those of such a table."""

    @classmethod
    def read(cls: type[T], path: Path) -> T:
        """Reads what `write` wrote. Raises ValueError if the file is not a whole table of this kind."""
        try:
            return cls.parse(read_text(path))
        except (ValueError, KeyError, csv.Error) as error:
            reason = f"{str(error.args[0])[:50]!r} is missing" if isinstance(error, KeyError) else error
            raise ValueError(
                f"expected a table of {cls.content}, but {path} is damaged ({reason}); test or fit that run again"
            ) from error

    @classmethod
    def parse(cls: type[T], text: str) -> T:
        """The table in a CSV text. Raises ValueError, KeyError or csv.Error if it is not a whole table of this kind."""
        file = io.StringIO(text)
        header = next(csv.reader(file), [])
        if len(set(header)) < len(header):
            raise ValueError("a column appears twice")
        # By place: NumPy allows no empty name.
        kinds = np.dtype([(str(place), cls.kinds.get(name, "f8")) for place, name in enumerate(header)])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
            rows = np.loadtxt(file, kinds, comments=None, delimiter=",", ndmin=1, quotechar='"')
        return cls.from_columns({name: rows[str(place)].copy() for place, name in enumerate(header)})
