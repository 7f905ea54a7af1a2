"""Files taken out of a tar.gz that may hold anything."""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from cifar_lightning.runs.disk import naming

# The published files have 155 249 918, 31 049 707 and 1 473 bytes.
MAX_FILE_BYTES = 200_000_000
MAX_ARCHIVE_BYTES = 2 * MAX_FILE_BYTES  # unpacked


def extract(archive: Path, folder: Path, names: Iterable[str]) -> None:
    """Brings the files `names` of `archive` into `folder`, called as in the archive, all or none.

    Only plain files of these names are taken from the archive, whatever else it holds, and they are written
    under a temporary name beside `folder` first.

    Raises:
        ValueError: if the archive is broken, or lacks a file.
    """
    for leftover in folder.parent.glob(".extracting-*"):
        # Of a process that was killed: who extracts has locked the folder.
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extracting-") as scratch:
        try:
            _extract_members(archive, Path(scratch), folder.name, names)
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(
                f"expected a whole {archive.name}, but {archive} is none ({error}); delete it to fetch it again"
            ) from error
        if folder.exists():
            # Another process was faster, or the folder lacks a file that the archive has.
            for name in names:
                if not (folder / name).exists():
                    os.replace(Path(scratch, name), folder / name)
            return
        whole = Path(scratch, folder.name)
        whole.mkdir()
        for name in names:
            os.replace(Path(scratch, name), whole / name)
        try:
            os.rename(whole, folder)
        except OSError:
            if not all((folder / name).is_file() for name in names):
                raise


class _BoundedGzip(gzip.GzipFile):
    """An archive that unpacks to the size that it may have, and no further: a few bytes can stand for any number."""

    def read(self, size: int | None = -1) -> bytes:
        # Also in one piece: tarfile reads names and headers of any length at once.
        self._refuse_beyond(MAX_ARCHIVE_BYTES + 1 if size is None or size < 0 else self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._refuse_beyond(offset)
        return super().seek(offset, whence)

    def _refuse_beyond(self, position: int) -> None:
        if position > MAX_ARCHIVE_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_ARCHIVE_BYTES:,} bytes")


def _extract_members(archive: Path, folder: Path, prefix: str, names: Iterable[str]) -> None:
    wanted = {f"{prefix}/{name}": name for name in names}
    with _BoundedGzip(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
        for member in tar:
            name = wanted.pop(member.name, None)
            if name is None:
                continue
            if not member.isfile() or member.size > MAX_FILE_BYTES:
                raise ValueError(f"{member.name} is no plain file of at most {MAX_FILE_BYTES:,} bytes")
            content = tar.extractfile(member)
            assert content is not None
            with naming(folder / name), (folder / name).open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            if not wanted:
                # Only at its end does gzip compare the checksum of all that it unpacked.
                while unpacked.read(1 << 20):
                    pass
                return
    raise ValueError(f"it lacks {', '.join(sorted(wanted))}")
