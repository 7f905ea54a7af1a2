"""What tests change inside the package: everything that a moved or renamed module would break, in one place."""

import copy
import functools
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# All that commands import sooner or later: processes are forked from one that has it.
COMMANDS = [
    *(f"cifar_lightning.cli.{command}" for command in ("fit", "validate", "test", "predict", "study", "data")),
    *(f"cifar_lightning.plots.{module}" for module in ("confusion", "curve_figure", "mistakes", "reliability")),
    "lightning.pytorch.loops.training_epoch_loop",
    "matplotlib.backends.backend_agg",
    "scipy.stats",
]

# Imports stand in the functions: each test loads only what it changes.


def write_every_epoch(patch: Any) -> None:
    """Lets a fit write its files after every epoch, rather than every five seconds."""
    from cifar_lightning.training.recorder import RunRecorder

    patch.setattr(RunRecorder, "__init__", functools.partialmethod(RunRecorder.__init__, sync_seconds=0.0))


def draw_little(patch: Any) -> None:
    """Lets `test` draw nothing, and `compare` one figure: drawing takes most of their time."""
    from cifar_lightning.compare import figures
    from cifar_lightning.training import scoring

    patch.setattr(scoring, "draw_figures", lambda *_: [])
    patch.setattr(figures, "_DRAW", {"result": figures._DRAW["result"]})


def draw_in(patch: Any, write_figures: Callable[..., Any]) -> None:
    """Calls `write_figures` where `compare` draws."""
    from cifar_lightning.compare import figures

    patch.setattr(figures, "write_figures", write_figures)


def fail_in_epoch(patch: Any, epoch: int, error: BaseException) -> None:
    """Lets the first training step of an epoch (0, 1, ...) raise `error`."""
    from cifar_lightning.models.classifier import ImageClassifier

    training_step = ImageClassifier.training_step

    def failing_step(self, batch, batch_idx):
        if self.current_epoch == epoch:
            raise error
        return training_step(self, batch, batch_idx)

    patch.setattr(ImageClassifier, "training_step", failing_step)


def fail_in_stacked_epoch(patch: Any, epoch: int, error: BaseException, above: int = 0) -> None:
    """Lets that epoch (0, 1, ...) of more than `above` seeds that are trained as one net raise `error`."""
    from cifar_lightning.training import stacked_fit

    run_epoch = stacked_fit._StackedFit._run_epoch

    def failing_epoch(self):
        if self._num_epochs == epoch and len(self._members) > above:
            raise error
        return run_epoch(self)

    patch.setattr(stacked_fit._StackedFit, "_run_epoch", failing_epoch)


def run_stacks_together(patch: Any) -> None:
    """Lets a CPU run the nets of a stack as a GPU does."""
    from cifar_lightning.models.stacking import NetStack

    patch.setattr(NetStack, "run_in_turn", NetStack.run_together)


def repeat_stacked_epochs_without_values(patch: Any) -> list[Any]:
    """Lets each epoch of a stack run on torch's device "meta" before it runs on the CPU; fills a list with its results.

    On that device nets run together, as on a GPU, and whatever asks for a value, or mixes devices, raises.
    """
    import torch

    from cifar_lightning.training import stacked_fit

    run_epoch, results = stacked_fit._StackedFit._run_epoch, []

    def to_meta(tensors: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: tensor.detach().to("meta").requires_grad_(tensor.requires_grad) for name, tensor in tensors.items()
        }

    def run_epoch_twice(self: Any) -> Any:
        pretended, stack = copy.copy(self), copy.copy(self._stack)
        stack.parameters, stack._buffers = to_meta(stack.parameters), to_meta(stack._buffers)
        pretended._stack, pretended._device, pretended._compute = stack, torch.device("meta"), {}
        pretended._optimizer = self._members[0].model.optimizer_factory(stack.parameters.values())
        for split in ("_train", "_val"):
            images = copy.copy(getattr(self, split))
            for name in ("places", "_rows", "labels"):
                setattr(images, name, getattr(images, name).to("meta"))
            setattr(pretended, split, images)
        pretended._scheduler = None
        results.append(run_epoch(pretended))
        return run_epoch(self)

    patch.setattr(stacked_fit._StackedFit, "_run_epoch", run_epoch_twice)
    return results


