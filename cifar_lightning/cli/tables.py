"""Tables on the terminal, made from what is written to disk."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from cifar_lightning.printing import plain_console, print_prose
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.overfitting import describe_overfitting, validation_name
from cifar_lightning.runs.scores import Scores, SplitScores


def count(number: int, noun: str) -> str:
    """`1 seed`, `10 seeds`, `20,000 epochs`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def print_fit_summary(
    run: Path | None, why_not_kept: str | None, scores: dict[str, float], curves: Curves | None, lab_protocol: bool
) -> None:
    """Prints the end of a fit: the run folder, or why there is none, the last epoch, over-fitting, what is next."""
    names = {"train": "train", "val": validation_name(lab_protocol)}
    console = plain_console()
    if why_not_kept is None:
        console.print(f"run folder: {run}", soft_wrap=True)
    elif run is not None and run.is_dir():
        print_prose(console, f"no checkpoint was kept, since {why_not_kept}, but curves: {run}")
    else:
        print_prose(console, f"no run folder was kept, since {why_not_kept}")
    for split, name in names.items():
        if f"{split}/loss" in scores:
            # `test` measures the training accuracy anew, and so another one.
            when = " (mean over the epoch, as it learnt)" if split == "train" else ""
            accuracy = f"accuracy {scores[f'{split}/accuracy']:.4f}{when}"
            print_prose(console, f"{name}: loss {scores[f'{split}/loss']:.4f}, {accuracy}")
    if curves is not None and scores:
        print_prose(console, describe_overfitting(curves, names["val"]))
    if why_not_kept is None:
        console.print(f"next: cifar-lightning test --ckpt_path {shlex.quote(str(run))}", soft_wrap=True)


def print_scores(scores: Scores, run: Path | None) -> None:
    """Prints the per-class tables of train and test, as they are in `scores.json`."""
    console = plain_console()
    about = scores.run
    console.print(
        f"{about.strategy}, seed {about.seed}, {about.checkpoint} of epoch {about.epoch}"
        + (", lab protocol: the test split was drawn every epoch" if about.protocol == "lab" else "")
    )
    for split in ("train", "test"):
        title = "train, after the last epoch (fit reports the mean over it)" if split == "train" else split
        console.print(_split_table(title, scores.splits[split]))
    console.print(_robustness_table(scores.robustness))
    if run is not None:
        console.print(f"written to {run}", soft_wrap=True)
    else:
        console.print("nothing was written, since the checkpoint is in no run folder")


def _split_table(title: str, scores: SplitScores) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("class")
    for column in ("precision", "recall", "95 % interval", "f1", "images"):
        table.add_column(column, justify="right")
    for row in scores.classes:
        recall = _number(row.recall), _interval(row.recall_ci95)
        table.add_row(row.name, _number(row.precision), *recall, _number(row.f1), str(row.support))
    table.add_section()
    total = str(sum(row.support for row in scores.classes))
    table.add_row("accuracy", "", _number(scores.accuracy), _interval(scores.accuracy_ci95), "", total)
    if without := scores.without_duplicates:
        accuracy = _number(without.accuracy), _interval(without.accuracy_ci95)
        table.add_row("without duplicates", "", *accuracy, "", str(without.count))
    table.add_row("macro F1", "", "", "", _number(scores.macro_f1), "")
    table.add_row("loss", "", _number(scores.loss), "", "", "")
    return table


def _robustness_table(robustness: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="test, shifted and noisy", title_justify="left")
    table.add_column("shift, pixels")
    for column in ("accuracy", "same answer"):
        table.add_column(column, justify="right")
    table.add_column("noise, grey levels")
    table.add_column("accuracy", justify="right")
    noise = [*robustness["noise"].items()]
    for place, (distance, accuracy) in enumerate(robustness["shift"].items()):
        level, noisy = noise[place] if place < len(noise) else ("", None)
        same = robustness["shift_consistency"].get(distance, 1.0)
        table.add_row(distance, _number(accuracy), _number(same), level, "" if noisy is None else _number(noisy))
    return table


def _interval(bounds: list[float] | None) -> str:
    return "-" if bounds is None else f"{bounds[0]:.3f}-{bounds[1]:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
