"""Settings that Lightning or torch would take, and stumble over later or take for something else."""

import inspect
import pydoc
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from cifar_lightning.cli.nulls import refuse_nulls
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.models.classifier import ImageClassifier


def refuse_settings(settings: Namespace) -> None:
    """Raises a ValueError that names the first setting with which no run can be made."""
    refuse_nulls(settings, {"trainer": Trainer, "model": ImageClassifier, "data": SubsetDataModule})
    if type(settings.seed_everything) is not int:
        raise ValueError(
            f"expected a whole number for seed_everything, got {settings.seed_everything!r}; name one, as 0,"
            " so that the run can be made again"
        )
    if settings.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"expected a GPU for trainer.accelerator {settings.trainer.accelerator}, but torch sees none here;"
            " use --trainer.accelerator auto or cpu"
        )
    _refuse_callbacks(settings.trainer.callbacks or [])
    _refuse_other_than(torch.optim.Optimizer, "model.optimizer", settings.model.optimizer)
    _refuse_other_than(LRScheduler | ReduceLROnPlateau, "model.scheduler", settings.model.scheduler)
    interval = settings.trainer.val_check_interval
    if isinstance(interval, int | float) and interval <= 0:
        raise ValueError(f"expected trainer.val_check_interval above 0, got {interval}; leave it out, or try 1.0")
    every = settings.trainer.check_val_every_n_epoch
    if every is not None and every < 1:
        raise ValueError(f"expected trainer.check_val_every_n_epoch of at least 1, got {every}; try 1")


def _refuse_callbacks(callbacks: Any) -> None:
    for callback in callbacks if isinstance(callbacks, list) else [callbacks]:
        if callback.class_path.endswith(f".{StochasticWeightAveraging.__name__}"):
            # `last.ckpt` is of the last epoch, and so are the scores of its test.
            raise ValueError(
                "expected callbacks that change no weights after the last epoch, got StochasticWeightAveraging;"
                " use WeightAveraging, which averages them too and is kept with the run"
            )


def _refuse_other_than(kind: Any, setting: str, named: Any) -> None:
    """Raises a ValueError unless `named`, a class or a function of the settings, makes a `kind`.

    Nothing is called by that: a function that makes something else would be, with the arguments of a config.
    """
    path = named.get("class_path") if hasattr(named, "get") else None
    if path is None:
        return
    made = pydoc.locate(path)
    if not inspect.isclass(made):
        made = getattr(made, "__annotations__", {}).get("return")
    if not (inspect.isclass(made) and issubclass(made, kind)):
        raise ValueError(f"expected a class for {setting} that makes one, got {path!r}; name one of torch.optim")
