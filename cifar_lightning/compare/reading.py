"""Finds and reads run folders."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_lightning.runs.overfitting import Curves
from cifar_lightning.runs.probes import ProbeShares
from cifar_lightning.runs.scores import Predictions


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: of the run.
        facts: `run` of its `scores.json`: strategy, seed, classes, protocol, epochs, checkpoint, epoch, ...
        test: its predictions of the test split.
        train: of the training pictures; None where the file is missing.
        probes: shifted and noisy pictures; None where the file is missing.
        curves: one entry an epoch; None where the file is missing.
    """

    folder: Path
    facts: dict[str, Any]
    test: Predictions
    train: Predictions | None
    probes: ProbeShares | None
    curves: Curves | None
