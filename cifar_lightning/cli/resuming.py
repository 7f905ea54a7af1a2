"""Where a fit goes on: the run and the checkpoint that `--ckpt_path` means, and whether anything is left to train."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from jsonargparse import Namespace

from cifar_lightning.cli.checkpoints import Trained, was_stopped_early
from cifar_lightning.cli.outputs import LONGEST_NAME
from cifar_lightning.runs import folder


class Resumed(NamedTuple):
    """The checkpoint to go on from, and the run folder that it lies in; None if in none."""

    checkpoint: Path
    run: Path | None


def logger_options(settings: Namespace) -> Any:
    """Arguments of the logger, whose name is the run's; empty where there is none, or a list of them."""
    logger = settings.trainer.logger
    return logger.get("init_args", {}) if hasattr(logger, "get") else {}


def find_runs_folder(settings: Namespace) -> Path:
    """The folder of all runs of the name in the settings.

    Raises:
        ValueError: if it is a name that no file system takes or no reader sees, or leads out of `save_dir`.
    """
    options = logger_options(settings)
    name = options.get("name", "run") or ""
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in Path(name).parts):
        raise ValueError(
            f"expected a name of at most {LONGEST_NAME} bytes for trainer.logger.name, got one of"
            f" {len(os.fsencode(name))}; shorten it"
        )
    if not name.isprintable() or name != name.strip():
        # It is the strategy's in comparisons, which are read by people.
        raise ValueError(
            f"expected printable characters without blanks around them for trainer.logger.name, got {name!r};"
            " name it so"
        )
    for key in ("name", "version"):
        value = options.get(key)
        if isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError(
                f"expected a folder within trainer.logger.save_dir for trainer.logger.{key}, got {value!r};"
                " name the place by save_dir"
            )
    return Path(options.get("save_dir", "lightning_logs"), name)


def find_resumed(settings: Namespace) -> Resumed:
    """What `ckpt_path` of a fit means: `last`, a run folder, or a checkpoint file.

    Raises:
        ValueError: if there is nothing to go on from, or no folder to go on in.
    """
    if not logger_options(settings):
        raise ValueError("expected one logger with a folder to go on in for --ckpt_path; leave out --trainer.logger")
    run: Path | None
    if settings.ckpt_path == "last":
        run = _find_last(settings)
        checkpoint = folder.resolve_checkpoint(run)
    else:
        checkpoint = folder.resolve_checkpoint(Path(settings.ckpt_path))
        run = folder.find_run_folder(checkpoint)
        if run is None and checkpoint.absolute().parent.name == folder.CHECKPOINTS:
            run = checkpoint.absolute().parent.parent
    if run is not None and not (run / folder.CONFIG).is_file():
        raise ValueError(
            f"expected the settings of the run in {run}, but its {folder.CONFIG} is gone; put it back, or copy"
            f" {checkpoint} elsewhere and name the copy, to go on from it as a new run"
        )
    return Resumed(checkpoint, run)


def _find_last(settings: Namespace) -> Path:
    named, runs = _find_named(settings), find_runs_folder(settings)
    versions = folder.find_versions(runs) if named is None else [named] if named.is_dir() else []
    if not versions:
        raise ValueError(f"expected a run to go on from in {named or runs}, but there is none; leave out --ckpt_path")
    newest = versions[0]
    if not (newest / folder.CHECKPOINTS).is_dir():
        raise ValueError(
            f"expected a checkpoint in {newest}, the newest run, but it has none;"
            " leave out --ckpt_path to start anew, or name an older run"
        )
    if not _is_finished(newest, settings.trainer):
        return newest
    # One that was stopped before the newest was begun, if there is one.
    unfinished = (run for run in versions if folder.count_epochs(run) > 0 and not _is_finished(run, settings.trainer))
    return next(unfinished, newest)


def _is_finished(run: Path, limits: Namespace) -> bool:
    num_epochs = folder.count_epochs(run)
    if limits.max_epochs is not None and 0 <= limits.max_epochs <= num_epochs:
        return True
    last = run / folder.CHECKPOINTS / folder.LAST_CHECKPOINT
    return num_epochs >= (limits.min_epochs or 1) and last.is_file() and was_stopped_early(last)


def _find_named(settings: Namespace) -> Path | None:
    """The run folder that the settings name by a version; None if by none."""
    runs, version = find_runs_folder(settings), logger_options(settings).get("version")
    return runs / (f"version_{version}" if isinstance(version, int) else version) if version is not None else None


def refuse_taken_version(settings: Namespace) -> None:
    """Raises a ValueError if the folder that a new run asks for by its version has a run already."""
    run = _find_named(settings)
    if run is not None and (run / folder.CONFIG).exists():
        raise ValueError(f"expected a folder without a run, but {run} has one; leave out trainer.logger.version")


def refuse_going_on(checkpoint: Path, trained: Trained, max_epochs: int | None, max_steps: int) -> None:
    """Raises a ValueError if a fit with these limits cannot go on from `checkpoint`, of which `trained` tells."""
    if not trained.is_finished:
        # The rest of its epoch would pass for the whole.
        raise ValueError(
            f"expected a checkpoint of a finished epoch to go on from, but {checkpoint} was saved within epoch"
            f" {trained.num_epochs}, as callbacks do after a step or validation; go on from {folder.LAST_CHECKPOINT} of"
            " its run"
        )
    if max_epochs is not None and 0 <= max_epochs < trained.num_epochs:
        raise ValueError(
            f"expected trainer.max_epochs of at least {trained.num_epochs}, the epochs that {checkpoint} has, got"
            f" {max_epochs}; raise it, or go on from an older checkpoint"
        )
    if max_steps != -1:
        # The trainer would begin with the finished epoch, and find no batch left in it.
        raise ValueError(
            f"expected no trainer.max_steps to go on from {checkpoint}, got {max_steps}; add --trainer.max_steps -1,"
            " and say by --trainer.max_epochs how far to go"
        )
