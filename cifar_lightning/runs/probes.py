"""What the probes of a test found, picture by picture, as `probes.csv`."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cifar_lightning.runs.columns import parse_columns, whole_numbers
from cifar_lightning.runs.folder import read_text, write_csv
from cifar_lightning.runs.scores import explain_damage

_NAME = re.compile(r"(shift|consistency|noise)_([1-9][0-9]{0,2})", re.ASCII)


class Probe(NamedTuple):
    """A kind of probe, `shift`, `consistency` or `noise`, and its level: pixels, or grey levels."""

    kind: str
    level: int

    @classmethod
    def parse(cls, name: str) -> "Probe":
        """The probe of that name, as `noise_16`.

        Raises:
            ValueError: if there is none.
        """
        named = _NAME.fullmatch(name)
        if named is None:
            raise ValueError(f"{name[:50]!r} is no probe as shift_1, consistency_1 or noise_16")
        return cls(named[1], int(named[2]))

    def __str__(self) -> str:
        return f"{self.kind}_{self.level}"


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
            ValueError: if the file is not whole, a value is no share, or a column is no probe or one that was before.
        """
        try:
            header, [indices, *shares] = parse_columns(read_text(path))
            if header[0] != "index":
                raise ValueError(f"its first column is {header[0][:50]!r} instead of 'index'")
            for place, name in enumerate(header[1:], 1):
                Probe.parse(name)
                if name in header[:place]:
                    raise ValueError(f"{name} stands twice")
            if not len(indices):
                raise ValueError("no row")
            if not all(((share >= 0) & (share <= 1)).all() for share in shares):
                raise ValueError("a share that is not within 0 and 1")
            return cls(whole_numbers(indices), dict(zip(header[1:], shares, strict=True)))
        except (ValueError, csv.Error) as error:
            reason = explain_damage(path.read_bytes(), error)
            raise ValueError(
                f"expected a file of probes, but {path} is damaged ({reason}); test that run again"
            ) from error

    @property
    def probes(self) -> list[Probe]:
        """In the order of the file."""
        return [Probe.parse(name) for name in self.shares]

    def robustness(self, accuracy: float) -> dict[str, Any]:
        """The means over pictures, as `robustness` in `scores.json`; `"0"` is the plain `accuracy`."""

        def means(kind: str) -> dict[str, float]:
            return {
                str(probe.level): float(self.shares[str(probe)].mean()) for probe in self.probes if probe.kind == kind
            }

        return {
            "shift": {"0": accuracy, **means("shift")},
            "shift_consistency": means("consistency"),
            "noise": {"0": accuracy, **means("noise")},
        }
