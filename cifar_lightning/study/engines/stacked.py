"""All seeds of a strategy at a time, trained as one net."""

import gc
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from cifar_lightning.runs import folder
from cifar_lightning.study.engines import Execute, Outcome, attempt
from cifar_lightning.study.engines.processes import make_in_workers
from cifar_lightning.study.one_run import prepare, test_fitted
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.experiment import to_arguments
from cifar_lightning.training.stackable import UnstackableError, count_fitting
from cifar_lightning.training.stacked_fit import fit_together

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def make_runs(study: StudySettings, execute: Execute, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    """Fits the seeds of each strategy as one net, in groups that fit in memory, and tests them one by one.

    A group that does not fit in memory is halved, and its halves resume; a run that is alone is made as by `serial`.
    Each GPU has a worker process, and takes strategies, or shares of their seeds. Raises ValueError before anything is
    trained, if a strategy cannot be stacked.
    """
    strategies: dict[str, list[PlannedRun]] = {}
    for run in runs:
        strategies.setdefault(run.strategy, []).append(run)
    most = {name: _count_fitting(waiting[0]) for name, waiting in strategies.items()}
    gpus = list_gpus(runs)
    if len(gpus) < 2:
        yield from _make_groups(execute, most, runs)
        return
    share = math.ceil(len(runs) / len(gpus))
    jobs = [
        waiting[place : place + share] for waiting in strategies.values() for place in range(0, len(waiting), share)
    ]
    yield from make_in_workers(partial(_make_groups, execute, most), jobs, [{_VISIBLE: gpu} for gpu in gpus])


def _make_groups(execute: Execute, most: dict[str, int], runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    """Makes the seeds of each strategy, `most[strategy]` at a time; where they turn out too many, `most` is lowered."""
    groups: dict[tuple[str, int | None], list[PlannedRun]] = {}
    for run in runs:
        groups.setdefault((run.strategy, _count_epochs(run)), []).append(run)
    for (strategy, num_epochs), group in groups.items():
        while group:
            # Nothing is left to train, or what is there cannot be read.
            is_single = num_epochs in (None, group[0].num_epochs)
            size = 1 if is_single else most[strategy]
            yield from _make(execute, most, group[:size])
            del group[:size]


def _make(execute: Execute, most: dict[str, int], runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    if len(runs) == 1:
        yield Outcome(runs[0], attempt(execute, runs[0]))
        return
    half = len(runs) // 2
    try:
        errors: Sequence[Exception | None] | None = fit_together([to_arguments(*prepare(run)) for run in runs])
    except torch.OutOfMemoryError as error:
        errors = None
        most[runs[0].strategy] = half
        what = f"{runs[0].strategy}: {len(runs)} seeds at a time failed ({error}); half as many are tried"
        warnings.warn(what, stacklevel=2)
    # A bug in one strategy's net ends its runs, and none of the others.
    except Exception as error:
        errors = [error] * len(runs)
    if errors is not None:
        for run, failure in zip(runs, errors, strict=True):
            yield Outcome(run, failure or attempt(test_fitted, run))
        return
    # The tensors of the failed try are still in its frames.
    gc.collect()
    torch.cuda.empty_cache()
    yield from _make(execute, most, runs[:half])
    yield from _make(execute, most, runs[half:])


def list_gpus(runs: Sequence[PlannedRun]) -> list[str]:
    """The GPUs of this machine that runs may take, as `CUDA_VISIBLE_DEVICES` names them."""
    trainers = [run.settings["trainer"] for run in runs]
    if any(trainer["accelerator"] == "cpu" or trainer["devices"] != 1 for trainer in trainers):
        return []
    count = torch.cuda.device_count()
    return os.environ[_VISIBLE].split(",")[:count] if os.environ.get(_VISIBLE) else list(map(str, range(count)))


def _count_fitting(run: PlannedRun) -> int:
    try:
        return count_fitting(to_arguments(*prepare(run)))
    except UnstackableError as error:
        raise ValueError(f"in strategy {run.strategy}: {error}") from error
    except Exception:
        # Each of its runs will say why.
        return 1


def _count_epochs(run: PlannedRun) -> int | None:
    """The epochs in the checkpoint of a run, which its curves may be ahead of; None if it is damaged."""
    if not run.can_resume:
        return 0
    try:
        return Checkpoint.read(run.folder / folder.CHECKPOINTS / folder.LAST_CHECKPOINT).resume.num_epochs
    except ValueError:
        return None
