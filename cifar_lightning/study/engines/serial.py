"""One run after another, in this process."""

from collections.abc import Iterator, Sequence

from cifar_lightning.study.engines import Execute, Outcome
from cifar_lightning.study.planned_run import PlannedRun


class Engine:
    """Makes one run at a time, with all cores or the GPU.

    Args:
        num_workers: always 1.
        execute: makes one run.
    """

    def __init__(self, num_workers: int, execute: Execute) -> None:
        self._execute = execute

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
        for run in runs:
            try:
                self._execute(run)
            # A bug in one strategy's net ends that run, and none of the others.
            except Exception as error:
                yield Outcome(run, error)
            else:
                yield Outcome(run, None)
