"""Errors that arise in what the settings name: a net, a source or a callback of the user's own, an optimiser."""

import os
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from cifar_lightning.cli.configs import PACKAGE

# Where the classes of a setting live, and what stands between those and the net.
_CHOSEN = {
    "torch.optim.lr_scheduler": "a model.scheduler",
    "torch.optim.": "a model.optimizer",
    "lightning.pytorch.callbacks.": "trainer.callbacks",
}
_CALLERS = ("torch.autograd", "lightning.pytorch.loops", "lightning.pytorch.trainer")
_STANDARD_LIBRARY = Path(os.__file__).parent


class OwnCodeNamed:
    """Lets an error that arose in a file of the user's, or in a library that it called, be one sentence with its place.

    An optimiser, a scheduler or a callback of torch's or Lightning's, which the settings chose, is named.

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
        if (chosen := _find_chosen(error)) is not None:
            setting, name = chosen
            raise ValueError(
                f"expected {setting} that can train this net, but {name} fails ({reason}); choose another, or other"
                " arguments"
            ) from error
        if (place := _find_own_code(error)) is not None:
            raise ValueError(f"{_describe(*place)} ({reason}); fix it") from error


def _find_chosen(error: Exception) -> tuple[str, str] | None:
    """The setting that chose a class of torch or Lightning, and the name of that class, if the error arose in it.

    None if it arose in what that one called: an optimiser calls the net and its backward pass.
    """
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module, of_class = frame.f_globals.get("__name__", ""), type(frame.f_locals.get("self"))
        for home, setting in _CHOSEN.items():
            if module.startswith(home) and of_class.__module__.startswith(home):
                return setting, of_class.__name__
        if not module.startswith(("torch.", "lightning.")) or module.startswith(_CALLERS):
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
