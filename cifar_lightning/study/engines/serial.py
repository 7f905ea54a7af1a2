"""One run after another, in this process, with all cores or the GPU."""

from collections.abc import Iterator, Sequence

from cifar_lightning.study.engines import Execute, Outcome, attempt
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings


class Engine:
    def __init__(self, study: StudySettings, execute: Execute) -> None:
        self._execute = execute

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
        for run in runs:
            yield Outcome(run, attempt(self._execute, run))
