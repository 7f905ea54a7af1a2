"""Files that a command is asked to write."""

import os
from collections.abc import Iterable
from pathlib import Path

from cifar_lightning.runs import folder

# What an output begins with, by which an older one is known.
PREDICTIONS_START = b"file,predicted"
# Nobody has folders as deep, and Python makes them by recursion.
_MOST_LEVELS = 100
# Of a file or a folder, in bytes, on every usual disk.
LONGEST_NAME = 255
PNG_START = b"\x89PNG\r\n\x1a\n"


def check_output(option: str, path: Path, example: str, start: bytes) -> None:
    """Makes sure, before any work is done, that a file can stand at `path`, and that nothing else is lost by it.

    Args:
        option: what `path` is called on the command line.
        path: the file to write.
        example: a name for it, for who gave a folder.
        start: what such a file begins with: only one that does is replaced.

    Raises:
        ValueError: if it is a folder, or would lie in a file, or something else stands there.
    """
    if path.is_dir():
        raise ValueError(f"expected a file for {option}, but {path} is a folder; name one in it, as {path / example}")
    for parent in path.parents:
        if parent.exists():
            if not parent.is_dir():
                raise ValueError(f"expected a folder to put {option} {path} into, but {parent} is a file; name another")
            break
    # A link or a device is no output of ours, whatever stands behind it.
    if path.is_symlink() or (path.exists() and not (path.is_file() and _begins(path, start))):
        raise ValueError(f"expected a new file for {option}, or an older one of its kind, got {path}; name another")


def check_folder(option: str, path: Path) -> None:
    """Makes sure that there is a folder at `path`, or can be one.

    Raises:
        ValueError: if `path`, or what it would lie in, is a file, or it is nested too deeply.
    """
    if len(path.parts) > _MOST_LEVELS:
        raise ValueError(
            f"expected a folder for {option}, got one that is nested {len(path.parts)} levels deep; name another"
        )
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts) or "\0" in str(path):
        raise ValueError(
            f"expected a folder for {option}, with names of at most {LONGEST_NAME} bytes a level and no zero byte in"
            f" them, got {str(path)[:50]!r}; name another"
        )
    for place in (path, *path.parents):
        if place.exists():
            if not place.is_dir():
                within = "" if place == path else f", which {path} would lie in"
                raise ValueError(f"expected a folder for {option}, got the file {place}{within}; name a folder")
            break


def check_picture(option: str, path: Path, example: str, picture_folders: Iterable[Path]) -> None:
    """As `check_output` for a PNG file, which may lie neither in `picture_folders`, that are read, nor be of a run."""
    check_output(option, path, example, PNG_START)
    parents = path.resolve().parents
    # Directly in it, or among its checkpoints or curves.
    run_folders = list(parents)[:2]
    if any(pictures.resolve() in parents for pictures in picture_folders):
        raise ValueError(f"expected a file apart from the pictures for {option}, got {path}; name one elsewhere")
    if path.exists() and any(map(_is_run, run_folders)):
        raise ValueError(f"expected a file of its own for {option}, but {path} belongs to a run; name another")


def _begins(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _is_run(path: Path) -> bool:
    return (path / folder.CONFIG).is_file() and (path / folder.CHECKPOINTS).is_dir()
