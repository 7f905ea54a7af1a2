"""From a table of predictions to a comparison."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.compare.caveats import describe_table_limits, describe_table_oddities
from cifar_lightning.compare.comparison import Comparison, Summary
from cifar_lightning.compare.pairs import compare_pairs
from cifar_lightning.compare.prediction_table import PredictionTable, TableRun, read_table
from cifar_lightning.compare.questions import SHARE_BOUNDS, Question, Words
from cifar_lightning.compare.scale import SHARES, Scale
from cifar_lightning.compare.summaries import mean_interval, spread
from cifar_lightning.compare.table_sources import is_table_file
from cifar_lightning.runs.run import Run

_WORDS = Words("model", "models", "example", "examples", "models")


def compare_table(
    given: Any,
    *,
    question: str | None,
    equal_within: float | None,
    bounds: Interval | None,
    lower_is_better: bool,
    shared_only: bool,
    paired_seeds: bool,
) -> Comparison:
    """Compares the models of a table; arguments as those of `api.compare`."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) > 1:
            named = ", ".join(map(str, given))
            raise ValueError(f"expected one table, or run folders, got {named}; put all rows into one table")
        given = given[0]
    table = read_table(given, shared_only)
    asked = _ask(table, question, bounds, lower_is_better)
    asked = replace(asked, equal_within=equal_within, paired_seeds=paired_seeds)
    summaries = [_summarise(name, table, asked) for name in table.models]
    summaries.sort(key=lambda summary: summary.mean, reverse=asked.higher_is_better)
    options = [] if bounds is None else ["--bounds", *(f"{bound:g}" for bound in bounds)]
    options += ["--lower_is_better"] if lower_is_better else []
    options += ["--shared_only"] if shared_only else []
    return Comparison(
        question=asked,
        strategies=summaries,
        pairs=compare_pairs(summaries, asked),
        does_not_say=describe_table_limits(table),
        notes=describe_table_oddities(table),
        paths=[Path(given)] if is_table_file(given) else [],
        table_options=options,
    )


def _ask(table: PredictionTable, text: str | None, bounds: Interval | None, lower_is_better: bool) -> Question:
    """The question that a table's values answer."""
    values = np.concatenate([run.values for runs in table.models.values() for run in runs])
    low, high = float(values.min()), float(values.max())
    is_right = bounds is None and bool(np.isin(values, (0, 1)).all())
    if low == high and not is_right:
        raise ValueError(f"expected values that differ, but all are {low:g}; there is nothing to compare")
    if bounds is not None and not bounds[0] <= low <= high <= bounds[1]:
        outside = low if low < bounds[0] else high
        raise ValueError(
            f"expected values within the bounds {bounds[0]:g} and {bounds[1]:g}, got {outside:g}; widen the bounds"
        )
    bounds = SHARE_BOUNDS if is_right else (bounds or (low, high))
    # Four digits of the spread of the values.
    digits = int(np.clip(3 - np.floor(np.log10(high - low)), 0, 9)) if high > low else 0
    very = "" if table.has_seeds else ", of these very models"
    label = text or ("accuracy" if is_right else "value")
    return Question(
        text=label,
        label=label,
        ask=_answers,
        scale=SHARES if tuple(bounds) == SHARE_BOUNDS else Scale(1, digits, "", ""),
        bounds=bounds,
        higher_is_better=not lower_is_better,
        better="lower is better" if lower_is_better else "higher is better",
        verdict=f"is better{very}",
        scope="strategies" if table.has_seeds else "models",
        words=_WORDS,
    )


def _answers(run: Run) -> np.ndarray:
    assert isinstance(run, TableRun)
    return run.values


def _summarise(name: str, table: PredictionTable, question: Question) -> Summary:
    runs = table.models[name]
    values = np.stack([question.ask(run) for run in runs])
    ci95 = mean_interval(values, question.bounds, table.groups, table.strata)
    return Summary(name, runs, values, spread(values), ci95, table.groups, table.strata)
