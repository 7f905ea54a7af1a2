"""Settings that Lightning or torch would take, and stumble over later or take for something else."""

import inspect
import pydoc
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, EarlyStopping, LearningRateFinder, StochasticWeightAveraging
from lightning.pytorch.strategies import StrategyRegistry
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from cifar_lightning.cli.nulls import refuse_nulls
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.hints import did_you_mean
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs import folder

# Where Lightning asks for no least value, and divides by it, or takes a smaller one for none.
_LEAST = {"check_val_every_n_epoch": 1, "accumulate_grad_batches": 1, "gradient_clip_val": 0}


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
    if interval is not None and interval != 1.0:
        # Curves, best.ckpt and final scores would be of the weights of some step before the epoch's end.
        raise ValueError(
            f"expected one validation at the end of an epoch, got trainer.val_check_interval {interval}; leave it out,"
            " or use trainer.check_val_every_n_epoch"
        )
    for name, least in _LEAST.items():
        if settings.trainer[name] is not None and settings.trainer[name] < least:
            raise ValueError(
                f"expected trainer.{name} of at least {least}, got {settings.trainer[name]}; leave it out, or try 1"
            )
    if settings.trainer.barebones:
        raise ValueError("expected a run that can be kept, got trainer.barebones, which keeps none; leave it out")
    strategy = settings.trainer.strategy
    if isinstance(strategy, str) and strategy != "auto" and strategy not in StrategyRegistry:
        raise ValueError(
            f"expected one of Lightning's strategies for trainer.strategy, got {strategy[:100]!r};"
            f" {did_you_mean(strategy, StrategyRegistry, 'leave it out for auto')}"
        )


def _refuse_callbacks(callbacks: Any) -> None:
    watched = []
    for callback in callbacks if isinstance(callbacks, list) else [callbacks]:
        name = callback.class_path.rpartition(".")[2]
        if name == EarlyStopping.__name__:
            metric = callback.init_args.get("monitor"), callback.init_args.get("mode")
            if metric in watched:
                raise ValueError(
                    f"expected one {name} a metric in trainer.callbacks, got two of {metric[0]!r}, whose states no"
                    " checkpoint can tell apart; leave one out"
                )
            watched.append(metric)
        if name == StochasticWeightAveraging.__name__:
            # `last.ckpt` is of the last epoch, and so are the scores of its test.
            raise ValueError(
                f"expected callbacks that change no weights after the last epoch, got {name};"
                " use WeightAveraging, which averages them too and is kept with the run"
            )
        if name in (LearningRateFinder.__name__, BatchSizeFinder.__name__):
            raise ValueError(
                f"expected callbacks that leave the settings as {folder.CONFIG} has them, got {name}; find that setting"
                " beforehand, and name it"
            )


def _refuse_other_than(kind: Any, setting: str, named: Any) -> None:
    """Raises a ValueError unless `named`, a class or a function of the settings, makes a `kind`.

    Nothing is called by that: a function that makes something else would be, with the arguments of a config.
    """
    path = named.get("class_path") if hasattr(named, "get") else None
    if path is None:
        return
    made = pydoc.locate(path)
    if made is torch.optim.lr_scheduler.ReduceLROnPlateau:
        raise ValueError(
            f"expected the metric to watch beside {setting} {path}, which has no place for it; use"
            " lightning.pytorch.cli.ReduceLROnPlateau with its monitor, as val_loss"
        )
    if not inspect.isclass(made):
        made = getattr(made, "__annotations__", {}).get("return")
    if not (inspect.isclass(made) and issubclass(made, kind)):
        raise ValueError(f"expected a class for {setting} that makes one, got {path!r}; name one of torch.optim")
