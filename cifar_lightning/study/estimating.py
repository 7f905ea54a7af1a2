"""How long a study will take."""

import statistics
import tempfile
from collections.abc import Sequence

from cifar_lightning.runs.run import load_run
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.training.fitting import fit
from cifar_lightning.training.run_loggers import RUN_LOGGER

# Where no run of the study is finished; the first is left out.
TIMED_EPOCHS = 4


def estimate(runs: Sequence[PlannedRun], num_workers: int, restart: bool = False) -> tuple[float, bool]:
    """The seconds of fitting left, and whether the study's finished runs say so, or else a few epochs per strategy.

    With `restart`, finished runs are ignored. Raises ValueError if a strategy cannot be timed: where the data
    would have to be fetched first, say.
    """
    left = [run for run in runs if restart or not run.is_finished]
    measured: dict[str, list[float]] = {}
    for run in runs:
        if run not in left and (seconds := load_run(run.folder).facts.fit_seconds) is not None:
            measured.setdefault(run.strategy, []).append(seconds / run.num_epochs)
    is_from_runs = {run.strategy for run in left} <= measured.keys()
    if not is_from_runs:
        first = {run.strategy: run for run in reversed(left)}
        measured = {name: [_time_epochs(run)] for name, run in first.items()}
    each = {name: statistics.median(values) for name, values in measured.items()}
    seconds = sum(each[run.strategy] * (run.num_epochs - (0 if restart else run.num_epochs_done)) for run in left)
    return seconds / max(1, min(num_workers, len(left))), is_from_runs


def _time_epochs(run: PlannedRun) -> float:
    """Seconds per epoch of a run, fitted for a few epochs in a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        settings = {
            "trainer.max_epochs": TIMED_EPOCHS,
            "trainer.logger": {"class_path": RUN_LOGGER, "init_args": {"save_dir": temporary}},
        }
        if "download" in run.settings["data"]["source"].get("init_args", {}):
            settings["data.source.download"] = False
        ends = fit(run.settings, settings, progress=False).curves.seconds
    # The first is slower, but all there is where a limit of steps or of time allows no other.
    return float((ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else ends[0])
