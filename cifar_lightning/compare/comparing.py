"""From run folders to a comparison."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cifar_lightning.compare.answer import describe_answer, describe_sensitivity
from cifar_lightning.compare.caveats import describe_limits, describe_oddities
from cifar_lightning.compare.claims import describe_unasked, judge_claims
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.grouping import group_strategies
from cifar_lightning.compare.pairs import compare_pairs
from cifar_lightning.compare.questions import parse_question
from cifar_lightning.runs.run import Run, find_run_folders
from cifar_lightning.compare.summaries import summarise


def compare_runs(paths: Sequence[Path], question: str = "accuracy", allow_mixed: bool = False) -> Comparison:
    """Compares the strategies of all finished runs below `paths`.

    Args:
        paths: folders, at any height above the run folders.
        question: see `questions.parse_question`.
        allow_mixed: see `grouping.group_strategies`.

    Raises:
        ValueError: if there are fewer than two strategies, the runs do not go together, a file is damaged, or the
            question has no answer in them.
    """
    finished, unfinished = find_run_folders(paths)
    read = [Run.read(path) for path in finished]
    strategies, mixed = group_strategies(read, allow_mixed)
    runs = [run for its_runs in strategies.values() for run in its_runs]
    asked = parse_question(question, runs)
    summaries = [summarise(name, its_runs, asked) for name, its_runs in strategies.items()]
    summaries.sort(key=lambda summary: summary.mean, reverse=asked.higher_is_better)
    comparison = Comparison(
        question=asked.text,
        label=asked.label,
        unit=asked.unit,
        higher_is_better=asked.higher_is_better,
        answer="",
        classes=runs[0].test.class_names,
        protocol=runs[0].facts["protocol"],
        epochs=runs[0].facts["epochs"],
        strategies=summaries,
        pairs=compare_pairs(summaries, asked.higher_is_better, asked.bounds),
        claims=judge_claims(strategies),
        does_not_say=describe_limits(strategies),
        notes=[
            *(f"Mixed: {sentence}." for sentence in mixed),
            *describe_oddities(strategies, read, unfinished),
            *describe_unasked(strategies),
        ],
        mixed=bool(mixed),
        paths=list(paths),
    )
    return replace(comparison, answer=describe_answer(comparison), sensitivity=describe_sensitivity(comparison))
