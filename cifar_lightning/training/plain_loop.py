"""The trainer's loop over the batches of an epoch, without the calls that nobody answers.

It builds on Lightning's own loop, which is no public interface: `fitting` takes it only on releases it was tested with.
"""

from typing import Any

from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Callback, LightningDataModule, LightningModule
from lightning.pytorch.loops.optimization.automatic import Closure, ClosureResult
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins import Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor

_STEP_HOOKS = (
    *("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    "on_before_optimizer_step",
)
_DATA_HOOKS = ("transfer_batch_to_device", "on_before_batch_transfer", "on_after_batch_transfer")
_MODULE_HOOKS = (
    *_STEP_HOOKS,
    *_DATA_HOOKS,
    *("backward", "optimizer_step", "optimizer_zero_grad", "configure_gradient_clipping"),
)


class PlainEpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, for steps that nobody looks at.

    Lightning surrounds every step by some forty calls of hooks: 1 ms of a step that takes 10 to 20. Where `is_plain`,
    none of them does anything; without them the checkpoints are the same, bit by bit. An epoch is taken from its first
    batch: a fit resumes from finished epochs only.
    """

    def advance(self, data_fetcher: Any) -> None:
        trainer: Any = self.trainer
        [optimizer] = trainer.optimizers
        progress = self.automatic_optimization.optim_progress.optimizer
        self.val_loop.restarting = False
        batch, _, _ = next(data_fetcher)
        self.batch_progress.is_last_batch = data_fetcher.done
        batch = move_data_to_device(batch, trainer.strategy.root_device)
        self.batch_progress.increment_ready()
        self.batch_progress.increment_started()

        def forward() -> ClosureResult:
            loss = trainer.lightning_module.training_step(batch, self.batch_idx)
            return ClosureResult.from_training_step_output(loss)

        def zero_grad() -> None:
            progress.zero_grad.increment_ready()
            progress.zero_grad.increment_started()
            optimizer.zero_grad()
            progress.zero_grad.increment_completed()

        # Lightning's own, which finds out an optimiser that does not call it.
        closure = Closure(forward, Tensor.backward, zero_grad)
        progress.step.increment_ready()
        optimizer.step(closure=closure)
        progress.step.increment_completed()
        closure.consume_result()
        self.batch_progress.increment_processed()
        if self._num_ready_batches_reached():
            self.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        self.batch_progress.increment_completed()


def is_plain(trainer: Any, model: LightningModule, data: LightningDataModule) -> bool:
    """Whether a step is a forward, a backward and a step of the optimiser, and nobody overrides a hook within it."""
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and type(trainer.profiler) is PassThroughProfiler
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and not any(_overrides(callback, Callback, _STEP_HOOKS) for callback in trainer.callbacks)
        and not _overrides(model, LightningModule, _MODULE_HOOKS)
        and not _overrides(data, LightningDataModule, _DATA_HOOKS)
    )


def _overrides(instance: object, base: type, hooks: tuple[str, ...]) -> bool:
    return any(getattr(type(instance), hook) is not getattr(base, hook) for hook in hooks)
