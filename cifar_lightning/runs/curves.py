"""The curves of a run over its epochs, `curves.csv`, and those of several runs together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from cifar_lightning.runs.table import StoredTable

COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
# The comma before an empty cell: a quantity that was not measured in that epoch.
_EMPTY = re.compile(r",(?=,|\r?$)", re.MULTILINE)


@dataclass(frozen=True)
class Curves(StoredTable):
    """The curves of a run, one entry per epoch; NaN where there was no value.

    `train_accuracy` is measured on the epoch's batches as they are learnt from, so early on it lags behind
    `val_accuracy`.

    Attributes:
        epochs: int (E,), counted from 1.
        train_loss, val_loss: float64 (E,), 0 and more.
        train_accuracy, val_accuracy: float64 (E,), 0..1.
        seconds: float64 (E,), seconds of fitting so far.
    """

    epochs: np.ndarray
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    seconds: np.ndarray

    content: ClassVar[str] = "curves, one row per epoch"
    kinds: ClassVar[dict[str, str]] = {"epoch": "i8"}

    @property
    def columns(self) -> dict[str, np.ndarray]:
        return dict(zip(COLUMNS, (getattr(self, field.name) for field in fields(self)), strict=True))

    @classmethod
    def from_columns(cls, columns: dict[str, np.ndarray]) -> "Curves":
        return cls(*(columns[name] for name in COLUMNS))

    @classmethod
    def parse(cls, text: str) -> "Curves":
        return super().parse(_EMPTY.sub(",nan", text))

    @property
    def best(self) -> int | None:
        """The place, 0..E-1, of the first lowest validation loss, the epoch of `best.ckpt`. None without any."""
        return int(np.nanargmin(self.val_loss)) if not np.isnan(self.val_loss).all() else None


@dataclass(frozen=True)
class Band:
    """The mean, lowest and highest value of a quantity over the runs, each float64 (E,), and the epochs, int (E,)."""

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def find_band(runs: Sequence[Curves], column: str) -> Band | None:
    """The band of a column of `curves.csv` over the epochs in which all runs have it; None where there are none."""
    common = min((curves.epochs for curves in runs), key=len)
    values = np.stack([curves[column][: len(common)] for curves in runs])
    seen = np.isfinite(values).all(axis=0)
    values = values[:, seen]
    return Band(common[seen], values.mean(axis=0), values.min(axis=0), values.max(axis=0)) if seen.any() else None
