"""What the probes of a test found, picture by picture, as `probes.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.runs.folder import read_csv, write_csv
from cifar_lightning.runs.scores import explain_damage


@dataclass(frozen=True)
class ProbeShares:
    """Shares of right, or unchanged, answers.

    Attributes:
        indices: int (N,): place of each picture in the source's test split as published.
        shares: by the name of the probe (`shift_1`, `consistency_1`, `noise_8`, ...), float64 (N,), 0..1.
    """

    indices: np.ndarray
    shares: Mapping[str, np.ndarray]

    def write(self, path: Path) -> None:
        """Writes `index,<probe 1>,<probe 2>,...`, numbers in full."""
        columns = (self.indices, *self.shares.values())
        write_csv(path, ["index", *self.shares], zip(*(column.tolist() for column in columns), strict=True))

    @classmethod
    def read(cls, path: Path) -> "ProbeShares":
        """Reads what `write` wrote.

        Raises:
            ValueError: if the file is not whole, or a value is no share.
        """
        try:
            header, rows = read_csv(path)
            columns = zip(*rows, strict=True)
            indices = np.array([int(value) for value in next(columns)], np.int64)
            shares = [np.array([float(value) for value in column]) for column in columns]
            if not all(((share >= 0) & (share <= 1)).all() for share in shares):
                raise ValueError("a share that is not within 0 and 1")
            return cls(indices, dict(zip(header[1:], shares, strict=True)))
        except (ValueError, StopIteration, OverflowError, csv.Error) as error:
            reason = explain_damage(path.read_bytes(), error)
            raise ValueError(
                f"expected a file of probes, but {path} is damaged ({reason}); test that run again"
            ) from error

    def robustness(self, accuracy: float) -> dict[str, Any]:
        """The means over pictures, as `robustness` in `scores.json`; `"0"` is the plain `accuracy`."""

        def means(probe: str) -> dict[str, float]:
            prefix = probe + "_"
            return {
                name.removeprefix(prefix): float(share.mean())
                for name, share in self.shares.items()
                if name.startswith(prefix)
            }

        return {
            "shift": {"0": accuracy, **means("shift")},
            "shift_consistency": means("consistency"),
            "noise": {"0": accuracy, **means("noise")},
        }
