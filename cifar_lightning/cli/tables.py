"""Tables on the terminal, made from what is written to disk."""

from collections.abc import Mapping
from pathlib import Path

from rich.table import Column, Table

from cifar_lightning.printing import plain_console
from cifar_lightning.runs.scores import Scores, SplitScores


def numbers(*headers: str) -> list[Column]:
    """Columns of numbers: aligned right."""
    return [Column(header, justify="right") for header in headers]


def print_scores(scores: Scores, run: Path | None) -> None:
    """Prints the per-class tables of train and test, as they are in `scores.json`."""
    console = plain_console()
    about = scores.run
    console.print(
        f"{about.strategy}, seed {about.seed}, {about.checkpoint} of epoch {about.epoch}"
        + (", lab protocol: the test split was drawn every epoch" if about.protocol == "lab" else "")
    )
    console.print(_split_table("train, after the last epoch (fit reports the mean over it)", scores.splits["train"]))
    console.print(_split_table("test", scores.splits["test"]))
    console.print(_robustness_table(scores.robustness))
    written = f"written to {run}" if run else "not written: the checkpoint is not in a run folder"
    console.print(written, soft_wrap=True)


def _split_table(title: str, scores: SplitScores) -> Table:
    columns = numbers("precision", "recall", "95 % interval", "f1", "images")
    table = Table("class", *columns, title=title, title_justify="left")
    for row in scores.classes:
        recall = _number(row.recall), _interval(row.recall_ci95)
        table.add_row(row.name, _number(row.precision), *recall, _number(row.f1), str(row.support))
    table.add_section()
    total = str(sum(row.support for row in scores.classes))
    table.add_row("accuracy", "", _number(scores.accuracy), _interval(scores.accuracy_ci95), "", total)
    if without := scores.without_duplicates:
        accuracy = _number(without.accuracy), _interval(without.accuracy_ci95)
        table.add_row("without duplicates", "", *accuracy, "", str(without.count))
    table.add_row("macro F1", "", "", "", _number(scores.macro_f1))
    table.add_row("loss", "", _number(scores.loss))
    return table


def _robustness_table(robustness: Mapping[str, Mapping[str, float]]) -> Table:
    shifted, noisy = numbers("accuracy", "same answer"), numbers("accuracy")
    title = "test, shifted and noisy"
    table = Table("shift, pixels", *shifted, "noise, grey levels", *noisy, title=title, title_justify="left")
    noise = iter(robustness["noise"].items())
    for distance, accuracy in robustness["shift"].items():
        same = robustness["shift_consistency"].get(distance, 1.0)
        level, of_noise = next(noise, ("", None))
        beside = "" if of_noise is None else _number(of_noise)
        table.add_row(distance, _number(accuracy), _number(same), level, beside)
    return table


def _interval(bounds: list[float] | None) -> str:
    return "-" if bounds is None else f"{bounds[0]:.3f}-{bounds[1]:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
