"""Whether runs that differ in their seeds alone can be fitted as one net, and how many at a time."""

import inspect
from collections.abc import Sequence

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.models.stacking import NetStack
from cifar_lightning.training.experiment import TRAINER_DEFAULTS
from cifar_lightning.training.fitting import Fit
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.run_loggers import other_loggers

# What a stack follows, or what changes nothing in a run.
_FOLLOWED = (
    *("accelerator", "devices", "num_nodes", "strategy", "max_epochs", "logger", "deterministic", "benchmark"),
    *("enable_progress_bar", "enable_model_summary", "log_every_n_steps", "num_sanity_val_steps", "default_root_dir"),
)
# They work weight by weight.
_OPTIMIZERS = (
    *(torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adamax),
    *(torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.Adadelta),
)
_BATCH_STATISTICS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_DRAWING = (nn.modules.dropout._DropoutNd, nn.RReLU)
# On the CPU a stack of more nets is no faster.
_BYTES_ON_CPU = 2 * 1024**3


class UnstackableError(ValueError):
    """Runs that cannot be fitted as one net."""


def count_fitting(arguments: Sequence[str]) -> int:
    """The number of runs with these settings that fit in memory as one net, at least 1; nothing is trained.

    Raises UnstackableError if such runs cannot be fitted as one net. What the net itself raises is passed on.
    """
    with quiet_framework(), OnlyOwnFrames():
        fit = Fit(arguments, progress=False)
        obstacle = _find_in_trainer(fit) or _find_in_model(fit.model)
        if obstacle is not None:
            raise UnstackableError(f"expected runs that can be trained as one net, got {obstacle}; use --engine serial")
        device = fit.trainer.strategy.root_device
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _BYTES_ON_CPU
        return max(1, free // _count_bytes(fit.model, fit.datamodule.batch_size))


def _find_in_trainer(fit: Fit) -> str | None:
    settings = fit.settings()["trainer"]
    if others := other_loggers(settings):
        return f"the logger {others[0]['class_path']}, which records one run at a time"
    defaults = {name: one.default for name, one in inspect.signature(Trainer).parameters.items()} | TRAINER_DEFAULTS
    for name, value in settings.items():
        if name not in _FOLLOWED and value != defaults[name]:
            return f"trainer.{name} {value!r}"
    strategy = type(fit.trainer.strategy)
    return None if strategy is SingleDeviceStrategy else f"several devices ({strategy.__name__})"


def _find_in_model(model: ImageClassifier) -> str | None:
    if model.augmentation is not None:
        return f"{type(model.augmentation).__name__} as model.augmentation, which draws anew for each net"
    for module in model.backbone.modules():
        name = type(module).__name__
        if isinstance(module, _BATCH_STATISTICS) and module.track_running_stats:
            return f"{name}, which keeps statistics of the images"
        if isinstance(module, _DRAWING):
            return f"{name}, which draws anew for each net"
    optimizer = model.optimizer_factory(model.parameters())
    if type(optimizer) not in _OPTIMIZERS:
        return f"the optimiser {type(optimizer).__name__}, which is not known to work weight by weight"
    if model.scheduler_factory and isinstance(model.scheduler_factory(optimizer), ReduceLROnPlateau):
        return "the scheduler ReduceLROnPlateau, which follows the loss of one net"
    model(_black_images(model, 2))
    try:
        NetStack([model, model], torch.device("cpu")).run_together(_black_images(model, 2, 2)).sum().backward()
    except RuntimeError as error:
        return f"a net that torch.func.vmap cannot run ({str(error).splitlines()[0]})"
    return None


def _count_bytes(model: ImageClassifier, batch_size: int) -> int:
    """About the bytes that a step of one net takes in a stack."""
    saved: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        model(_black_images(model, batch_size))
    # Once more for the gradients, and for what is copied between layers.
    return 3 * sum(saved.values())


def _black_images(model: ImageClassifier, *shape: int) -> Tensor:
    return torch.zeros(*shape, *model.mean.shape[1:], dtype=torch.uint8)
