"""Paths of a run folder, and files that are written whole or not at all."""

import contextlib
import csv
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from cifar_lightning.disk import locked, naming
from cifar_lightning.runs.signals import signals_held

CONFIG = "config.yaml"
CURVES = "curves.csv"
SCORES = "scores.json"
PROBES = "probes.csv"
DUPLICATES = "duplicates.csv"
TEST_PICTURES = "test_pictures.png"
CHECKPOINTS = "checkpoints"
LAST_CHECKPOINT = "last.ckpt"
BEST_CHECKPOINT = "best.ckpt"
MISTAKES = "mistakes.png"
CONFUSION = "confusion.png"
RELIABILITY = "reliability.png"
CURVE_FIGURE = "curves.png"


def predictions_name(split: str) -> str:
    """Name of the file with the predictions of a split."""
    return f"{split}_predictions.csv"


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Takes what `write` writes into a temporary file, and moves it to `path` once it is whole and on the disk.

    Raises:
        OSError: that names its place, if the disk is full or cannot be written; a former `path` is as it was.
    """
    # In memory first: how a full disk is told would else be up to torch and Pillow.
    content = io.BytesIO()
    write(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = ""
    try:
        # A signal right after the file was made would leave it, with nobody who knows its name.
        with signals_held():
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with naming(path), os.fdopen(descriptor, "wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that nobody else can read; run folders are for sharing.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            # The reader of the message knows no temporary file.
            error.filename, error.filename2 = str(path), None
        raise


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Keeps other fits and tests out of a run folder, and clears away what a killed one has left half written.

    Raises:
        ValueError: if another process fits or tests it.
        OSError: if it cannot be written.
    """
    run.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(run, wait=False))
        except BlockingIOError as error:
            raise ValueError(
                f"expected a run that has stopped, but another process goes on with {run}; wait for it or stop it"
            ) from error
        figures = TEST_PICTURES, MISTAKES, CONFUSION, RELIABILITY, CURVE_FIGURE
        tables = CURVES, PROBES, DUPLICATES, *map(predictions_name, ("train", "val", "test"))
        checkpoints = f"{CHECKPOINTS}/{LAST_CHECKPOINT}", f"{CHECKPOINTS}/{BEST_CHECKPOINT}"
        for file in (CONFIG, SCORES, *tables, *figures, *checkpoints):
            path = run / file
            for leftover in path.parent.glob(f".{path.name}.*"):
                leftover.unlink()
        yield


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path`, whole or not at all; names of files that are no UTF-8 by the bytes that they have."""
    write_whole(path, lambda file: file.write(text.encode(errors="surrogateescape")))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table to `path`, whole or not at all; floats in full, so that they are read back to the last bit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, without the mark that a spreadsheet puts before it."""
    return path.read_text(encoding="utf-8-sig")


def describe_no_text(error: UnicodeDecodeError) -> str:
    """By its line what of a file could not be decoded."""
    return f"line {error.object[: error.start].count(bytes([10])) + 1} is no text in UTF-8"


def resolve_checkpoint(path: Path) -> Path:
    """The checkpoint file meant by `path`: itself, or `last.ckpt` of a run folder.

    Raises:
        ValueError: if there is none.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"expected a checkpoint or a run folder, but there is no {path}; check --ckpt_path")
    checkpoint = path / CHECKPOINTS / LAST_CHECKPOINT
    best = path / CHECKPOINTS / BEST_CHECKPOINT
    if not checkpoint.is_file() and best.is_file():
        raise ValueError(f"expected {checkpoint}, but it is gone; name {best}, the epoch of the lowest validation loss")
    if not checkpoint.is_file():
        raise ValueError(
            f"expected a run folder with {CHECKPOINTS}/{LAST_CHECKPOINT}, but {path} has none;"
            " name the folder version_N of a run"
        )
    return checkpoint


def find_run_folder(checkpoint: Path) -> Path | None:
    """The run folder that a checkpoint file lies in, or None."""
    folder = checkpoint.absolute().parent.parent
    return folder if checkpoint.absolute().parent.name == CHECKPOINTS and (folder / CONFIG).is_file() else None


def find_versions(folder: Path) -> list[Path]:
    """The run folders `version_N` in `folder`, the one with the highest N first."""
    numbers = [
        int(match[1])
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := re.fullmatch(r"version_(0|[1-9][0-9]*)", path.name)) and path.is_dir()
    ]
    return [folder / f"version_{number}" for number in sorted(numbers, reverse=True)]


def count_epochs(run: Path) -> int:
    """The epochs of a run that are finished and on the disk, by its `curves.csv`."""
    curves = run / CURVES
    return max(0, curves.read_bytes().count(b"\n") - 1) if curves.is_file() else 0
