"""How the answers hold under shifts and noise, image by image: `probes.csv`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from cifar_lightning.runs.table import StoredTable


class Probe(NamedTuple):
    """A kind of probe, `shift`, `consistency` or `noise`, and its level: pixels, or grey levels."""

    kind: str
    level: int

    @classmethod
    def parse(cls, name: str) -> "Probe":
        """The probe with this name, such as `noise_16`. Raises ValueError if it is none."""
        kind, _, level = name.partition("_")
        if kind not in ("shift", "consistency", "noise") or not level.isdecimal():
            raise ValueError(f"{name[:50]!r} is not a probe such as shift_1, consistency_1 or noise_16")
        return cls(kind, int(level))

    def __str__(self) -> str:
        return f"{self.kind}_{self.level}"


@dataclass(frozen=True)
class ProbeShares(StoredTable):
    """For each probe and image, the share of draws that left the answer right, or unchanged.

    Attributes:
        indices: int (N,), the place of each image in the source's test split as published.
        shares: float64 (N,), 0..1, by the name of the probe (`shift_1`, `consistency_1`, `noise_8`, ...).
    """

    indices: np.ndarray
    shares: Mapping[str, np.ndarray]

    content: ClassVar[str] = "probes"
    kinds: ClassVar[dict[str, str]] = {"index": "i8"}

    @property
    def columns(self) -> dict[str, np.ndarray]:
        return {"index": self.indices, **self.shares}

    @classmethod
    def from_columns(cls, columns: dict[str, np.ndarray]) -> "ProbeShares":
        indices = columns.pop("index")
        for name in columns:
            Probe.parse(name)
        return cls(indices, columns)

    @property
    def probes(self) -> list[Probe]:
        """The probes in the order of the file."""
        return [Probe.parse(name) for name in self.shares]

    def robustness(self, accuracy: float) -> dict[str, dict[str, float]]:
        """The means over images, as `robustness` in `scores.json`; level `"0"` is the plain `accuracy`."""

        def means(kind: str) -> dict[str, float]:
            return {
                str(probe.level): float(self.shares[str(probe)].mean()) for probe in self.probes if probe.kind == kind
            }

        return {
            "shift": {"0": accuracy, **means("shift")},
            "shift_consistency": means("consistency"),
            "noise": {"0": accuracy, **means("noise")},
        }