def let_two_nets_fit(patch: Any) -> None:
    """Lets a CPU have memory for two nets of a stack."""
    from cifar_lightning.training import stackable

    patch.setattr(stackable, "_count_bytes", lambda *_: stackable._BYTES_ON_CPU // 2)


def record_stacks(patch: Any) -> list[int]:
    """A list that is filled with the number of nets that each stack trains."""
    from cifar_lightning.study.engines import stacked

    fit_together, sizes = stacked.fit_together, []
    patch.setattr(stacked, "fit_together", lambda runs: sizes.append(len(runs)) or fit_together(runs))
    return sizes


def pretend_gpus(patch: Any, number: int) -> None:
    """Lets a study find so many GPUs for its stacks, which are the CPU."""
    from cifar_lightning.study.engines import stacked

    patch.setattr(stacked, "list_gpus", lambda runs: [""] * number)


def test_nothing(patch: Any) -> None:
    """Lets the runs of a study be fitted alone."""
    from cifar_lightning.study import one_run

    patch.setattr(one_run, "test", lambda *_: None)


def fail_while_printing(patch: Any) -> None:
    """Puts a bug into the summary of a fit."""
    from cifar_lightning.cli import fit

    patch.setattr(fit, "print_fit_summary", None)


def publish(patch: Any, md5_of_file: Mapping[str, str], md5_of_archive: str) -> None:
    """Lets other files than those of CIFAR-100 pass for the published ones."""
    from cifar_lightning.data import cifar100

    for name, md5 in md5_of_file.items():
        patch.setitem(cifar100.FILE_MD5, name, md5)
    patch.setattr(cifar100, "ARCHIVE_MD5", md5_of_archive)


def start_workers_from(patch: Any, context: Any) -> None:
    """Lets studies start their workers from this context of `multiprocessing`."""
    from cifar_lightning.study.engines import processes

    patch.setattr(processes, "get_context", lambda method: context)


def pretend_two_cores_and_a_gpu(patch: Any) -> None:
    """Lets a study plan for such a machine."""
    from cifar_lightning.study import study_settings

    patch.setattr("torch.cuda.is_available", lambda: True)
    patch.setattr(study_settings, "num_cores", lambda: 2)


def held(run: Path) -> Any:
    """A context in which some process fits or tests that run."""
    from cifar_lightning.runs.folder import hold

    return hold(run)


def held_study(study: Path) -> Any:
    """A context in which some process makes that study."""
    from cifar_lightning.runs.disk import locked

    return locked(study, wait=False)


def slow_disk(patch: Any, seconds: float) -> None:
    """Lets every file that is written whole take so long to reach the disk."""
    fsync = os.fsync

    def slow_fsync(descriptor: int) -> None:
        time.sleep(seconds)
        fsync(descriptor)

    patch.setattr(os, "fsync", slow_fsync)


# The option of `compare` that leaves images out of the page.
NO_IMAGES = "--no_images"


def write_test_images(run: Path, images: Any) -> None:
    """Writes the test images, uint8 (N, 32, 32, 3), of which `compare` shows some."""
    from cifar_lightning.plots.image_sheet import draw_test_images
    from cifar_lightning.runs import folder

    draw_test_images(run / folder.TEST_IMAGES, images)


def make_exports_wrong(patch: Any) -> None:
    """Lets every exported net answer 0.001 too high."""
    from cifar_lightning.export import exporting

    read = exporting.read_onnx
    patch.setattr(exporting, "read_onnx", lambda content: lambda images: read(content)(images) + 0.001)
