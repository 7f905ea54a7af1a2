"""Errors that arise in code of the user's own: in a net, a source or a callback that the settings name."""

import os
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from cifar_lightning.cli.configs import PACKAGE

_STANDARD_LIBRARY = Path(os.__file__).parent


class OwnCodeNamed:
    """Lets an error that arose in a file of the user's, or in a library that it called, be one sentence with its place.

    One that arose in this package passes as it is: a bug is to show itself. So do those of the machine.

    Raises:
        ValueError: in place of the user's error.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        of_machine = isinstance(error, OSError | MemoryError) or type(error).__name__ == "OutOfMemoryError"
        place = _find_own_code(error) if isinstance(error, Exception) and not of_machine else None
        if place is not None:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300].removesuffix(":")
            raise ValueError(f"{_describe(*place)} ({reason}); fix it") from error


def _find_own_code(error: Exception) -> tuple[FrameType, int] | None:
    """The innermost frame that is no library's, and its line; None if it is of this package."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = Path(frame.f_code.co_filename)
        if PACKAGE in file.parents:
            return None
        # `<string>` and the like are code that a library has written.
        is_library = _STANDARD_LIBRARY in file.parents or {"site-packages", "dist-packages"} & set(file.parts)
        if not is_library and file.is_file():
            return frame, line
    return None


def _describe(frame: FrameType, line: int) -> str:
    file, here = Path(frame.f_code.co_filename), Path.cwd()
    name = type(frame.f_locals["self"]).__name__ if "self" in frame.f_locals else frame.f_globals["__name__"]
    return f"{name} failed in {file.relative_to(here) if here in file.parents else file}, line {line}"
