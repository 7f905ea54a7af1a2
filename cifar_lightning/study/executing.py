"""Runs a study."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cifar_lightning.runs.disk import locked
from cifar_lightning.runs.folder import CONFIG
from cifar_lightning.runs.run import Run, load_run
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.study.engines import Outcome, load_engine
from cifar_lightning.study.mean_curves import write_mean_curves
from cifar_lightning.study.one_run import fit_and_test
from cifar_lightning.study.plan import plan_runs
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_progress import StudyProgress
from cifar_lightning.study.study_settings import StudySettings, read_study
from cifar_lightning.training.experiment import Config, to_arguments
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.saved_settings import refuse_changes


def study(
    config: Config | Sequence[Config],
    settings: Mapping[str, Any] | None = None,
    *,
    restart: bool = False,
    progress: bool = True,
) -> list[Run]:
    """Fits and tests every strategy with every seed, each in a run folder of its own.

    Finished runs are kept, half-finished ones resume.

    Args:
        config: the name of a shipped study (`"study"`), a path, or its contents; several are laid over.
        settings: further settings by their dotted names: `{"seeds": 3, "trainer.max_epochs": 100}`.
        restart: whether to discard the runs of this plan that are there.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if a setting is wrong, a run is there with other settings, or another process runs the study.
        RuntimeError: if runs failed, when all others are finished; it names them.
    """
    configs = config if isinstance(config, Sequence) and not isinstance(config, str) else [config]
    with quiet_framework(), OnlyOwnFrames():
        what, to_runs = read_study(configs, to_arguments([], settings))
        runs = plan_runs(what, to_runs)
        failed = [outcome for outcome in execute(what, runs, restart, progress) if outcome.error is not None]
    if failed:
        said = "; ".join(dict.fromkeys(f"{outcome.run}: {outcome.error}" for outcome in failed))
        raise RuntimeError(f"{len(failed)} of {len(runs)} runs failed ({said})") from failed[0].error
    return [load_run(run.folder) for run in runs]


def execute(
    what: StudySettings, runs: Sequence[PlannedRun], restart: bool = False, progress: bool = True
) -> Iterator[Outcome]:
    """Makes the runs that are not finished; yields each as it ends, in any order; raises a ValueError as `study`."""
    what.folder.mkdir(parents=True, exist_ok=True)
    # Shards run beside one another, but not beside the whole study.
    with locked(what.folder, wait=False, shared=what.shard is not None):
        if restart:
            for run in runs:
                if run.folder.exists():
                    shutil.rmtree(run.folder)
        refuse_other_runs(runs)
        todo = [run for run in runs if not run.is_finished]
        outcomes = load_engine(what.engine)(what, fit_and_test, todo)
        with StudyProgress(runs, progress) as bar, contextlib.closing(outcomes):  # type: ignore[type-var]
            for outcome in outcomes:
                bar.ended(outcome)
                yield outcome
        if todo:
            write_mean_curves(what.folder)


def refuse_other_runs(runs: Sequence[PlannedRun]) -> None:
    """Raises a ValueError if a run is there already with other settings, or without any."""
    for run in (run for run in runs if run.is_finished or run.can_resume):
        if not (config := run.folder / CONFIG).is_file():
            raise ValueError(
                f"expected the settings of the run in {run.folder}, but there is no {CONFIG}; put it back, or delete"
                " that folder"
            )
        refuse_changes(
            read_settings(config),
            run.settings,
            ("data", "model", "seed_everything", "trainer"),
            besides=("trainer.logger", "trainer.enable_progress_bar"),
            owner=f"as the run in {run.folder} has it",
            advice="leave it as it was, name another study, or discard its runs with --restart",
        )
