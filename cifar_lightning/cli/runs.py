"""Lists the run folders below a path."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.runs.listing import ListedRun, list_runs

# The best, the longest and the newest run come first.
_SORTS: dict[str, Callable[[ListedRun], Any]] = {
    "folder": lambda run: 0,
    "strategy": lambda run: (run.strategy or "", run.seed or 0),
    "seed": lambda run: (run.seed or 0, run.strategy or ""),
    "epochs": lambda run: -run.epochs,
    "accuracy": lambda run: -(run.accuracy or 0),
    "when": lambda run: -run.when.timestamp(),
    "state": lambda run: run.state,
}
# The first words of the states.
_STATES = ("finished", "fitted", "unfinished", "unreadable")


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning runs", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "path", metavar="PATH", type=Path, nargs="?", default=Path("lightning_logs"), help="lightning_logs by default"
    )
    columns = ", ".join(_SORTS)
    parser.add_argument("--sort", metavar="COLUMN", choices=_SORTS, default="folder", help=f"{columns} (folder)")
    parser.add_argument("--strategy", metavar="NAMES", help="these strategies alone, as in maxpool,avgpool")
    parser.add_argument("--state", choices=_STATES, help="only runs in this state; fitted: not tested yet")
    parser.add_argument("--format", choices=("table", "csv"), default="table", help="csv has all numbers in full")
    options = parser.parse_args(arguments)
    names = options.strategy.split(",") if options.strategy else None
    listed = [
        one
        for one in sorted(list_runs([options.path]), key=_SORTS[options.sort])
        if (names is None or one.strategy in names) and one.state.startswith(options.state or "")
    ]
    if options.format == "csv":
        _print_csv(listed)
    else:
        _print_table(listed, options.path)
    return 0


def _print_csv(runs: Sequence[ListedRun]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    accuracy = ("accuracy", "accuracy_ci95_low", "accuracy_ci95_high")
    writer.writerow(("folder", "strategy", "seed", "epochs", "max_epochs", *accuracy, "when", "state"))
    for one in runs:
        when = one.when.isoformat(timespec="seconds")
        numbers = (one.seed, one.epochs, one.max_epochs, one.accuracy, *(one.accuracy_ci95 or (None, None)))
        writer.writerow((one.folder, one.strategy, *numbers, when, one.state))


def _print_table(runs: Sequence[ListedRun], path: Path) -> None:
    """Prints a line per run, however narrow the terminal is, so that `| grep` finds whole ones."""
    rows = [
        ("folder", "strategy", "seed", "epochs", "accuracy (95 %)", "when", "state"),
        *(_cells(one, path) for one in runs),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(run: ListedRun, path: Path) -> tuple[str, ...]:
    folder = path if run.folder == path else run.folder.relative_to(path)
    seed = "-" if run.seed is None else str(run.seed)
    epochs = str(run.epochs) if run.max_epochs in (None, run.epochs) else f"{run.epochs} of {run.max_epochs}"
    accuracy = "-"
    if run.accuracy is not None and run.accuracy_ci95 is not None:
        accuracy = f"{run.accuracy:.3f} ({run.accuracy_ci95[0]:.3f}-{run.accuracy_ci95[1]:.3f})"
    return str(folder), run.strategy or "-", seed, epochs, accuracy, f"{run.when:%Y-%m-%d %H:%M}", run.state
