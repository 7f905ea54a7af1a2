"""Files that a command is asked to write."""

from pathlib import Path


def check_output(option: str, path: Path, example: str) -> None:
    """Makes sure, before any work is done, that a file can stand at `path`.

    Raises:
        ValueError: if it is a folder, or would lie in a file.
    """
    if path.is_dir():
        raise ValueError(f"expected a file for {option}, but {path} is a folder; name one in it, as {path / example}")
    for parent in path.parents:
        if parent.exists():
            if not parent.is_dir():
                raise ValueError(f"expected a folder to put {option} {path} into, but {parent} is a file; name another")
            return
