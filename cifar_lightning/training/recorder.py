"""The callback that keeps a run folder while a net is fitted."""

import csv
import math
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightnings

from cifar_lightning.runs.disk import write_text
from cifar_lightning.runs.folder import BEST_CHECKPOINT, CHECKPOINTS, CONFIG, CURVES, LAST_CHECKPOINT, SCORES
from cifar_lightning.training.checkpoint_io import HeldCheckpointIO
from cifar_lightning.training.checkpoints import BLOCK, Checkpoint, ResumeState
from cifar_lightning.training.logger import RunLogger

COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
HEADER = ",".join(("epoch", *COLUMNS, "seconds")) + "\n"


class RunRecorder(lightnings.Checkpoint):
    """Keeps `last.ckpt`, `best.ckpt`, `curves.csv` and the events of a run.

    The state of every finished epoch is held in memory; files are written every `sync_seconds`, at the end, and when
    the run is stopped by a signal or an error. `best.ckpt` is the epoch of the lowest validation loss. An epoch that is
    cut short (`max_steps`, `max_time`) is not kept. Every checkpoint, also one that another callback saves, gets the
    block that resuming needs.

    Args:
        config: the resolved settings as YAML, for `config.yaml` and for the checkpoints.
        class_names: K names, in the order of the labels.
        keep_best: whether there is a validation share to choose by.
        resumed: the checkpoint to resume from; None for a new run.
        sync_seconds: how old the files may grow, in seconds.
    """

    def __init__(
        self,
        config: str,
        class_names: list[str],
        keep_best: bool,
        resumed: Checkpoint | None = None,
        sync_seconds: float = 5.0,
    ) -> None:
        # Brought up to date before other callbacks save a checkpoint at the end of an epoch.
        self.state = (
            ResumeState(0, True, class_names, config, HEADER)
            if resumed is None
            else replace(resumed.resume, class_names=class_names, config=config)
        )
        self.keep_best = keep_best
        self.sync_seconds = sync_seconds
        self._seconds_before = self.state.seconds or 0.0
        self._resumed = resumed
        self._validated = False
        self._is_tested_run = False
        self._checkpoints = HeldCheckpointIO()

    def last_epoch(self) -> dict[str, float]:
        """The metrics of the last finished epoch by their names, as in `curves.csv`; empty if there is none."""
        _, *rows = csv.reader(self.state.curves.splitlines())
        return {name: float(text) for name, text in zip(COLUMNS, rows[-1][1:], strict=False) if text} if rows else {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.state.is_finished = checkpoint["epoch"] + 1 == self.state.num_epochs
        self.state.random_state = _random_state()
        checkpoint[BLOCK] = self.state.to_dict()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        trainer.strategy.checkpoint_io = self._checkpoints
        # `log_dir` waits for all processes, so all of them ask here, once.
        self._checkpoint_folder = Path(trainer.log_dir or trainer.default_root_dir, CHECKPOINTS)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Else the trainer would train on until a callback stops it a second time.
        trainer.should_stop = trainer.should_stop or self.state.stopped_early
        if self._resumed is not None and not self._resumed.has_loops:
            self._count_finished(trainer, self._resumed.global_step)

    def _count_finished(self, trainer: Trainer, global_step: int) -> None:
        """Tells the trainer's loops how far the run has come, where the checkpoint does not."""
        loop: Any = trainer.fit_loop
        for count in (loop.epoch_progress.total, loop.epoch_progress.current):
            count.ready = count.started = count.processed = count.completed = self.state.num_epochs
        steps = loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        steps.total.ready = steps.total.completed = global_step

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            # Not earlier: there may be nothing left to train.
            config = self._checkpoint_folder.parent / CONFIG
            self._is_tested_run = config.exists()
            if not self._is_tested_run:
                write_text(config, self.state.config)
        if isinstance(trainer.logger, RunLogger) and trainer.current_epoch > 0:
            trainer.logger.first_epoch = trainer.current_epoch
        if self._resumed is not None:
            # A net that draws (dropout) continues drawing where it stopped.
            _set_random_state(self.state.random_state)
        self._start = self._last_sync = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            # Cut short by `max_steps` or `max_time`: an unfinished epoch is run again.
            return
        now = time.monotonic()
        # Where validation is rarer than epochs, the metrics still hold the values of an earlier one.
        metrics = {
            name: value.item()
            for name, value in trainer.callback_metrics.items()
            if name in COLUMNS and (self._validated or not name.startswith("val_"))
        }
        self._validated = False
        _refuse_divergence(metrics, pl_module, trainer.current_epoch)
        values = [metrics.get(name) for name in COLUMNS]
        numbers = [trainer.current_epoch, *values, round(self._seconds_before + now - self._start, 3)]
        self.state.curves += ",".join("" if number is None else repr(number) for number in numbers) + "\n"
        self.state.num_epochs = trainer.current_epoch + 1
        val_loss = metrics.get("val_loss", math.inf) if self.keep_best else math.inf
        is_best = val_loss < self.state.best_loss
        if is_best:
            self.state.best_loss = val_loss
        best = self._checkpoint_folder / BEST_CHECKPOINT if is_best else None
        self.state.stopped_early = trainer.should_stop and not is_time_up(trainer)
        trainer.save_checkpoint(self._checkpoint_folder / LAST_CHECKPOINT, storage_options=best)
        if now - self._last_sync > self.sync_seconds:
            self._sync(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._sync(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            # The trainer ignores Ctrl-C after the first one; a second one shall abort the writing too.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._sync(trainer)

    def _sync(self, trainer: Trainer) -> None:
        if not self._checkpoints.held:
            return
        # Other callbacks may save before the first epoch is finished.
        if last := self._checkpoints.held.get(self._checkpoint_folder / LAST_CHECKPOINT):
            if self._is_tested_run:
                # Only now is it no longer the run that was tested.
                (self._checkpoint_folder.parent / SCORES).unlink(missing_ok=True)
                write_text(self._checkpoint_folder.parent / CONFIG, self.state.config)
                self._is_tested_run = False
            # The checkpoints come last, so that the curves always hold the epochs of both.
            write_text(self._checkpoint_folder.parent / CURVES, last[BLOCK]["curves"])
        if isinstance(trainer.logger, RunLogger):
            trainer.logger.flush()
        self._checkpoints.flush()
        self._last_sync = time.monotonic()


def is_time_up(trainer: Trainer) -> bool:
    """Whether `max_time` is over; a run may be given more."""
    timers = [callback for callback in trainer.callbacks if isinstance(callback, lightnings.Timer)]  # type: ignore[attr-defined]
    # A timer without a limit says None.
    return any(left is not None and left <= 0 for left in (timer.time_remaining() for timer in timers))


def _refuse_divergence(metrics: dict[str, float], pl_module: LightningModule, epoch: int) -> None:
    problem = ""
    if not all(math.isfinite(metrics[name]) for name in ("train_loss", "val_loss") if name in metrics):
        problem = f"the loss became {metrics.get('train_loss')} (train) and {metrics.get('val_loss')} (validation)"
    elif not all(bool(weights.isfinite().all()) for weights in pl_module.parameters()):
        # Caused by the last step, after the last loss.
        problem = "weights became infinite or NaN"
    if problem:
        kept = f"epoch {epoch} is kept" if epoch else "no epoch was finished"
        raise ValueError(f"{problem} in epoch {epoch + 1}, {kept}; lower the learning rate (model.optimizer.lr)")


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    if "cpu" in state:
        torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["cuda"].cpu())
