"""From runs, or a table of predictions, to a comparison."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.compare.caveats import (
    describe_limits,
    describe_oddities,
    describe_table_limits,
    describe_table_oddities,
)
from cifar_lightning.compare.claims import judge_claims
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.grouping import group_strategies, leave_out_duplicates
from cifar_lightning.compare.pairs import compare_pairs
from cifar_lightning.compare.prediction_table import PredictionTable, read_table
from cifar_lightning.compare.questions import SHARE_BOUNDS, SHARES, TABLE_WORDS, Question, Scale, parse_question
from cifar_lightning.compare.summaries import estimate, is_unfinished, summarise
from cifar_lightning.compare.table_sources import is_table, is_table_file
from cifar_lightning.runs.folder import CURVES, PROBES, SCORES, predictions_name
from cifar_lightning.runs.run import Run, find_runs


def compare(
    runs: Any,
    *,
    question: str | None = None,
    equal_within: float | None = None,
    allow_mixed: bool = False,
    paired_seeds: bool = False,
    without_duplicates: bool = False,
    bounds: Interval | None = None,
    lower_is_better: bool = False,
    shared_only: bool = False,
) -> Comparison:
    """Compares the strategies of some runs, or the models of a table of predictions.

    Args:
        runs: runs, or folders above run folders; one or several of them. Or a table
            `model,seed,example,value[,stratum][,group]`: a DataFrame of pandas, a table of Arrow, a structured array of
            NumPy, columns by name, or the path of a CSV or Parquet file. Without a column `seed` these very models are
            compared, not how they were made.
        question: accuracy, recall:apple, noise:16, shift:2, consistency:2, loss or gap; of a table, what its values
            are.
        equal_within: the difference below which two strategies count as equal, in points (of loss, in its own unit);
            None: no two are called equal.
        allow_mixed: whether runs may differ in more than the strategy, see `grouping.group_strategies`.
        paired_seeds: whether runs of the same seed are compared with one another: for runs that share something by
            their seed, such as `study --vary_split` their training images. To be decided before the answer is seen.
        without_duplicates: whether test images with a near-duplicate among the training images are left out.
        bounds: the lowest and the highest possible value of a table; None: 0 and 1 if it has no other values, else as
            far as its values reach.
        lower_is_better: whether lower values of a table are better.
        shared_only: whether examples of a table are left out that some model or seed lacks.

    Raises:
        ValueError: if there are fewer than two strategies, the runs cannot be compared or cannot answer the question,
            a file is damaged, `equal_within` is not above 0, or the table is not one.
        ImportError: if a Parquet file is given, and pyarrow is not installed.
    """
    if equal_within is not None and not equal_within > 0:
        raise ValueError(f"expected a number above 0 for equal_within, got {equal_within:g}; name the points you mind")
    if is_table(runs) or (isinstance(runs, Sequence) and any(map(is_table_file, runs))):
        if allow_mixed or without_duplicates:
            raise ValueError("expected run folders for allow_mixed or without_duplicates, got a table; leave it out")
        return _compare_table(runs, question, bounds, lower_is_better, shared_only, equal_within, paired_seeds)
    if bounds or lower_is_better or shared_only:
        raise ValueError("expected a table for bounds, lower_is_better or shared_only, got run folders; leave it out")
    named = [runs] if isinstance(runs, str | Path | Run) else list(runs)
    paths = [entry.folder if isinstance(entry, Run) else Path(entry) for entry in named]
    found = [run for entry in named for run in ([entry] if isinstance(entry, Run) else find_runs([entry]))]
    once = {run.folder.resolve(): run for run in found}.values()
    tested, untested = [run for run in once if run.is_tested], [run for run in once if not run.is_tested]
    if not tested:
        folder = untested[0].folder if untested else "RUN"
        raise ValueError(
            f"expected tested runs, but none of {len(untested)} has a {SCORES};"
            f" cifar-lightning test --ckpt_path {folder} writes it"
        )
    for run in tested:
        _read(run)
    strategies, mixed = group_strategies(tested, allow_mixed)
    num_left_out = None
    if without_duplicates:
        strategies, num_left_out = leave_out_duplicates(strategies)
    first = next(iter(strategies.values()))[0]
    asked = parse_question(question or "accuracy", [run for its_runs in strategies.values() for run in its_runs])
    asked = replace(asked, equal_within=equal_within, paired_seeds=paired_seeds)
    summaries = [summarise(name, its_runs, asked) for name, its_runs in strategies.items()]
    summaries.sort(key=lambda summary: summary.mean, reverse=asked.higher_is_better)
    return Comparison(
        question=asked,
        classes=first.predictions("test").class_names,
        protocol=first.facts.protocol,
        epochs=first.facts.epochs,
        strategies=summaries,
        pairs=compare_pairs(summaries, asked),
        still_improving=[summary.name for summary in summaries if is_unfinished(summary.runs)],
        claims=judge_claims(strategies),
        does_not_say=describe_limits(strategies, paired_seeds),
        notes=[f"Mixed: {sentence}." for sentence in mixed] + describe_oddities(strategies, tested, untested),
        mixed=bool(mixed),
        paths=paths,
        num_left_out=num_left_out,
    )


def _read(run: Run) -> None:
    """Reads all files of a run: a damaged one is reported before anything is written."""
    _ = run.has(CURVES) and run.curves, run.has(PROBES) and run.probes
    for split in ("test", "train"):
        if run.has(predictions_name(split)):
            run.predictions(split)


def _compare_table(
    given: Any,
    question: str | None,
    bounds: Interval | None,
    lower_is_better: bool,
    shared_only: bool,
    equal_within: float | None,
    paired_seeds: bool,
) -> Comparison:
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) > 1:
            named = ", ".join(map(str, given))
            raise ValueError(f"expected one table, or run folders, got {named}; put all rows into one table")
        given = given[0]
    table = read_table(given, shared_only)
    if paired_seeds and not table.has_seeds:
        raise ValueError("expected a column seed to pair models by, but the table has none; leave out paired_seeds")
    asked = _ask(table, question, bounds, lower_is_better)
    asked = replace(asked, equal_within=equal_within, paired_seeds=paired_seeds)
    if equal_within is not None and equal_within / asked.scale.factor >= asked.span:
        raise ValueError(
            f"expected equal_within below {asked.scale.factor * asked.span:g}, the range of the values, got"
            f" {equal_within:g}; name it in their unit, or the --bounds"
        )
    summaries = [
        estimate(name, runs, np.stack([asked.ask(run) for run in runs]), asked.bounds, table.units)
        for name, runs in table.models.items()
    ]
    summaries.sort(key=lambda summary: summary.mean, reverse=asked.higher_is_better)
    options = [] if bounds is None else ["--bounds", *(f"{bound:g}" for bound in bounds)]
    options += ["--lower_is_better"] if lower_is_better else []
    options += ["--shared_only"] if shared_only else []
    return Comparison(
        question=asked,
        strategies=summaries,
        pairs=compare_pairs(summaries, asked),
        does_not_say=describe_table_limits(table, paired_seeds),
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
    label = text or ("accuracy" if is_right else "value")
    return Question(
        text=label,
        label=label,
        ask=attrgetter("values"),
        scale=SHARES if tuple(bounds) == SHARE_BOUNDS else Scale(1, digits, "", ""),
        bounds=bounds,
        higher_is_better=not lower_is_better,
        better="lower is better" if lower_is_better else "higher is better",
        verdict="is better" if table.has_seeds else "is better, of these very models",
        scope="strategies" if table.has_seeds else "models",
        words=TABLE_WORDS,
    )
