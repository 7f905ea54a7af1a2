"""A comparison as `comparison.json` and `comparison.csv`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cifar_lightning.compare.comparison import Comparison, Pair, Summary
from cifar_lightning.compare.questions import SHARE_BOUNDS, Question, stack_correctness
from cifar_lightning.compare.summaries import find_units, mean_interval, spread
from cifar_lightning.compare.wording import word_verdict
from cifar_lightning.runs.disk import write_csv, write_text

COMPARISON_JSON = "comparison.json"
COMPARISON_CSV = "comparison.csv"
PAGE = "comparison.html"


def write_files(folder: Path, comparison: Comparison) -> None:
    """Writes both files into `folder`, and removes the page of an earlier comparison.

    The page comes last: where there is one, all files are of the same comparison.
    """
    (folder / PAGE).unlink(missing_ok=True)
    _write_json(folder / COMPARISON_JSON, comparison)
    _write_pairs(folder / COMPARISON_CSV, comparison)


def _write_json(path: Path, comparison: Comparison) -> None:
    content = {
        "format": 2,
        "question": comparison.question.label,
        "scope": comparison.question.scope,
        "asked": comparison.question.text,
        "equal_within": comparison.question.equal_within,
        "answer": comparison.answer,
        "numbers": comparison.numbers,
        "still_improving": list(comparison.still_improving),
        "classes": list(comparison.classes),
        "protocol": comparison.protocol,
        "epochs": comparison.epochs,
        "num_images": comparison.num_images,
        "num_groups": comparison.num_groups,
        "num_left_out": comparison.num_left_out,
        "paired_seeds": comparison.question.paired_seeds,
        "mixed": comparison.mixed,
        "strategies": [_strategy(summary) for summary in comparison.strategies],
        "pairs": [_pair(pair, comparison.question) for pair in comparison.pairs],
        "sensitivity": comparison.sensitivity,
        "claims": [{**vars(claim), "verdict": claim.verdict.value} for claim in comparison.claims],
        "does_not_say": list(comparison.does_not_say),
        "notes": list(comparison.notes),
    }
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _strategy(summary: Summary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "runs": len(summary.runs),
        "seeds": [run.seed for run in summary.runs],
        "mean": summary.mean,
        "sd": summary.sd,
        "ci95": summary.ci95,
        **(_of_run_folders(summary) if summary.recall_mean else {}),
    }


def _of_run_folders(summary: Summary) -> dict[str, Any]:
    right = stack_correctness(summary.runs)
    return {
        "accuracy_mean": float(right.mean()),
        "accuracy_sd": spread(right),
        "accuracy_ci95": mean_interval(right, SHARE_BOUNDS, find_units(summary.runs)),
        "recall_mean": summary.recall_mean,
        "fit_seconds_median": summary.fit_seconds_median,
        "flops_per_image": summary.flops_per_image,
        "num_parameters": summary.num_parameters,
    }


def _pair(pair: Pair, question: Question) -> dict[str, Any]:
    content = {**asdict(pair), "differs_by_at_most": pair.differs_by_at_most, "verdict": word_verdict(pair, question)}
    del content["winner"]
    return content


def _write_pairs(path: Path, comparison: Comparison) -> None:
    copied = ("differs_by_at_most", "p", "p_adjusted", "p_holm", "p_equal", "method")
    noises = [f"training_noise_only_{name}" for name in ("ci95_low", "ci95_high", "p")]
    header = ["a", "b", "difference", "ci95_low", "ci95_high", *copied, "verdict", *noises, "detectable"]
    rows = []
    for pair in comparison.pairs:
        noise = pair.training_noise_only
        row = [pair.a, pair.b, pair.difference, *pair.ci95, *(getattr(pair, name) for name in copied)]
        row += [word_verdict(pair, comparison.question), *([*noise.ci95, noise.p] if noise else [""] * 3)]
        rows.append([*row, pair.power.detectable if pair.power else ""])
    write_csv(path, header, rows)
