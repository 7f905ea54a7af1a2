"""A table of anybody's predictions, `model,seed,example,value[,stratum][,group]`: a row per model, seed and example."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.table_sources import Columns, read_columns
from cifar_lightning.compare.units import count_strata, count_units
from cifar_lightning.runs.run import Run


@dataclass(frozen=True, eq=False)
class TableRun(Run):
    """A model's answers of one seed in a table: a run without files. `values`: float64 (N,)."""

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
        models: the runs of each model, in the order of their seeds; seed 0 without such a column.
        strata: int (N,), the stratum of each example; None without such a column.
        groups: int (N,), the group of each example; None without such a column.
        num_lost: how many examples were left out, since not every run has them.
    """

    models: dict[str, list[TableRun]]
    has_seeds: bool
    strata: np.ndarray | None
    groups: np.ndarray | None
    num_lost: int


class _Grid:
    """The R rows of a table by run, S models and seeds, and by example, N names.

    `cells`, int (R,), has for each row the place of its run times N, plus that of its example.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns, self.codes = columns, columns.codes
        seeds = self._read_seeds()
        models = [str(model) for model in columns.names["model"]]
        # Seeds of a model that others lack make no run of those.
        pairs = self.codes["model"].astype(np.int64) * len(seeds) + self.codes.get("seed", 0)
        found, places = np.unique(pairs, return_inverse=True)
        self.runs = [(models[pair // len(seeds)], seeds[pair % len(seeds)]) for pair in found.tolist()]
        self.examples: list[Any] = list(columns.names["example"])
        self.cells = places * len(self.examples) + self.codes["example"]

    def _read_seeds(self) -> list[int]:
        seeds = []
        for code, name in enumerate(self.columns.names.get("seed", [0])):
            try:
                seeds.append(int(name))
            except ValueError:
                place = self.columns.place(int((self.codes["seed"] == code).argmax()))
                raise ValueError(f"expected whole numbers as seeds, got {name!r} in {place}; number them") from None
        return seeds

    def fill(self) -> np.ndarray:
        """The values, float64 (S, N), NaN where there is none."""
        counts = np.bincount(self.cells)
        if counts.max() > 1:
            first, second, *_ = np.flatnonzero(self.cells == counts.argmax()).tolist()
            per, advice = "model and seed", "remove one"
            if "seed" not in self.codes:
                per, advice = "model", f"{advice}, or tell them apart by a column seed"
            raise ValueError(
                f"expected each example once per {per}, but {self._name(int(counts.argmax()))} is in"
                f" {self.columns.place(first)} and in {self.columns.place(second)}; {advice}"
            )
        values = np.full(len(self.runs) * len(self.examples), np.nan)
        values[self.cells] = self.columns.values
        return values.reshape(len(self.runs), -1)

    def refuse_missing(self, values: np.ndarray) -> None:
        """Raises the ValueError that names the first of the missing `values`, float64 (S, N)."""
        first = int(np.isnan(values).argmax())
        row = np.flatnonzero(self.cells == first)
        where = f" ({self.columns.place(int(row[0]))} is empty)" if len(row) else ""
        raise ValueError(
            f"expected a value of every model for every example, but {int(np.isnan(values).sum()):,} are missing, the"
            f" first of {self._name(first)}{where}; add them, or take the examples that all have with --shared_only"
        )

    def _name(self, cell: int) -> str:
        model, seed = self.runs[cell // len(self.examples)]
        with_seed = f", seed {seed}," if "seed" in self.codes else ""
        return f"{model}{with_seed} on example {self.examples[cell % len(self.examples)]}"

    def of_examples(self, name: str) -> np.ndarray | None:
        """The stratum or group of each example, int (N,); None without such a column."""
        if name not in self.codes:
            return None
        found = np.zeros(len(self.examples), np.int32)
        # The first row of an example says it.
        found[self.codes["example"][::-1]] = self.codes[name][::-1]
        others = found[self.codes["example"]] != self.codes[name]
        if others.any():
            row = int(others.argmax())
            example = self.examples[self.codes["example"][row]]
            raise ValueError(
                f"expected one {name} per example, but example {example} has another one in {self.columns.place(row)}"
                " than elsewhere; give it the same in all rows"
            )
        return found


def read_table(given: Any, shared_only: bool) -> PredictionTable:
    """Reads a table.

    Args:
        given: the path of a CSV or Parquet file; or a DataFrame of pandas, a table of Arrow, a structured array of
            NumPy, or columns by name.
        shared_only: whether examples that some model or seed lacks are left out; otherwise they are refused.

    Raises:
        ValueError: if it is no table of predictions, an example appears twice with a model and seed or is in two groups
            or strata, or there are fewer than two models or examples, or no more examples than strata.
        ImportError: if it is a Parquet file, and pyarrow is not installed.
    """
    columns = read_columns(given)
    if not columns.num_rows:
        raise ValueError("expected a table with rows, got an empty one; add some")
    grid = _Grid(columns)
    values = grid.fill()
    keep = ~np.isnan(values).any(axis=0)
    if not keep.all() and not shared_only:
        grid.refuse_missing(values)
    if keep.sum() < 2:
        raise ValueError(f"expected at least two examples that every model has, got {int(keep.sum())}; add some")
    models: dict[str, list[TableRun]] = {}
    for (model, seed), row in sorted(zip(grid.runs, values[:, keep], strict=True), key=lambda entry: entry[0]):
        models.setdefault(model, []).append(TableRun(Path(), model, seed, row))
    if len(models) < 2:
        raise ValueError(f"expected at least two models to compare, got {', '.join(models)}; add another one's rows")
    strata, groups = (
        found if (found := grid.of_examples(name)) is None else found[keep] for name in ("stratum", "group")
    )
    if count_units(int(keep.sum()), groups) <= count_strata(strata):
        raise ValueError("expected strata with several examples or groups each, got as many strata; make them larger")
    return PredictionTable(models, "seed" in grid.codes, strata, groups, int((~keep).sum()))
