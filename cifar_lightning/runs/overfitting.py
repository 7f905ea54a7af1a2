"""What the curves of a run say about over-fitting: numbers, and one line in words."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from cifar_lightning.runs.columns import parse_columns, whole_numbers
from cifar_lightning.runs.folder import describe_no_text, read_text
from cifar_lightning.runs.scores import explain_damage

# A loss this little above its lowest has not risen: from epoch to epoch it moves as much by chance.
_RISE_THAT_COUNTS = 0.05


def validation_name(lab_protocol: bool) -> str:
    """What the pictures of the second curve are called: in the lab's protocol they are the test split."""
    return "test (lab protocol)" if lab_protocol else "validation"


@dataclass(frozen=True)
class Curves:
    """The curves of a run, one entry an epoch; NaN where there was no value.

    `train_accuracy` is of the epoch's batches as they were learnt from, so early on it lags behind `val_accuracy`.

    Attributes:
        epochs: int (E,), counted from 1 as on the terminal and in `scores.json`; `curves.csv` counts from 0.
        train_loss: float64 (E,), 0 and more.
        train_accuracy: float64 (E,), 0..1.
        val_loss: float64 (E,), 0 and more.
        val_accuracy: float64 (E,), 0..1.
        seconds: float64 (E,), of fitting so far.
    """

    epochs: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    seconds: np.ndarray

    @classmethod
    def parse(cls, text: str) -> "Curves":
        """Reads the text of a `curves.csv`.

        Raises:
            ValueError: if a column is missing, a value is no number, or the epochs do not ascend.
        """
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
        try:
            # Cells are empty where there was no value, which is none that numpy reads.
            numbers = ("epoch", "seconds") if ",," in text or '""' in text else ("epoch", *names)
            header, values_of = parse_columns(text, lambda place, name: name not in numbers)
            columns = dict(zip(header, values_of, strict=True))
            if len(columns) < len(header):
                raise ValueError("a column stands twice")
            epochs = whole_numbers(columns["epoch"]) + 1
            if len(epochs) and (epochs[0] < 1 or (np.diff(epochs) < 1).any()):
                raise ValueError("epochs that do not ascend from 0")
            values = [
                columns[name] if name in numbers else np.array([float(value or "nan") for value in columns[name]])
                for name in names
            ]
            if any((of_name < 0).any() for of_name in values):
                raise ValueError("a loss, an accuracy or a time below 0")
            if any((of_name > 1 + 1e-6).any() for of_name in (values[1], values[3])):
                raise ValueError("an accuracy above 1")
            return cls(epochs, *values)
        except (KeyError, ValueError, csv.Error) as error:
            reason = explain_damage(text.encode(errors="surrogateescape"), error)
            raise ValueError(
                f"expected the curves of a run, one row an epoch, but they are damaged ({reason})"
            ) from error

    @classmethod
    def read(cls, path: Path) -> "Curves":
        """Reads a `curves.csv`.

        Raises:
            ValueError: as `parse`, or if it is no text; names the file.
        """
        try:
            return cls.parse(read_text(path))
        except UnicodeDecodeError as error:
            reason = describe_no_text(error)
            raise ValueError(
                f"expected the curves of a run, but {path} is damaged ({reason}); fit that run anew, or remove the file"
            ) from error
        except ValueError as error:
            raise ValueError(f"{error}, in {path}; fit that run anew, or remove the file") from error

    @property
    def best(self) -> int | None:
        """The place, 0..E-1, of the (first) lowest validation loss: the epoch of `best.ckpt`. None without any."""
        return int(np.nanargmin(self.val_loss)) if not np.isnan(self.val_loss).all() else None


def describe_loss(loss: float) -> str:
    """Three decimals; of a loss that has blown up three digits, as `3.21e+34`."""
    return f"{loss:.3f}" if loss < 1000 else f"{loss:.2e}"


def describe_overfitting(curves_csv_text: str, val_name: str = "validation") -> str:
    """One line: when the validation loss was lowest, how far it has risen since, and how the accuracies ended.

    Args:
        curves_csv_text: the text of a `curves.csv`.
        val_name: what the run calls validation: `test (lab protocol)` where the test split was drawn every epoch.
    """
    curves = Curves.parse(curves_csv_text)
    if not len(curves.epochs):
        return "no epoch is finished"
    if not np.isfinite(curves.train_loss[-1]):
        broken = curves.epochs[~np.isfinite(curves.train_loss)][0]
        return f"the training loss is no longer a number since epoch {broken}; try a smaller learning rate"
    if curves.best is None:
        return (
            f"no {val_name} loss to see over-fitting by; training loss {describe_loss(curves.train_loss[-1])}"
            f" and accuracy {100 * curves.train_accuracy[-1]:.1f} % at epoch {curves.epochs[-1]}"
        )
    # Validation may be rarer than epochs.
    validated = ~np.isnan(curves.val_loss)
    when = "the end" if validated[-1] else f"epoch {curves.epochs[validated][-1]}"
    seen = Curves(*(getattr(curves, field.name)[validated] for field in fields(Curves)))
    assert seen.best is not None
    return f"{_describe_loss(seen, seen.best, val_name)}; {_describe_accuracy(seen, when, val_name)}"


def _describe_loss(curves: Curves, best: int, val_name: str) -> str:
    lowest, last = (describe_loss(curves.val_loss[place]) for place in (best, -1))
    rise = curves.val_loss[-1] / curves.val_loss[best] - 1 if curves.val_loss[best] > 0 else np.inf
    when, end = curves.epochs[best], curves.epochs[-1]
    if len(curves.epochs) == 1:
        where = "after one epoch" if end == 1 else f"at epoch {end} alone"
        return f"{val_name} loss {last} {where}, too early to see over-fitting"
    if best == len(curves.epochs) - 1:
        return f"{val_name} loss still falling: {last} at epoch {end}, its lowest"
    if curves.val_loss[-1] <= (1 + _RISE_THAT_COUNTS) * curves.val_loss[best]:
        return f"{val_name} loss hardly rose: {lowest} at epoch {when}, {last} at epoch {end}"
    # Beyond tenfold the two losses say more than their ratio.
    percent = f" (+{100 * rise:.0f} %)" if rise < 10 else ""
    return f"{val_name} loss rose from {lowest} at epoch {when} to {last} at epoch {end}{percent}"


def _describe_accuracy(curves: Curves, when: str, val_name: str) -> str:
    train, val = 100 * curves.train_accuracy[-1], 100 * curves.val_accuracy[-1]
    gap = f"gap {train - val:.1f} points" if train >= val else f"{val_name} ahead by {val - train:.1f} points"
    return f"accuracy at {when}: train {train:.1f} %, {val_name} {val:.1f} % ({gap})"
