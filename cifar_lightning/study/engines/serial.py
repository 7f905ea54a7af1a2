"""One run after another, in this process, with all cores or the GPU."""

from collections.abc import Iterator, Sequence

from cifar_lightning.study.engines import Execute, Outcome, attempt
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings


def make_runs(study: StudySettings, execute: Execute, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    for run in runs:
        yield Outcome(run, attempt(execute, run))
