"""A table of anybody's predictions, `model,seed,example,value[,stratum][,group]`: a row per model, seed and example."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.table_sources import Rows, read_rows
from cifar_lightning.compare.units import Units, count_strata, count_units
from cifar_lightning.runs.run import Run

_WORDS = {"true": 1.0, "false": 0.0, "": np.nan}


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
        units: what the N examples count as, by the columns `group` and `stratum`.
        num_lost: how many examples were left out, since not every run has them.
    """

    models: dict[str, list[TableRun]]
    has_seeds: bool
    units: Units
    num_lost: int


def read_table(given: Any, shared_only: bool) -> PredictionTable:
    """Reads a table, given as `api.compare` takes it.

    Examples that some model or seed lacks are left out if `shared_only`, otherwise refused. Raises ValueError too if it
    is no table of predictions, an example appears twice with a model and seed or is in two groups or strata, or there
    are fewer than two models or examples, or no more examples than strata. Raises ImportError if it is a Parquet file,
    and pyarrow is not installed.
    """
    rows = read_rows(given)
    columns, place = rows
    if not columns["value"]:
        raise ValueError("expected a table with rows, got an empty one; add some")
    names = {name: _number(name, rows) for name in columns if name != "value"}
    (names_of_models, of_model), (examples, of_example) = names["model"], names["example"]
    seeds, of_seed = names.get("seed", ([0], np.zeros(len(of_model), np.int64)))
    numbers = [
        _read_cell(_whole, "whole numbers as seeds", seed, int((of_seed == place).argmax()), rows)
        for place, seed in enumerate(seeds)
    ]
    pairs, of_pair = np.unique(of_model * len(seeds) + of_seed, return_inverse=True)
    keys = [(str(names_of_models[pair // len(seeds)]), numbers[pair % len(seeds)]) for pair in pairs.tolist()]
    # A seed may be written in two ways, as 2 and 02.
    runs = sorted(set(keys))
    place_of = {run: place for place, run in enumerate(runs)}
    cells = np.array([place_of[key] for key in keys])[of_pair] * len(examples) + of_example

    def describe(cell: int) -> str:
        model, seed = runs[cell // len(examples)]
        return f"{model}{f', seed {seed},' if 'seed' in columns else ''} on example {examples[cell % len(examples)]}"

    counts = np.bincount(cells)
    if counts.max() > 1:
        first, second, *_ = np.flatnonzero(cells == counts.argmax()).tolist()
        per, advice = (
            ("model and seed", "") if "seed" in columns else ("model", ", or tell them apart by a column seed")
        )
        raise ValueError(
            f"expected each example once per {per}, but {describe(int(counts.argmax()))} is in {place(first)} and in"
            f" {place(second)}; remove one{advice}"
        )
    values = np.full((len(runs), len(examples)), np.nan)
    values.ravel()[cells] = _read_values(rows)
    keep = ~np.isnan(values).any(axis=0)
    if not keep.all() and not shared_only:
        first = int(np.isnan(values).argmax())
        row = np.flatnonzero(cells == first)
        where = f" ({place(int(row[0]))} is empty)" if len(row) else ""
        raise ValueError(
            f"expected a value of every model for every example, but {int(np.isnan(values).sum()):,} are missing, the"
            f" first of {describe(first)}{where}; add them, or take the examples that all have with --shared_only"
        )
    if keep.sum() < 2:
        raise ValueError(f"expected at least two examples that every model has, got {int(keep.sum())}; add some")
    models: dict[str, list[TableRun]] = {}
    for (model, seed), answers in zip(runs, values[:, keep], strict=True):
        models.setdefault(model, []).append(TableRun(Path(), model, seed, answers))
    if len(models) < 2:
        raise ValueError(f"expected at least two models to compare, got {', '.join(models)}; add another one's rows")
    units = Units(groups=_of_examples("group", names, rows, keep), strata=_of_examples("stratum", names, rows, keep))
    if count_units(int(keep.sum()), units.groups) <= count_strata(units.strata):
        raise ValueError("expected strata with several examples or groups each, got as many strata; make them larger")
    return PredictionTable(models, "seed" in columns, units, int((~keep).sum()))


def _number(name: str, rows: Rows) -> tuple[list[Any], np.ndarray]:
    """The different cells of a column, in the order in which they first appear, and for each row which it has."""
    cells = rows.columns[name]
    numbers = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    for cell in numbers:
        if cell is None or cell == "" or cell != cell:
            raise ValueError(f"expected a {name} in every row, got none in {rows.place(cells.index(cell))}; add it")
    return list(numbers), np.fromiter(map(numbers.__getitem__, cells), np.int64, len(cells))


def _whole(cell: Any) -> int:
    number = int(cell)
    if not isinstance(cell, str) and number != cell:
        raise ValueError
    return number


def _read_cell(kind: Any, expected: str, cell: Any, row: int, rows: Rows) -> Any:
    try:
        return kind(cell)
    except (ValueError, TypeError):
        raise ValueError(f"expected {expected}, got {cell!r} in {rows.place(row)}; mend that row") from None


def _read_values(rows: Rows) -> np.ndarray:
    """float64 (R,), NaN where there is none."""
    cells = rows.columns["value"]
    try:
        values = np.array(cells, np.float64)
    except (ValueError, TypeError):
        cells = [_WORDS.get(str("" if cell is None else cell).lower(), cell) for cell in cells]
        values = np.array([_read_cell(float, "a number as value", cell, row, rows) for row, cell in enumerate(cells)])
    if values.ndim != 1:
        raise ValueError(f"expected one number per row as value, got an array {values.shape}; give a row to each")
    if np.isinf(values).any():
        place = rows.place(int(np.isinf(values).argmax()))
        raise ValueError(f"expected a finite number as value, got an infinite one in {place}; mend that row")
    return values


def _of_examples(name: str, names: dict[str, Any], rows: Rows, keep: np.ndarray) -> np.ndarray | None:
    """The stratum or group of each example that is kept; None without such a column."""
    if name not in names:
        return None
    (examples, which), (_, codes) = names["example"], names[name]
    found = np.zeros(len(examples), np.int64)
    # The first row of an example says it.
    found[which[::-1]] = codes[::-1]
    if (others := found[which] != codes).any():
        row = int(others.argmax())
        raise ValueError(
            f"expected one {name} per example, but example {examples[which[row]]} has another one in {rows.place(row)}"
            " than elsewhere; give it the same in all rows"
        )
    return found[keep]
