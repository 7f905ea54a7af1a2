"""`scores.json`: what a tested run was, and how well it answers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cifar_lightning.runs.disk import read_text, write_text

FORMAT = 1


@dataclass(frozen=True)
class RunFacts:
    """What the run was.

    Attributes:
        strategy: the name of what a study compares.
        classes: the class names in the order of the config.
        protocol: `holdout`, or `lab` where the test split was drawn every epoch.
        epochs: the number of epochs that the run was to have.
        checkpoint, epoch: the name of the tested checkpoint, and the number of its epochs.
        batch_size: the number of images per training step.
        num_parameters: the number of weights of the net.
        flops_per_image: floating point operations per image, forward and backward.
        pixels_seen: how many pixels of an image reach the answer.
        device, processor: the type of device that `test` ran on, and its name (None if unknown).
        fit_seconds: seconds of the fit up to the tested epoch; None if unknown.
        versions: the versions of torch, lightning and cifar_lightning.
    """

    strategy: str
    seed: int
    classes: list[str]
    protocol: str
    epochs: int
    checkpoint: str
    epoch: int
    batch_size: int
    num_parameters: int
    flops_per_image: int
    pixels_seen: int
    device: str
    fit_seconds: float | None
    versions: dict[str, str]
    processor: str | None = None


@dataclass(frozen=True)
class ClassScores:
    """The scores of one class, 0..1; `recall`, `f1` and the interval are None for a class without images."""

    name: str
    precision: float
    recall: float | None
    f1: float | None
    support: int
    recall_ci95: list[float] | None


@dataclass(frozen=True)
class ScoresWithout:
    """The accuracy over the `count` images that have no near-duplicate; None where there are no such images."""

    count: int
    accuracy: float | None
    accuracy_ci95: list[float] | None


@dataclass(frozen=True)
class SplitScores:
    """The scores of one split; `confusion_matrix` has a row per true class and a column per answer."""

    loss: float
    accuracy: float
    accuracy_ci95: list[float]
    macro_f1: float
    classes: list[ClassScores]
    confusion_matrix: list[list[int]]
    without_duplicates: ScoresWithout | None = None


@dataclass(frozen=True)
class Scores:
    """All of `scores.json`.

    Attributes:
        splits: the scores of `train`, `val` (where there is a validation share) and `test`.
        robustness: test accuracy by kind of probe and level, see `ProbeShares.robustness`.
    """

    run: RunFacts
    splits: dict[str, SplitScores]
    robustness: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        content = {"format": FORMAT, **asdict(self)}
        for split in content["splits"].values():
            if split["without_duplicates"] is None:
                del split["without_duplicates"]
        return content

    def write(self, path: Path) -> None:
        write_text(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Scores":
        """Reads what `write` wrote. Raises ValueError if the file is not the scores of a run."""
        try:
            content = json.loads(read_text(path))
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}")
            splits = {name: _read_split(split) for name, split in content["splits"].items()}
            return cls(RunFacts(**content["run"]), splits, content["robustness"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"expected the scores of a run in format {FORMAT}, but {path} is damaged or of another version"
                f" ({' '.join(str(error).split())[:200]}); test that run again"
            ) from error


def _read_split(content: dict[str, Any]) -> SplitScores:
    without = content.get("without_duplicates")
    classes = [ClassScores(**scores) for scores in content["classes"]]
    return SplitScores(**{**content, "classes": classes, "without_duplicates": without and ScoresWithout(**without)})
