"""The callback that keeps a run folder while a net is fitted."""

import csv
import math
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, Timer

from cifar_lightning.runs.checkpoint_io import HeldCheckpointIO
from cifar_lightning.runs.disk import write_text
from cifar_lightning.runs.folder import (
    BEST_CHECKPOINT,
    CHECKPOINTS,
    CONFIG,
    CURVES,
    LAST_CHECKPOINT,
    SCORES,
)
from cifar_lightning.runs.logger import RunLogger

COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
HEADER = ",".join(("epoch", *COLUMNS, "seconds")) + "\n"


class RunRecorder(Checkpoint):
    """Keeps `last.ckpt`, `best.ckpt`, `curves.csv` and the events of a run.

    The state of every finished epoch is held in memory; files are written every `sync_seconds`, at the end, and when
    the run is stopped by a signal or an error. `best.ckpt` is the epoch of the lowest validation loss. An epoch that is
    cut short (`max_steps`, `max_time`) is not kept.

    Args:
        config: the resolved settings as YAML, for `config.yaml` and, so that neither can be taken for that of another
            run, for the checkpoints.
        keep_best: whether there is a validation share to choose by.
        sync_seconds: how old the files may grow, in seconds.
    """

    def __init__(self, config: str, keep_best: bool, sync_seconds: float = 5.0) -> None:
        self.config = config
        self.keep_best = keep_best
        self.sync_seconds = sync_seconds
        self.curves = HEADER
        self.best_loss = float("inf")
        self.seconds_before = 0.0
        self._random_state: dict[str, torch.Tensor] = {}
        self._validated = False
        self._goes_on = False
        self._stopped_early = False
        self._checkpoints = HeldCheckpointIO()

    def state_dict(self) -> dict[str, Any]:
        # The curves go as one string: of all types the cheapest to copy, every epoch.
        return {
            "curves": self.curves,
            "best_loss": self.best_loss,
            "random_state": _random_state(),
            "config": self.config,
            "stopped_early": self._stopped_early,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curves = state_dict["curves"]
        self.best_loss = state_dict["best_loss"]
        self.seconds_before = float(self.curves.splitlines()[-1].split(",")[-1])
        self._random_state = state_dict["random_state"]
        self._stopped_early = state_dict.get("stopped_early", False)

    def last_epoch(self) -> dict[str, float]:
        """The metrics of the last finished epoch by their names, as in `curves.csv`; empty if there is none."""
        _, *rows = csv.reader(self.curves.splitlines())
        return {name: float(text) for name, text in zip(COLUMNS, rows[-1][1:], strict=False) if text} if rows else {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        trainer.strategy.checkpoint_io = self._checkpoints
        # Asked for once, by all processes together: the answer is one for all of them.
        self._checkpoint_folder = Path(trainer.log_dir or trainer.default_root_dir, CHECKPOINTS)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Or the trainer would go on until a callback finds once more that it is enough.
        trainer.should_stop = trainer.should_stop or self._stopped_early

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            # Not before it is sure that there is something left to train.
            config = self._checkpoint_folder.parent / CONFIG
            self._goes_on = config.exists()
            if not self._goes_on:
                write_text(config, self.config)
        if isinstance(trainer.logger, RunLogger) and trainer.current_epoch > 0:
            trainer.logger.first_epoch = trainer.current_epoch
        # So that a net that draws (dropout) goes on drawing where it stopped.
        try:
            _set_random_state(self._random_state)
        except (RuntimeError, ValueError, TypeError, LookupError, OverflowError) as error:
            raise ValueError(
                "expected the random state of a run, but that of the checkpoint is damaged"
                f" ({' '.join(str(error).split())[:200]}); go on from another one"
            ) from error
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
            name: value
            for name, value in trainer.callback_metrics.items()
            if self._validated or not name.startswith("val_")
        }
        self._validated = False
        values = [metrics[name].item() if name in metrics else None for name in COLUMNS]
        problem = ""
        if not all(math.isfinite(metrics[name]) for name in ("train_loss", "val_loss") if name in metrics):
            problem = f"the loss became {values[0]} (train) and {values[2]} (validation)"
        elif not all(bool(weights.isfinite().all()) for weights in pl_module.parameters()):
            # By the last step, after the last loss.
            problem = "weights became infinite, or no numbers,"
        if problem:
            kept = f"epoch {trainer.current_epoch} is kept" if trainer.current_epoch else "no epoch was finished"
            raise ValueError(
                f"{problem} in epoch {trainer.current_epoch + 1}, {kept}; lower the learning rate (model.optimizer.lr)"
            )
        numbers = [trainer.current_epoch, *values, round(self.seconds_before + now - self._start, 3)]
        self.curves += ",".join("" if number is None else repr(number) for number in numbers) + "\n"
        val_loss = metrics["val_loss"].item() if self.keep_best and "val_loss" in metrics else float("inf")
        is_best = val_loss < self.best_loss
        if is_best:
            self.best_loss = val_loss
        best = self._checkpoint_folder / BEST_CHECKPOINT if is_best else None
        self._stopped_early = trainer.should_stop and not is_time_up(trainer)
        trainer.save_checkpoint(self._checkpoint_folder / LAST_CHECKPOINT, storage_options=best)
        if now - self._last_sync > self.sync_seconds:
            self._sync(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._sync(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            # The trainer is deaf to Ctrl-C from the first one on; a second one is to end this too.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._sync(trainer)

    def _sync(self, trainer: Trainer) -> None:
        if not self._checkpoints.held:
            return
        # Other callbacks may save before the first epoch is finished.
        if last := self._checkpoints.held.get(self._checkpoint_folder / LAST_CHECKPOINT):
            if self._goes_on:
                # Only now is it no longer the run that was tested.
                (self._checkpoint_folder.parent / SCORES).unlink(missing_ok=True)
                write_text(self._checkpoint_folder.parent / CONFIG, self.config)
                self._goes_on = False
            # The checkpoints come last, so that the curves always hold the epochs of both.
            write_text(self._checkpoint_folder.parent / CURVES, last["callbacks"][self.state_key]["curves"])
        if isinstance(trainer.logger, RunLogger):
            trainer.logger.flush()
        self._checkpoints.flush()
        self._last_sync = time.monotonic()


def is_time_up(trainer: Trainer) -> bool:
    """Whether `max_time` is over, of which a run may be given more."""
    timers = [callback for callback in trainer.callbacks if isinstance(callback, Timer)]  # type: ignore[attr-defined]
    # None of one that has no limit.
    return any(left is not None and left <= 0 for left in (timer.time_remaining() for timer in timers))


def _random_state() -> dict[str, torch.Tensor]:
    """Of all generators that a net may draw from, as bytes; of the GPU where one is in use."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    # Whole numbers of 32 bits: float64 holds them exactly, and NaN stands for none.
    _, numbers, gauss = random.getstate()
    state["python"] = _as_bytes(np.array([*numbers, math.nan if gauss is None else gauss]))
    of_numpy = np.random.get_state(legacy=False)
    twister = of_numpy["state"]
    rest = [twister["pos"], of_numpy["has_gauss"], of_numpy["gauss"]]
    state["numpy"] = _as_bytes(np.concatenate([twister["key"], rest]))
    return state


def _as_bytes(numbers: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(numbers.astype(np.float64)).view(torch.uint8)


def _set_random_state(state: dict[str, torch.Tensor]) -> None:
    if "cpu" in state:
        torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["cuda"].cpu())
    if "python" in state:
        *numbers, gauss = state["python"].cpu().view(torch.float64).tolist()
        random.setstate((3, tuple(map(int, numbers)), None if math.isnan(gauss) else gauss))
    if "numpy" in state:
        *keys, place, has_gauss, gauss = state["numpy"].cpu().view(torch.float64).tolist()
        np.random.set_state(("MT19937", np.array(keys, np.uint32), int(place), int(has_gauss), gauss))
