"""Errors of the user's own code: a net, a source or a callback of theirs."""

import contextlib
import linecache
import os
import traceback
from pathlib import Path
from types import FrameType, TracebackType

DEBUG_VARIABLE = "CIFAR_LIGHTNING_DEBUG"

_PACKAGE = Path(__file__).resolve().parent.parent
_STANDARD_LIBRARY = Path(os.__file__).parent


class OnlyOwnFrames(contextlib.AbstractContextManager[None]):
    """Keeps only the user's own frames in the traceback of an error of their code, and none in a ValueError of ours.

    `CIFAR_LIGHTNING_DEBUG=1` keeps all.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or os.environ.get(DEBUG_VARIABLE) == "1":
            return
        *_, (last, line) = traceback.walk_tb(trace)
        is_raised = linecache.getline(last.f_code.co_filename, line).lstrip().startswith("raise")
        if isinstance(error, ValueError) and _is_ours(last) and is_raised:
            error.__traceback__, error.__cause__ = None, None
        elif is_of_own_code(trace):
            keep_own_frames(error)


def is_of_own_code(trace: TracebackType | None) -> bool:
    """Whether the user's code raised the error, or called the library that did."""
    written = [frame for frame, _ in traceback.walk_tb(trace) if not is_of_library(frame)]
    return bool(written) and not _is_ours(written[-1])


def keep_own_frames(error: BaseException | None) -> None:
    """Leaves the user's frames alone in the tracebacks of `error` and of what it came from."""
    while error is not None:
        own = None
        for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
            if not is_of_library(frame) and not _is_ours(frame):
                own = TracebackType(own, frame, frame.f_lasti, line)
        error.__traceback__ = own
        error = error.__cause__ or error.__context__


def is_of_library(frame: FrameType) -> bool:
    """Whether the frame is of an installed package or of Python, or has no source text."""
    name = frame.f_code.co_filename
    path = Path(name)
    return (
        _STANDARD_LIBRARY in path.parents
        or bool({"site-packages", "dist-packages"} & set(path.parts))
        # Code that a library has made; a notebook's cell is known to `linecache`.
        or not linecache.getlines(name)
    )


def _is_ours(frame: FrameType) -> bool:
    return _PACKAGE in Path(frame.f_code.co_filename).parents
