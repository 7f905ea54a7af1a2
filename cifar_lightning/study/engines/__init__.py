"""Engines: planned runs in, finished run folders out.

An engine is a module of this package with a function `make_runs`; `--engine` takes the name of the module.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, NamedTuple

from cifar_lightning.study.planned_run import PlannedRun

if TYPE_CHECKING:
    from cifar_lightning.study.study_settings import StudySettings

# Makes one run, from whatever state its folder is in. It is sent to other processes by its name.
Execute = Callable[[PlannedRun], None]


class Outcome(NamedTuple):
    """A run that has ended; `error` is None where it is finished and tested."""

    run: PlannedRun
    error: BaseException | None


# The `make_runs` of an engine. It gets all runs at once, so that it may train many together, or elsewhere, and yields
# each as it ends, in any order; one that fails does not stop the others. When its iterator is closed, it stops all that
# it started.
Engine = Callable[["StudySettings", Execute, Sequence[PlannedRun]], Iterator[Outcome]]


def attempt(execute: Execute, run: PlannedRun) -> Exception | None:
    """Makes a run; returns what went wrong, so that a bug in one strategy's net ends none of the other runs."""
    try:
        execute(run)
    except Exception as error:
        return error
    return None


def with_traceback(error: BaseException | None) -> BaseException | None:
    """An error that takes its traceback along as text when it is sent to another process."""
    return error and ExceptionWithTraceback(error, error.__traceback__)


def list_engines() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_engine(name: str | None) -> Engine:
    engine: Engine = importlib.import_module(f"{__name__}.{name}").make_runs
    return engine
