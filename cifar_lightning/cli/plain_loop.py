"""The trainer's loop over the batches of an epoch, without the calls that nobody answers."""

from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Trainer
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins import Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

# What Lightning calls around a step, of the module, the data module and every callback.
_STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_batch_transfer",
    "transfer_batch_to_device",
    "on_after_batch_transfer",
    "on_before_zero_grad",
    "optimizer_zero_grad",
    "on_before_backward",
    "backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "configure_gradient_clipping",
    "optimizer_step",
    "on_train_batch_end",
)


class PlainEpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, that steps straight through where nobody looks on.

    Lightning surrounds every step by some forty calls of hooks, each with bookkeeping of its own: 1 ms of a step that
    takes 10 to 20. Where no callback has such a hook, and no setting asks for more than a forward, a backward and an
    optimiser's step, this does just these, in the same order and with the same counters: the checkpoints are the same,
    bit by bit. Everything else goes Lightning's way.
    """

    @classmethod
    def replace_in(cls, trainer: Trainer) -> None:
        """Lets `trainer` use this loop."""
        # Not the trainer's settings: `fast_dev_run` has changed them.
        limits = trainer.fit_loop.epoch_loop
        trainer.fit_loop.epoch_loop = cls(trainer, limits.min_steps, limits.max_steps)

    def on_run_start(self, data_fetcher: Any) -> None:
        super().on_run_start(data_fetcher)
        # Every epoch, since a callback may change the number of batches that are accumulated.
        self._is_plain = _is_plain(self.trainer)

    def advance(self, data_fetcher: Any) -> None:
        if self.restarting or not self._is_plain:
            super().advance(data_fetcher)
            return
        trainer: Any = self.trainer
        [optimizer] = trainer.optimizers
        progress = self.automatic_optimization.optim_progress.optimizer
        self.val_loop.restarting = False
        batch, _, _ = next(data_fetcher)
        self.batch_progress.is_last_batch = data_fetcher.done
        batch = move_data_to_device(batch, trainer.strategy.root_device)
        self.batch_progress.increment_ready()
        self.batch_progress.increment_started()

        @torch.enable_grad()
        def compute_gradients() -> Tensor:
            loss = trainer.lightning_module.training_step(batch, self.batch_idx)
            progress.zero_grad.increment_ready()
            progress.zero_grad.increment_started()
            optimizer.zero_grad()
            progress.zero_grad.increment_completed()
            loss.backward()
            return loss

        progress.step.increment_ready()
        optimizer.step(compute_gradients)
        progress.step.increment_completed()
        self.batch_progress.increment_processed()
        if self._num_ready_batches_reached():
            self.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        self.batch_progress.increment_completed()


def _is_plain(trainer: Any) -> bool:  # a Trainer, whose connectors add attributes that no type checker sees
    """Whether a step is no more than a forward, a backward and a step of the optimiser."""
    listeners = [trainer.lightning_module, trainer.datamodule, *trainer.callbacks]
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and type(trainer.profiler) is PassThroughProfiler
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and not any(is_overridden(hook, listener) for listener in listeners for hook in _STEP_HOOKS)
    )
