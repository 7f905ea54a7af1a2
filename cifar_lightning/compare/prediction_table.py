"""A table of anybody's predictions, `model,seed,example,value[,stratum][,group]`: a row per model, seed and example."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.runs.run import Run

REQUIRED, OPTIONAL = ("model", "example", "value"), ("seed", "stratum", "group")


@dataclass(frozen=True, eq=False)
class TableRun(Run):
    """A model's answers of one seed in a table: a run of which no file is known.

    Attributes:
        model: the name of the model.
        number: the seed; 0 in a table without seeds.
        values: float64 (N,), the value of each example.
    """

    model: str
    number: int
    values: np.ndarray

    @property
    def strategy(self) -> str:
        return self.model

    @property
    def seed(self) -> int:
        return self.number

    def has(self, name: str) -> bool:
        return False


@dataclass(frozen=True)
class PredictionTable:
    """What a table says.

    Attributes:
        models: the runs of each model, in the order of their seeds.
        has_seeds: whether there is a column `seed`.
        strata: int (N,), the stratum of each example; None without such a column.
        groups: int (N,), the group of each example; None without such a column.
        num_lost: how many examples were left out, since not every run has them.
    """

    models: dict[str, list[TableRun]]
    has_seeds: bool
    strata: np.ndarray | None
    groups: np.ndarray | None
    num_lost: int


class Codes(dict[Any, int]):
    """Numbers names in the order in which they first appear."""

    def __missing__(self, name: Any) -> int:
        self[name] = len(self)
        return self[name]

    def encode(self, cells: Sequence[Any]) -> np.ndarray:
        """The number of each name, int32 (R,)."""
        return np.fromiter(map(self.__getitem__, cells), np.int32, len(cells))


@dataclass
class Columns:
    """The R rows of a table as they are read: names as numbers, so that a million rows need little room.

    Attributes:
        place: where a row is, in words, by its number.
        names: the distinct names by column.
        codes: int32 arrays by column, the number of each row's name; together (R,).
        values: float64 arrays, the values of the rows, NaN where there is none; together (R,).
    """

    place: Callable[[int], str]
    names: dict[str, Codes]
    codes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    values: list[np.ndarray] = field(default_factory=list)

    @property
    def num_rows(self) -> int:
        """How many rows were added."""
        return sum(map(len, self.values))

    @classmethod
    def with_header(cls, header: Iterable[str], place: Callable[[int], str], source: str) -> "Columns":
        """No row yet.

        Raises:
            ValueError: if a column is missing.
        """
        header = list(header)
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise ValueError(
                f"expected the columns {', '.join(REQUIRED)} and, if you have them, {', '.join(OPTIONAL)} in {source},"
                f" but {missing[0]} is not among {', '.join(map(str, header))}; rename or add it"
            )
        names = {name: Codes() for name in (*REQUIRED, *OPTIONAL) if name in header and name != "value"}
        return cls(place, names, {name: [] for name in names})

    def add(self, rows: dict[str, Sequence[Any]]) -> None:
        """Adds rows, given as columns.

        Raises:
            ValueError: if a value is no number, or a name is missing.
        """
        start = self.num_rows
        for name, codes in self.names.items():
            cells, known = rows[name], len(codes)
            self.codes[name].append(codes.encode(cells))
            for new in list(codes)[known:]:
                if new is None or new == "" or new != new:
                    raise ValueError(
                        f"expected a {name} in every row, got none in {self.place(start + cells.index(new))}"
                    )
        self.values.append(self._read_values(rows["value"], start))

    def _read_values(self, cells: Sequence[Any], start: int) -> np.ndarray:
        try:
            return np.array(cells, np.float64)
        except (ValueError, TypeError):
            return np.array([self._read_value(cell, start + row) for row, cell in enumerate(cells)])

    def _read_value(self, cell: Any, row: int) -> float:
        if cell is None or cell == "":
            return np.nan
        words = {"true": 1.0, "false": 0.0}
        try:
            return words[cell.lower()] if str(cell).lower() in words else float(cell)
        except (ValueError, TypeError):
            raise ValueError(f"expected a number as value, got {cell!r} in {self.place(row)}; mend that row") from None


def build_table(columns: Columns, shared_only: bool) -> PredictionTable:
    """The table of these columns.

    Raises:
        ValueError: if an example appears twice with a model and seed, is missing with one (unless `shared_only`, which
            leaves it out), or is in two groups or strata.
    """
    if not columns.num_rows:
        raise ValueError("expected a table with rows, got an empty one; add some")
    codes = {name: np.concatenate(parts) for name, parts in columns.codes.items()}
    values, examples = np.concatenate(columns.values), list(columns.names["example"])
    if np.isinf(values).any():
        place = columns.place(int(np.isinf(values).argmax()))
        raise ValueError(f"expected a finite number as value, got an infinite one in {place}; mend or remove that row")
    seeds = _read_seeds(columns, codes) if "seed" in codes else [0]
    models = list(columns.names["model"])
    pairs = codes["model"].astype(np.int64) * len(seeds) + codes.get("seed", 0)
    runs, run_codes = np.unique(pairs, return_inverse=True)
    named = [(models[run // len(seeds)], seeds[run % len(seeds)]) for run in runs.tolist()]
    cells = run_codes * len(examples) + codes["example"]
    counts = np.bincount(cells, minlength=len(runs) * len(examples))

    def name_cell(cell: int) -> str:
        model, seed = named[cell // len(examples)]
        with_seed = f", seed {seed}," if "seed" in codes else ""
        return f"{model}{with_seed} on example {examples[cell % len(examples)]}"

    if counts.max(initial=0) > 1:
        twice = int((counts > 1).argmax())
        first, second, *_ = np.flatnonzero(cells == twice).tolist()
        advice = "remove one" if "seed" in codes else "remove one, or tell them apart by a column seed"
        raise ValueError(
            f"expected each model, seed and example once, but {name_cell(twice)} is in {columns.place(first)} and in"
            f" {columns.place(second)}; {advice}"
        )
    grid = np.full(len(counts), np.nan)
    grid[cells] = values
    is_missing = np.isnan(grid)
    keep = ~is_missing.reshape(len(runs), -1).any(axis=0)
    if not keep.all() and not shared_only:
        first = int(is_missing.argmax())
        where = f" ({columns.place(int((cells == first).argmax()))} is empty)" if counts[first] else ""
        raise ValueError(
            f"expected a value of every model and seed for every example, but {int(is_missing.sum()):,} are missing, the"
            f" first of {name_cell(first)}{where}; add them, or take the examples that all have with --shared_only"
        )
    if keep.sum() < 2:
        raise ValueError(f"expected at least two examples that every model has, got {int(keep.sum())}; add some")
    table: dict[str, list[TableRun]] = {}
    for place in sorted(range(len(named)), key=named.__getitem__):
        model, seed = named[place]
        row = grid[place * len(examples) : (place + 1) * len(examples)][keep]
        table.setdefault(str(model), []).append(TableRun(Path(), str(model), seed, row))
    if len(table) < 2:
        raise ValueError(f"expected at least two models to compare, got {', '.join(table)}; add another one's rows")
    strata, groups = (_per_example(name, columns, codes, keep) for name in ("stratum", "group"))
    return PredictionTable(table, "seed" in codes, strata, groups, int((~keep).sum()))


def _read_seeds(columns: Columns, codes: dict[str, np.ndarray]) -> list[int]:
    seeds = []
    for code, name in enumerate(columns.names["seed"]):
        try:
            seeds.append(int(name))
        except ValueError:
            place = columns.place(int((codes["seed"] == code).argmax()))
            raise ValueError(f"expected whole numbers as seeds, got {name!r} in {place}; number the seeds") from None
    return seeds


def _per_example(name: str, columns: Columns, codes: dict[str, np.ndarray], keep: np.ndarray) -> np.ndarray | None:
    """The stratum or group of each example that is kept, int (N,)."""
    if name not in codes:
        return None
    found = np.zeros(len(keep), np.int32)
    found[codes["example"]] = codes[name]
    other = found[codes["example"]] != codes[name]
    if other.any():
        row = int(other.argmax())
        example = list(columns.names["example"])[codes["example"][row]]
        raise ValueError(
            f"expected one {name} per example, but example {example} has another one in {columns.place(row)} than"
            " elsewhere; give it the same in all rows"
        )
    return found[keep]
