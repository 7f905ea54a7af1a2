"""The callback that keeps a run folder while a net is fitted."""

import math
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import callbacks as lightnings

from cifar_lightning.runs.curves import COLUMNS
from cifar_lightning.runs.disk import write_text
from cifar_lightning.runs.folder import BEST_CHECKPOINT, CHECKPOINTS, CONFIG, CURVES, LAST_CHECKPOINT, SCORES
from cifar_lightning.training.checkpoint_io import HeldCheckpointIO
from cifar_lightning.training.checkpoints import BLOCK, Checkpoint, ResumeState
from cifar_lightning.training.logger import RunLogger

METRICS = COLUMNS[1:-1]


class RunRecorder(lightnings.Checkpoint):
    """Keeps `last.ckpt`, `best.ckpt`, `curves.csv` and the events of a run.

    The state of every finished epoch is held in memory; files are written every `sync_seconds`, and when the run ends,
    however it does. `best.ckpt` is the epoch of the lowest validation loss. An epoch that is cut short (`max_steps`,
    `max_time`) is not kept. Every checkpoint, also of another callback, gets the block that resuming needs. Raises
    ValueError at the end of an epoch whose loss or weights are not finite.

    Args:
        config, class_names: as in `ResumeState`.
        keep_best: whether there is a validation share to choose by.
        resumed: the checkpoint to resume from; None for a new run.
        sync_seconds: longest time between two writes of the files.
    """

    def __init__(
        self,
        config: str,
        class_names: list[str],
        keep_best: bool,
        resumed: Checkpoint | None = None,
        sync_seconds: float = 5.0,
    ) -> None:
        header = ",".join(COLUMNS) + "\n"
        new = ResumeState(num_epochs=0, is_finished=True, class_names=class_names, config=config, curves=header)
        self.state = new if resumed is None else replace(resumed.resume, config=config)
        self.keep_best = keep_best
        self.sync_seconds = sync_seconds
        # False where another loop than Lightning's trains the net.
        self.has_loops = True
        self._seconds_before = self.state.seconds or 0.0
        self._resumed = resumed
        self._validated = False
        self._overwrites_config = False
        self._checkpoints = HeldCheckpointIO()

    def last_epoch(self) -> dict[str, float]:
        """The metrics of the last finished epoch by their names; empty if there is none."""
        if self.state.num_epochs == 0:
            return {}
        _, *cells, _ = self.state.curves.splitlines()[-1].split(",")
        return {name: float(cell) for name, cell in zip(METRICS, cells, strict=True) if cell}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.state.is_finished = checkpoint["epoch"] + 1 == self.state.num_epochs
        self.state.random_state = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_initialized():
            self.state.random_state["cuda"] = torch.cuda.get_rng_state()
        # What each calls its record of this run.
        self.state.logger_versions = {type(logger).__name__: str(logger.version) for logger in trainer.loggers[1:]}
        checkpoint[BLOCK] = dict(vars(self.state))
        if not self.has_loops:
            del checkpoint["loops"]

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        trainer.strategy.checkpoint_io = self._checkpoints
        # The trainer broadcasts the folder, so all processes have to ask for it at the same time.
        self._folder = Path(trainer.log_dir or trainer.default_root_dir)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Or a run that EarlyStopping ended would train until it is ended again.
        trainer.should_stop = trainer.should_stop or self.state.stopped_early
        if self._resumed is not None and not self._resumed.has_loops:
            set_progress(trainer, self.state.num_epochs, self._resumed.global_step)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            # A run that exists keeps its settings until another epoch is kept (`sync`).
            self._overwrites_config = (self._folder / CONFIG).exists()
            if not self._overwrites_config:
                write_text(self._folder / CONFIG, self.state.config)
        if isinstance(trainer.logger, RunLogger) and trainer.current_epoch > 0:
            trainer.logger.first_epoch = trainer.current_epoch + 1
        # A net that draws (dropout) continues drawing where it stopped; a new run has no state yet.
        drawn = self.state.random_state
        if "cpu" in drawn:
            torch.set_rng_state(drawn["cpu"].cpu())
        if "cuda" in drawn and torch.cuda.is_initialized():
            torch.cuda.set_rng_state(drawn["cuda"].cpu())
        self._start = self._last_sync = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            # An epoch that was cut short is run again.
            return
        now = time.monotonic()
        # Without a validation the trainer still has the values of an earlier one.
        measured = [name for name in METRICS if self._validated or not name.startswith("val_")]
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items() if name in measured}
        self._validated = False
        has_finite_weights = all(bool(weights.isfinite().all()) for weights in pl_module.parameters())
        is_best = self.add_epoch(trainer.current_epoch + 1, metrics, now - self._start, has_finite_weights)
        self.state.stopped_early = trainer.should_stop and not is_time_up(trainer)
        self.save(trainer, is_best)
        if now - self._last_sync > self.sync_seconds:
            self.sync(trainer)

    def add_epoch(self, epoch: int, metrics: dict[str, float], seconds: float, has_finite_weights: bool) -> bool:
        """Adds an epoch, `seconds` after the start of this fit, to the curves; returns whether it is the best.

        Raises ValueError if a loss or a weight is not finite.
        """
        _refuse_divergence(metrics, has_finite_weights, epoch)
        cells = [repr(metrics[name]) if name in metrics else "" for name in METRICS]
        self.state.curves += ",".join([str(epoch), *cells, repr(round(self._seconds_before + seconds, 3))]) + "\n"
        self.state.num_epochs = epoch
        is_best = self.keep_best and metrics.get("val_loss", math.inf) < self.state.best_loss
        if is_best:
            self.state.best_loss = metrics["val_loss"]
        return is_best

    def save(self, trainer: Trainer, is_best: bool) -> None:
        """Holds the trainer's state for `last.ckpt`, and if `is_best` for `best.ckpt`."""
        checkpoints = self._folder / CHECKPOINTS
        # Lightning passes the option to `HeldCheckpointIO` as it is.
        best = checkpoints / BEST_CHECKPOINT if is_best else None
        trainer.save_checkpoint(checkpoints / LAST_CHECKPOINT, storage_options=best)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.sync(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            # The trainer ignores Ctrl-C from now on; a second one should end the writing.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.sync(trainer)

    def sync(self, trainer: Trainer) -> None:
        """Writes what is held, and the curves."""
        if not self._checkpoints.held:
            return
        # None if another callback saved before the first epoch was finished.
        if last := self._checkpoints.held.get(self._folder / CHECKPOINTS / LAST_CHECKPOINT):
            if self._overwrites_config:
                (self._folder / SCORES).unlink(missing_ok=True)
                write_text(self._folder / CONFIG, self.state.config)
                self._overwrites_config = False
            # Before the checkpoints, whose epochs it must hold.
            write_text(self._folder / CURVES, last[BLOCK]["curves"])
        if isinstance(trainer.logger, RunLogger):
            trainer.logger.flush()
        self._checkpoints.flush()
        self._last_sync = time.monotonic()


def set_progress(trainer: Trainer, num_epochs: int, global_step: int) -> None:
    """Sets the counters of the trainer's loops."""
    loop: Any = trainer.fit_loop
    for count in (loop.epoch_progress.total, loop.epoch_progress.current):
        count.ready = count.started = count.processed = count.completed = num_epochs
    steps = loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
    steps.total.ready = steps.total.completed = global_step


def is_time_up(trainer: Trainer) -> bool:
    """Whether `trainer.max_time` is used up."""
    timers = [one for one in trainer.callbacks if isinstance(one, lightnings.Timer)]  # type: ignore[attr-defined]
    return any((left := timer.time_remaining()) is not None and left <= 0 for timer in timers)


def _refuse_divergence(metrics: dict[str, float], has_finite_weights: bool, epoch: int) -> None:
    problem = ""
    losses = {name: metrics[name] for name in ("train_loss", "val_loss") if name in metrics}
    if not all(map(math.isfinite, losses.values())):
        problem = "the loss became " + " and ".join(f"{loss} ({name[:-5]})" for name, loss in losses.items())
    elif not has_finite_weights:
        # Caused by the last step, after the last loss.
        problem = "weights became infinite or NaN"
    if problem:
        kept = f"epoch {epoch - 1} is kept" if epoch > 1 else "no epoch was finished"
        raise ValueError(f"{problem} in epoch {epoch}, {kept}; lower the learning rate (model.optimizer.lr)")
