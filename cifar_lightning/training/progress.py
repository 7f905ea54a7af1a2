"""One line of progress for a whole fit."""

import importlib.util
import os
import sys
import textwrap
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from cifar_lightning.printing import count, plain_console

_REFRESH_SECONDS = 0.25


class EpochProgress(ProgressBar):
    """Counts epochs, with loss and accuracy of train and validation and the time left.

    On a terminal and in a notebook the line is rewritten a few times a second; elsewhere a line is printed every 5 % of
    the epochs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_refresh = 0.0
        self._start, self._first_epoch = time.monotonic(), trainer.current_epoch
        console = plain_console()
        if self._enabled:
            width = console.width if console.is_terminal else 10_000
            _print("\n".join(textwrap.wrap(_describe_training(trainer, pl_module), width)))
        if not self._enabled or not is_live(console):
            return
        # A thread of its own would take time from the convolutions.
        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=console,
            auto_refresh=False,
            expand=True,
        )
        self._progress.start()
        total = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        self._task = self._progress.add_task("", total=total, completed=trainer.current_epoch, scores="")

    # An epoch's scores are there once all `on_train_epoch_end` hooks have run.
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch > self._first_epoch:
            self._show(trainer, is_last=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._show(trainer, is_last=True)
        self._stop()

    def _show(self, trainer: Trainer, is_last: bool) -> None:
        epoch, total = trainer.current_epoch, trainer.max_epochs or -1
        # The first epoch of another twentieth.
        is_milestone = total > 0 and 20 * epoch // total > 20 * (epoch - 1) // total
        now = time.monotonic()
        if self._progress is not None:
            if now - self._last_refresh > _REFRESH_SECONDS or is_last:
                self._last_refresh = now
                self._progress.update(self._task, completed=epoch, scores=_describe(trainer, "  "))
                self._progress.refresh()
        elif self._enabled and (is_last or is_milestone):
            seconds_left = (now - self._start) / max(epoch - self._first_epoch, 1) * (total - epoch)
            left = f", {seconds_left:.0f} s left" if total > epoch else ""
            of_total = f"/{total}" if total > 0 else ""
            _print(f"epoch {epoch}{of_total}: {_describe(trainer, ', ')}{left}")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _print(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # Nobody reads any more (`| head`); the training goes on.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def is_live(console: Console) -> bool:
    """Whether a line can be rewritten: on a terminal, and in a notebook that has ipywidgets."""
    return console.is_terminal or (console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None)


def _describe_training(trainer: Any, model: Any) -> str:
    data, device = trainer.datamodule, model.device
    classes = ", ".join(model.class_names) if len(model.class_names) <= 5 else f"{len(model.class_names)} classes"
    parts = [
        f"{type(model.backbone).__name__} ({sum(weights.numel() for weights in model.parameters()):,} parameters)",
        f"{count(len(data.train), 'image')} of {classes}",
    ]
    if data.validate_on_test:
        parts.append(f"{count(len(data.test), 'test image')} drawn every epoch (lab protocol)")
    elif len(data.val):
        parts.append(f"{len(data.val):,} more to validate on")
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    parts.append(f"CPU, {count(torch.get_num_threads(), 'thread')}" if device.type == "cpu" else gpu)
    return "; ".join(parts)


def _describe(trainer: Trainer, separator: str) -> str:
    """`train 0.123 (98.0 %)  val 0.456 (90.0 %)`: loss and accuracy per split."""
    metrics = trainer.callback_metrics
    return separator.join(
        f"{split} {metrics[f'{split}_loss'].item():.3f} ({100 * metrics[f'{split}_accuracy'].item():.1f} %)"
        for split in ("train", "val")
        if f"{split}_loss" in metrics
    )
