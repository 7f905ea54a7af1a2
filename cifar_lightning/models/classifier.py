"""The LightningModule: normalisation, backbone, linear head, loss and the metrics of an epoch."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional

from cifar_lightning.models.metrics import EpochMetrics

# Per channel, for pixels scaled to 0..1. As in the lab.
MEAN = (0.5074, 0.4867, 0.4411)
STD = (0.2011, 0.1987, 0.2025)


class ImageClassifier(LightningModule):
    """A backbone and a linear head, trained with cross-entropy.

    Args:
        backbone: maps normalised pictures, float32 (N, 3, S, S), to features, float32 (N, F); F is found by running it.
        class_names: names of the labels 0..K-1, K >= 2. On the command line they come from the data.
        image_size: the side S of the pictures, in pixels. On the command line it comes from the data.
        num_outputs: outputs of the head; None: one a class. With more than classes the labels stay 0..K-1, and an
            unused output that wins counts as wrong.
        optimizer: makes the optimiser from the parameters.
        scheduler: makes the learning rate scheduler from the optimiser; stepped once an epoch.

    Raises:
        ValueError: if `num_outputs` is below the number of classes, or the backbone does not give (N, F).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        class_names: list[str],
        image_size: int = 32,
        num_outputs: int | None = None,
        optimizer: OptimizerCallable = lambda params: torch.optim.SGD(params, lr=0.005, momentum=0.9),
        scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        num_classes = len(class_names)
        if num_outputs is None:
            num_outputs = num_classes
        if num_outputs < num_classes:
            raise ValueError(
                f"expected at least one output a class, got num_outputs {num_outputs} for {num_classes} classes;"
                " leave num_outputs null for one a class"
            )
        self.class_names = list(class_names)
        self.backbone = backbone
        self.head = nn.Linear(find_num_features(backbone, image_size), num_outputs)
        self.optimizer_factory = optimizer
        self.scheduler_factory = scheduler
        # As whole pictures in the memory format of the batches: broadcasting three numbers takes seven times as long.
        mean, std = (255 * torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        picture = torch.ones(1, 3, image_size, image_size).contiguous(memory_format=torch.channels_last)
        self.register_buffer("mean", mean * picture, persistent=False)
        self.register_buffer("std", std * picture, persistent=False)
        self.train_metrics = EpochMetrics(num_classes, num_outputs)
        self.val_metrics = EpochMetrics(num_classes, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Maps `images`, uint8 (N, 3, S, S), 0..255, to logits, float32 (N, num_outputs)."""
        features = self.backbone(self.normalize(images))
        # Found by two pictures, and not in training, where a net may do otherwise.
        if not isinstance(features, Tensor) or features.shape != (len(images), self.head.in_features):
            raise ValueError(
                f"expected a backbone that always maps pictures (N, ...) to features (N, {self.head.in_features}), but"
                f" {type(self.backbone).__name__} gives {_describe_shape(features)} for {len(images)}; fix the backbone"
            )
        return self.head(features)

    def normalize(self, images: Tensor) -> Tensor:
        """(image / 255 - MEAN) / STD by channel: uint8 (N, 3, S, S) -> float32, in channels_last."""
        # A copy, also of pictures that are float already: what comes next works in place.
        pixels = images.to(self.mean.dtype, copy=True, memory_format=torch.channels_last)
        return pixels.sub_(self.mean).div_(self.std)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        logits = self(images)
        self.train_metrics.append(logits, labels)
        return functional.cross_entropy(logits, labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, labels = batch
        self.val_metrics.append(self(images), labels)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        return self(batch[0])

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Probabilities, float64 (N, num_outputs), of uint8 pictures (N, 3, S, S)."""
        return self(batch).double().softmax(dim=1)

    def on_train_epoch_end(self) -> None:
        self._log_epoch("train", self.train_metrics)
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            metrics = self.trainer.callback_metrics
            if scheduler.monitor not in metrics:
                known = ", ".join(sorted(metrics))
                raise ValueError(
                    f"expected a metric that every epoch has for model.scheduler.monitor, one of {known},"
                    f" got {scheduler.monitor!r}; name one of them"
                )
            scheduler.step(metrics[scheduler.monitor])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        # Lightning would step on a plateau after the epoch's checkpoint is taken: a resumed run would be a step behind.
        if not isinstance(scheduler, ReduceLROnPlateau):
            with _naming("model.scheduler", scheduler):
                scheduler.step()

    def on_validation_epoch_end(self) -> None:
        self._log_epoch("val", self.val_metrics)

    def _log_epoch(self, split: str, metrics: EpochMetrics) -> None:
        loss, accuracy, recall = metrics.compute()
        if self.trainer.sanity_checking:
            # A few batches of an untrained net are no epoch.
            return
        values: dict[str, Any] = {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
        values |= {f"{split}_recall/{name}": value for name, value in zip(self.class_names, recall, strict=True)}
        if self.trainer.state.fn != TrainerFn.FITTING:
            self.log_dict(values)
            return
        # Straight to who waits for them. `self.log` averages over steps and processes, which is done already, and its
        # bookkeeping in every step takes a twentieth of an epoch of the lab.
        self.trainer.callback_metrics.update(values)
        for logger in self.loggers:
            logger.log_metrics({**values, "epoch": self.current_epoch}, step=self.current_epoch)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        with _naming("model.optimizer"):
            optimizer = self.optimizer_factory(self.parameters())
        if self.scheduler_factory is None:
            return optimizer
        with _naming("model.scheduler"):
            scheduler = self.scheduler_factory(optimizer)
        if isinstance(scheduler, ReduceLROnPlateau):
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": scheduler.monitor}}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler}}


@contextlib.contextmanager
def _naming(setting: str, made: object = None) -> Iterator[None]:
    """Lets an error of this block, about arguments that the user chose, name the setting."""
    try:
        yield
    except (TypeError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
        which = f", but {type(made).__name__} fails" if made is not None else ", but it fails"
        raise ValueError(
            f"expected arguments of {setting} that it can work with{which}"
            f" ({type(error).__name__}: {' '.join(str(error).split())[:200]}); fix them"
        ) from error


def find_num_features(backbone: nn.Module, image_size: int) -> int:
    """The F of a backbone that maps (N, 3, S, S) to (N, F), found by running it on two black pictures.

    Raises:
        ValueError: if the backbone fails on pictures of this size, or gives anything else than (2, F).
    """
    name = type(backbone).__name__
    pictures = torch.zeros(2, 3, image_size, image_size)
    was_training = backbone.training
    try:
        with torch.no_grad():
            features = backbone.eval()(pictures)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"expected a backbone that maps pictures (N, 3, {image_size}, {image_size}) to features (N, F), but {name}"
            f" fails on them ({type(error).__name__}: {reason[:200]}); fix the backbone, or give it larger pictures"
        ) from error
    backbone.train(was_training)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 2 or features.shape[1] == 0:
        raise ValueError(
            f"expected a backbone that maps pictures (2, 3, {image_size}, {image_size}) to features (2, F), but {name}"
            f" gives {_describe_shape(features)}; end it with a flatten"
        )
    if features.dtype != pictures.dtype:
        raise ValueError(
            f"expected a backbone that gives features of {pictures.dtype}, as its pictures are, but {name} gives"
            f" {features.dtype}; convert them"
        )
    return features.shape[1]


def _describe_shape(features: object) -> str:
    return str(tuple(features.shape)) if isinstance(features, Tensor) else type(features).__name__
