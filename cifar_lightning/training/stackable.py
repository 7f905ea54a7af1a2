"""Whether runs that differ in their seeds alone can be fitted as one net, and how many at a time."""

import inspect
from collections.abc import Sequence

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy

from cifar_lightning.models.stacking import count_bytes, find_obstacle
from cifar_lightning.training.experiment import TRAINER_DEFAULTS
from cifar_lightning.training.fitting import Fit
from cifar_lightning.training.own_code import OwnFramesAlone
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.run_loggers import other_loggers

# Settings of the trainer that a stack follows, or that change nothing in a run.
_FOLLOWED = (
    *("accelerator", "devices", "num_nodes", "strategy", "max_epochs", "logger", "deterministic", "benchmark"),
    *("enable_progress_bar", "enable_model_summary", "log_every_n_steps", "num_sanity_val_steps", "default_root_dir"),
)
# What a stack on the CPU may take: more seeds at a time are no faster there.
_BYTES_ON_CPU = 2 * 1024**3


def count_fitting(arguments: Sequence[str]) -> int:
    """The number of runs with these settings that fit in memory as one net, at least 1; nothing is trained.

    Raises:
        ValueError: if such runs cannot be fitted as one net.
    """
    with quiet_framework(), OwnFramesAlone():
        fit = Fit(arguments, progress=False)
        obstacle = _find_obstacle_in_trainer(fit) or find_obstacle(fit.model)
        if obstacle is not None:
            raise ValueError(f"expected runs that can be trained as one net, got {obstacle}; use --engine serial")
        device = fit.trainer.strategy.root_device
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _BYTES_ON_CPU
        return max(1, free // count_bytes(fit.model, fit.datamodule.batch_size))


def _find_obstacle_in_trainer(fit: Fit) -> str | None:
    settings = fit.settings()["trainer"]
    if others := other_loggers(settings):
        return f"the logger {others[0]['class_path']}, which is told of one run at a time"
    defaults = {name: one.default for name, one in inspect.signature(Trainer).parameters.items()} | TRAINER_DEFAULTS
    for name, value in settings.items():
        if name not in _FOLLOWED and value != defaults[name]:
            return f"trainer.{name} {value!r}"
    strategy = type(fit.trainer.strategy)
    return None if strategy is SingleDeviceStrategy else strategy.__name__
