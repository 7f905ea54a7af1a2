"""Engines: planned runs in, finished run folders out.

An engine is a module of this package with a class `Engine`; `--engine` takes the name of the module.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cifar_lightning.study.planned_run import PlannedRun

if TYPE_CHECKING:
    from cifar_lightning.study.study_settings import StudySettings

# Makes one run, from whatever state its folder is in. It is sent to other processes by its name.
Execute = Callable[[PlannedRun], None]


class Outcome(NamedTuple):
    """A run that has ended; `error` is None where it is finished and tested."""

    run: PlannedRun
    error: BaseException | None


class Engine(Protocol):
    """Makes runs: a list of them at once, so that an engine may train many together, or elsewhere.

    Yields each run as it ends, in any order; one that fails does not stop the others. Stops everything that it started
    when its iterator is closed.

    Args:
        study: what the engine may need to know.
        execute: makes one run.
    """

    def __init__(self, study: "StudySettings", execute: Execute) -> None: ...

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]: ...


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


def load_engine(study: "StudySettings", execute: Execute) -> Engine:
    engine: Engine = importlib.import_module(f"{__name__}.{study.engine}").Engine(study, execute)
    return engine
