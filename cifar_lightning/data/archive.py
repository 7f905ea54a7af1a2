"""Files taken out of a tar.gz."""

import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Collection
from pathlib import Path

from cifar_lightning.runs.disk import naming

# The published files have 155 249 918, 31 049 707 and 1 473 bytes.
MAX_FILE_BYTES = 200_000_000


def extract(archive: Path, folder: Path, names: Collection[str]) -> None:
    """Brings those of the files `names` that `folder` lacks out of `archive`, where they are in a folder of that name.

    Nothing else is taken from the archive, and each file is written whole or not at all.

    Raises:
        ValueError: if the archive is broken or lacks a file. Links and files of more than 200 MB count as lacking.
    """
    for leftover in folder.parent.glob(".extracting-*"):
        # A process that was killed left it; whoever extracts has locked the folder.
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extracting-") as scratch:
        try:
            _extract_members(archive, Path(scratch), {f"{folder.name}/{name}": name for name in names})
        except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(
                f"expected a whole {archive.name}, but {archive} is none ({error}); delete it to fetch it again"
            ) from error
        folder.mkdir(exist_ok=True)
        for name in names:
            if not (folder / name).exists():
                os.replace(Path(scratch, name), folder / name)


def _extract_members(archive: Path, folder: Path, wanted: dict[str, str]) -> None:
    with tarfile.open(archive, "r:gz") as tar:
        # To its end, so that a cut archive is noticed.
        for member in tar:
            if member.name in wanted and member.isfile() and member.size <= MAX_FILE_BYTES:
                path = folder / wanted[member.name]
                content = tar.extractfile(member)
                assert content is not None
                with naming(path), path.open("wb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
    if lacking := [member for member, name in wanted.items() if not (folder / name).exists()]:
        raise ValueError(f"it lacks {', '.join(lacking)}")
