"""What processes that share a disk need: errors that say where, and folders that are theirs for a while."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Lets an OSError of this block that does not say where, as that of a full disk, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def locked(folder: Path, wait: bool) -> Iterator[None]:
    """Keeps out other processes that lock `folder` too. The lock ends with its process, in whatever way that ends.

    Where there are no such locks (Windows, some network disks), nobody is kept out.

    Raises:
        BlockingIOError: if another process has the lock, unless `wait` says to wait for it.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            print(f"waiting for another process that writes into {folder}", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)
