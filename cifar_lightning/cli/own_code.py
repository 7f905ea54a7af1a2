"""Errors that arise in what the settings name: a net, a source or a callback of the user's own, an optimiser."""

import os
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from cifar_lightning.cli.configs import PACKAGE

_STANDARD_LIBRARY = Path(os.__file__).parent


class OwnCodeNamed:
    """Lets an error that arose in a file of the user's, or in a library that it called, be one sentence with its place.

    One of torch's optimisers or schedulers, which the settings chose, is named.

    One that arose in this package passes as it is: a bug is to show itself. So do those of the machine.

    Raises:
        ValueError: in place of the user's error.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        of_machine = isinstance(error, OSError | MemoryError) or type(error).__name__ == "OutOfMemoryError"
        if not isinstance(error, Exception) or of_machine:
            return
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300].removesuffix(":")
        if (chosen := _find_optimizer(error)) is not None:
            setting = "model.scheduler" if chosen.__module__ == "torch.optim.lr_scheduler" else "model.optimizer"
            raise ValueError(
                f"expected a {setting} that can train this net, but {chosen.__name__} fails ({reason}); choose another,"
                " or other arguments"
            ) from error
        if (place := _find_own_code(error)) is not None:
            raise ValueError(f"{_describe(*place)} ({reason}); fix it") from error


def _find_optimizer(error: Exception) -> type | None:
    """The class of torch's optimiser or scheduler that the error arose in; None if it arose in what that one called."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("torch.optim.") and type(frame.f_locals.get("self")).__module__.startswith("torch.optim."):
            return type(frame.f_locals["self"])
        # The net and its backward pass are called by the optimiser.
        if not module.startswith("torch.") or module.startswith("torch.autograd"):
            return None
    return None


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
