"""Engines: planned runs in, finished run folders out.

An engine is a module of this package with a class `Engine`; `--engine` takes the name of the module.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from cifar_lightning.study.planned_run import PlannedRun

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

    def __init__(self, num_workers: int, execute: Execute) -> None: ...

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]: ...


def list_engines() -> list[str]:
    """The names of the engines."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_engine(name: str, num_workers: int, execute: Execute) -> Engine:
    """The engine of that name, which makes runs by `execute`, `num_workers` at a time."""
    engine: Engine = importlib.import_module(f"{__name__}.{name}").Engine(num_workers, execute)
    return engine
