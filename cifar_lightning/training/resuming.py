"""Where a fit resumes: the run and the checkpoint that `ckpt_path` stands for."""

import json
from pathlib import Path

from jsonargparse import Namespace

from cifar_lightning.runs import folder
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.logger import RunLogger
from cifar_lightning.training.run_loggers import run_logger_options


def find_resumed(settings: Namespace) -> tuple[Path, Path | None]:
    """The checkpoint that `ckpt_path` (`last`, a run folder or a file) stands for, and its run folder, if any.

    Raises ValueError if there is nothing to resume, or no folder to resume in.
    """
    if not settings.trainer.logger:
        off = json.dumps(settings.trainer.logger)
        raise ValueError(f"expected a run folder to resume in, but trainer.logger is {off}; leave out --trainer.logger")
    if settings.ckpt_path == "last":
        run = _find_last(settings)
        return folder.resolve_checkpoint(run), run
    checkpoint = folder.resolve_checkpoint(Path(settings.ckpt_path))
    return checkpoint, folder.find_run_folder(checkpoint)


def _find_last(settings: Namespace) -> Path:
    named, runs = _find_named(settings), Path(_make_logger(settings).root_dir)
    versions = folder.find_versions(runs) if named is None else [named] if named.is_dir() else []
    if not versions:
        raise ValueError(f"expected a run to resume in {named or runs}, but there is none; leave out --ckpt_path")
    newest = versions[0]
    if not (newest / folder.CHECKPOINTS).is_dir():
        raise ValueError(
            f"expected a checkpoint in {newest}, the newest run, but it has none; leave out --ckpt_path to start"
            " anew, or name an older run"
        )
    return newest


def _make_logger(settings: Namespace) -> RunLogger:
    return RunLogger(**vars(run_logger_options(settings.trainer)))


def _find_named(settings: Namespace) -> Path | None:
    """The run folder that the settings name by a version; None if they name none."""
    is_named = run_logger_options(settings.trainer).get("version") is not None
    return Path(_make_logger(settings).log_dir) if is_named else None


def refuse_taken_version(settings: Namespace) -> None:
    """Raises a ValueError if the folder that a new run asks for by its version has a run already."""
    run = _find_named(settings)
    if run is not None and (run / folder.CONFIG).exists():
        raise ValueError(f"expected a folder without a run, but {run} has one; leave out trainer.logger.version")


def refuse_resuming(checkpoint: Checkpoint, max_epochs: int | None, max_steps: int) -> None:
    """Raises a ValueError if a fit with these limits cannot resume from `checkpoint`."""
    num_epochs = checkpoint.resume.num_epochs
    if not checkpoint.resume.is_finished:
        raise ValueError(
            f"expected a checkpoint of a finished epoch to resume from, but {checkpoint.path} was saved within epoch"
            f" {num_epochs + 1}, as callbacks do after a step or validation; resume from {folder.LAST_CHECKPOINT} of"
            " its run"
        )
    if max_epochs is not None and 0 <= max_epochs < num_epochs:
        raise ValueError(
            f"expected trainer.max_epochs of at least {num_epochs}, the epochs that {checkpoint.path} has, got"
            f" {max_epochs}; raise it, or resume from an older checkpoint"
        )
    if max_steps != -1:
        # The trainer would find no batch left in the finished epoch.
        raise ValueError(
            f"expected no trainer.max_steps to resume from {checkpoint.path}, got {max_steps}; add --trainer.max_steps"
            " -1, and say by --trainer.max_epochs how far to go"
        )
