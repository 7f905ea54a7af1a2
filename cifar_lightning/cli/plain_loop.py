"""The trainer's loop over the batches of an epoch, without the calls that nobody answers."""

from typing import Any

from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.loops.optimization.automatic import Closure, ClosureResult
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins import Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor

from cifar_lightning.cli.progress import EpochProgress
from cifar_lightning.runs.recorder import RunRecorder


class PlainEpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, for steps that nobody looks at.

    Lightning surrounds every step by some forty calls of hooks, each with bookkeeping of its own: 1 ms of a step that
    takes 10 to 20. Where `is_plain`, none of them does anything, and this takes the forward, the backward and the
    optimiser's step alone, in the same order and with the same counters: the checkpoints are the same, bit by bit.
    An epoch is taken from its first batch: the command goes on from finished epochs only.
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


def is_plain(trainer: Any) -> bool:  # a Trainer, whose connectors add attributes that no type checker sees
    """Whether a step of `trainer` is a forward, a backward and a step of the optimiser, and no callback's business.

    Of callbacks only this package's own are known to leave the steps alone.
    """
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and type(trainer.profiler) is PassThroughProfiler
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and all(isinstance(callback, EpochProgress | RunRecorder) for callback in trainer.callbacks)
    )
