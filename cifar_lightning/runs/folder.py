"""Names of the files in a run folder, and how run folders and checkpoints are found."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from cifar_lightning.runs.disk import UNFINISHED, locked

CONFIG = "config.yaml"
CURVES = "curves.csv"
SCORES = "scores.json"
PROBES = "probes.csv"
DUPLICATES = "duplicates.csv"
GROUPS = "groups.csv"
TEST_IMAGES = "test_images.png"
CHECKPOINTS = "checkpoints"
LAST_CHECKPOINT = "last.ckpt"
BEST_CHECKPOINT = "best.ckpt"
MISTAKES = "mistakes.png"
CONFUSION = "confusion.png"
RELIABILITY = "reliability.png"
CURVE_FIGURE = "curves.png"
EXPLANATION = "explained.png"


def predictions_name(split: str) -> str:
    """The name of the file with the predictions of a split."""
    return f"{split}_predictions.csv"


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Keeps other fits and tests out of a run folder, and removes the half-written files of a killed one.

    Raises ValueError if another process fits or tests this run. Raises OSError if the folder cannot be written.
    """
    run.mkdir(parents=True, exist_ok=True)
    with locked(run, wait=False):
        for folder in (run, run / CHECKPOINTS):
            for leftover in folder.glob(f".*{UNFINISHED}"):
                leftover.unlink()
        yield


def resolve_checkpoint(path: Path) -> Path:
    """The checkpoint file meant by `path`: itself, or `last.ckpt` of a run folder.

    Raises ValueError if there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"expected a checkpoint or a run folder, but there is no {path}; check --ckpt_path")
    checkpoint = path / CHECKPOINTS / LAST_CHECKPOINT
    best = path / CHECKPOINTS / BEST_CHECKPOINT
    if checkpoint.is_file():
        return checkpoint
    if best.is_file():
        raise ValueError(f"expected {checkpoint}, but it is gone; name {best}, the epoch of the lowest validation loss")
    raise ValueError(
        f"expected a run folder with {CHECKPOINTS}/{LAST_CHECKPOINT}, but {path} has none;"
        " name the folder version_N of a run"
    )


def find_run_folder(checkpoint: Path) -> Path | None:
    """The run folder that a checkpoint file is in, or None."""
    folder = checkpoint.absolute().parent.parent
    return folder if checkpoint.absolute().parent.name == CHECKPOINTS and (folder / CONFIG).is_file() else None


def find_versions(folder: Path) -> list[Path]:
    """The run folders `version_N` in `folder`, the highest N first."""
    numbers = [
        int(match[1])
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(r"version_(0|[1-9][0-9]*)", path.name)) and path.is_dir()
    ]
    return [folder / f"version_{number}" for number in sorted(numbers, reverse=True)]


def count_epochs(run: Path) -> int:
    """The number of a run's finished epochs, by its `curves.csv`."""
    curves = run / CURVES
    return max(0, curves.read_bytes().count(b"\n") - 1) if curves.is_file() else 0
