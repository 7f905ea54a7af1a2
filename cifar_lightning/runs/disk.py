"""Files that are written whole or not at all, and folders that one process at a time may write to."""

import contextlib
import csv
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from cifar_lightning.runs.signals import signals_held

# The ending of a file that is being written.
UNFINISHED = ".unfinished"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds `path` to an OSError that names no file, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def locked(folder: Path, wait: bool, shared: bool = False) -> Iterator[None]:
    """Keeps out other processes that lock `folder` too; a `shared` lock keeps out only those that do not share it.

    The lock ends with its process. Where there are none (Windows, some network disks), nobody is kept out. Raises
    ValueError if another process has the lock and `wait` is false.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    descriptor, kind = os.open(folder, os.O_RDONLY), fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not wait:
                raise ValueError(
                    f"expected nobody else at work in {folder}, but another process is; wait for it or stop it"
                ) from error
            print(f"waiting for another process that writes into {folder}", file=sys.stderr)
            fcntl.flock(descriptor, kind)
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Calls `write` with a temporary file, and renames that file to `path` once it is whole and on the disk.

    Raises OSError if the disk is full or cannot be written; it names `path`, and an earlier file there is unchanged.
    """
    # In memory first: torch and Pillow each report a full disk in their own way.
    content = io.BytesIO()
    write(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = ""
    try:
        # A signal in between would leave behind a file whose name nobody knows.
        with signals_held():
            descriptor, temporary = tempfile.mkstemp(UNFINISHED, f".{path.name}.", path.parent)
        with naming(path), os.fdopen(descriptor, "wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        # Others cannot read what mkstemp makes.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    write_whole(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` in UTF-8, whole or not at all; file names that are none keep their bytes."""
    write_bytes(path, text.encode(errors="surrogateescape"))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table to `path`, whole or not at all; floats in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without the byte order mark that a spreadsheet adds."""
    return path.read_text(encoding="utf-8-sig")
