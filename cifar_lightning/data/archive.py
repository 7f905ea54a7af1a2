"""Files taken out of a tar.gz."""

import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path

from cifar_lightning.runs.disk import UNFINISHED, write_bytes

# The published files have 155 249 918, 31 049 707 and 1 473 bytes.
MAX_FILE_BYTES = 200_000_000


def extract(archive: Path, folder: Path, names: Collection[str]) -> None:
    """Brings those of the files `names` that `folder` lacks out of `archive`, where they are in a folder of that name.

    Nothing else is taken from the archive, and each file is written whole or not at all.

    Raises:
        ValueError: if the archive is broken or lacks a file. Links and files of more than 200 MB count as lacking.
    """
    for leftover in folder.glob(f".*{UNFINISHED}"):
        # A process that was killed left it; whoever extracts has locked the folder.
        leftover.unlink()
    try:
        contents = _read_members(archive, {f"{folder.name}/{name}" for name in names})
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"expected a whole {archive.name}, but {archive} is none ({error}); delete it to fetch it again"
        ) from error
    for name, content in contents.items():
        if not (path := folder.parent / name).exists():
            write_bytes(path, content)


def _read_members(archive: Path, names: Collection[str]) -> dict[str, bytes]:
    contents = {}
    with tarfile.open(archive, "r:gz") as tar:
        # To its end, so that a cut archive is noticed.
        for member in tar:
            if member.name in names and member.isfile() and member.size <= MAX_FILE_BYTES:
                content = tar.extractfile(member)
                assert content is not None
                contents[member.name] = content.read()
    if lacking := sorted(set(names) - contents.keys()):
        raise ValueError(f"it lacks {', '.join(lacking)}")
    return contents
