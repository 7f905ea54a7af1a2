"""Fits, or resumes, and tests one run of a study."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cifar_lightning.runs import folder
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.training.experiment import Config
from cifar_lightning.training.fitting import fit
from cifar_lightning.training.logger import SPLITS
from cifar_lightning.training.scoring import test

_SAID: set[str] = set()


def fit_and_test(run: PlannedRun) -> None:
    """Makes one run, from whatever state its folder is in."""
    with _each_warning_once():
        fit(*prepare(run), progress=False)
        test_fitted(run)


def prepare(run: PlannedRun) -> tuple[Config, dict[str, Any]]:
    """The config and the settings that `fit` makes, or resumes, this run with; clears away what cannot be resumed."""
    if run.can_resume:
        # Also where the curves have all epochs: they may be ahead of the checkpoint.
        return run.folder / folder.CONFIG, {**_reached(run), "ckpt_path": run.folder}
    _clear_away(run.folder)
    return run.settings, {}


def test_fitted(run: PlannedRun) -> None:
    """Tests a run that has all its epochs."""
    test(run.folder, _reached(run))


def _reached(run: PlannedRun) -> dict[str, Any]:
    """Where the data are now: they may have moved since the run was started."""
    root = run.settings["data"]["source"].get("init_args", {}).get("root")
    return {"data.source.root": root} if root is not None else {}


@contextlib.contextmanager
def _each_warning_once() -> Iterator[None]:
    """Shows each warning once per process: most are about what all runs share."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in caught:
        if (text := str(warning.message)) not in _SAID:
            _SAID.add(text)
            warnings.warn(text, warning.category, stacklevel=1)


def _clear_away(run: Path) -> None:
    """Removes what a run leaves if it is killed before its first checkpoint; the user's own files stay."""
    events = "events.out.tfevents.*"
    curves = (folder.CURVES, events, *(f"{split}/{events}" for split in SPLITS))
    for pattern in (folder.CONFIG, *curves, f"{folder.CHECKPOINTS}/{folder.BEST_CHECKPOINT}"):
        for path in run.glob(pattern):
            path.unlink()
