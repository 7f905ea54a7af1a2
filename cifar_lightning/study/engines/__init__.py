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
    """

    def __init__(self, study: "StudySettings", execute: Execute) -> None: ...

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]: ...


def attempt(execute: Execute, run: PlannedRun) -> Exception | None:
    """Makes a run; returns what went wrong. A bug in one strategy's net ends that run, and none of the others."""
    try:
        execute(run)
    except Exception as error:
        return error
    return None


def with_traceback(error: BaseException | None) -> BaseException | None:
    """An error to be sent to another process, which takes its traceback along as text."""
    return error and ExceptionWithTraceback(error, error.__traceback__)


def list_engines() -> list[str]:
    """The names of the engines."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_engine(study: "StudySettings", execute: Execute) -> Engine:
    """The engine that a study asks for, which makes runs by `execute`."""
    engine: Engine = importlib.import_module(f"{__name__}.{study.engine}").Engine(study, execute)
    return engine
