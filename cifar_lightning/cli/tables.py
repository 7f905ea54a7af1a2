"""Tables on the terminal, made from what is written to disk."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def print_fit_summary(run: Path, scores: dict[str, float], lab_protocol: bool) -> None:
    """The end of a fit: run folder, last epoch's scores, what to type next."""
    names = {"train": "train", "val": "test (lab protocol)" if lab_protocol else "validation"}
    console = Console(highlight=False)
    console.print(f"run folder: {run}", soft_wrap=True)
    for split, name in names.items():
        if f"{split}/loss" in scores:
            console.print(f"{name}: loss {scores[f'{split}/loss']:.4f}, accuracy {scores[f'{split}/accuracy']:.4f}")
    console.print(f"next: cifar-lightning test --ckpt_path {run}", soft_wrap=True)


def print_scores(scores: dict[str, Any], run: Path | None) -> None:
    """The per-class table of train and test, as it stands in `scores.json`."""
    console = Console(highlight=False)
    about = scores["run"]
    console.print(
        f"{about['strategy']}, seed {about['seed']}, {about['checkpoint']} of epoch {about['epoch']}"
        + (", lab protocol: the test split was drawn every epoch" if about["protocol"] == "lab" else "")
    )
    for split in ("train", "test"):
        console.print(_split_table(split, scores["splits"][split]))
    if run is not None:
        console.print(f"written to {run}", soft_wrap=True)


def _split_table(split: str, scores: dict[str, Any]) -> Table:
    table = Table(title=split, title_justify="left")
    table.add_column("class")
    for column in ("precision", "recall", "f1", "pictures"):
        table.add_column(column, justify="right")
    for row in scores["classes"]:
        table.add_row(row["name"], *(_number(row[key]) for key in ("precision", "recall", "f1")), str(row["support"]))
    table.add_section()
    total = str(sum(row["support"] for row in scores["classes"]))
    table.add_row("accuracy", "", _number(scores["accuracy"]), "", total)
    table.add_row("macro F1", "", "", _number(scores["macro_f1"]), "")
    table.add_row("loss", "", f"{scores['loss']:.3f}", "", "")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
