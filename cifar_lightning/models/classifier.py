"""The LightningModule: normalisation, backbone, linear head, loss and the metrics of an epoch."""

import contextlib
import inspect
import itertools
import re
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable, ReduceLROnPlateau
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional

from cifar_lightning import lab
from cifar_lightning.models.augmentation import augment
from cifar_lightning.models.metrics import EpochMetrics, name_values

# Per channel, for pixels scaled to 0..1. As in the lab.
MEAN = (0.5074, 0.4867, 0.4411)
STD = (0.2011, 0.1987, 0.2025)


class ImageClassifier(LightningModule):
    """A backbone and a linear head, trained with cross-entropy.

    `load_from_checkpoint(path)` builds a backbone that takes no arguments; any other is given:
    `load_from_checkpoint(path, backbone=MyNet(depth=3))`. Optimiser and scheduler are in the checkpoint only where the
    classifier was built from a config.

    The losses that are reported (`train_loss`, `val_loss`, `test_loss`) are plain cross-entropy, whatever the label
    smoothing, so that runs compare.

    Args:
        backbone: maps normalised images, float32 (N, 3, S, S), to features, float32 (N, F); F is found by running it.
        class_names: names of the labels 0..K-1, K >= 2; on the command line from the data.
        image_size: the side S of the images, in pixels; on the command line from the data.
        num_outputs: outputs of the head; None: one per class. With more than classes the labels stay 0..K-1, and an
            unused output that wins counts as wrong.
        optimizer: makes the optimiser from the parameters.
        scheduler: makes the learning rate scheduler from the optimiser; a step per epoch.
        label_smoothing: the share of each training label that is spread over all outputs, 0..1 (Szegedy et al. 2016,
            arXiv:1512.00567).
        augmentation: changes the images of each training batch, see `augment`; never those of validation and test.

    Raises:
        ValueError: if there is no backbone, it does not give (N, F), or a number is out of range.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        class_names: list[str] = [*lab.CLASSES],  # noqa: B006
        image_size: int = 32,
        num_outputs: int | None = None,
        optimizer: OptimizerCallable = lambda params: torch.optim.SGD(params, lr=0.005, momentum=0.9),
        scheduler: LRSchedulerCallable | None = None,
        label_smoothing: float = 0.0,
        augmentation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(backbone, nn.Module):
            # A checkpoint cannot rebuild a net that takes arguments.
            hint = "; for a checkpoint, use load_from_checkpoint(path, backbone=MyNet(depth=3))"
            raise ValueError(
                f"expected a backbone such as AvgPoolNet(), got {backbone!r}{hint if backbone is None else ''}"
            )
        with warnings.catch_warnings():
            # A module is replaced below.
            warnings.filterwarnings("ignore", "Attribute '.*' is an instance of `nn.Module`")
            self.save_hyperparameters(logger=False)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"expected model.label_smoothing in 0..1, got {label_smoothing}; try 0.1")
        num_classes = len(class_names)
        if num_outputs is None:
            num_outputs = num_classes
        if num_outputs < num_classes:
            raise ValueError(
                f"expected at least one output per class, got num_outputs {num_outputs} for {num_classes} classes;"
                " leave num_outputs null for one per class"
            )
        self._describe(backbone)
        self.class_names = list(class_names)
        self.image_size = image_size
        self.backbone = backbone
        self.head = nn.Linear(find_num_features(backbone, image_size), num_outputs)
        self.optimizer_factory = optimizer
        self.scheduler_factory = scheduler
        self.label_smoothing = label_smoothing
        self.augmentation = augmentation
        # As whole images: broadcasting three numbers takes seven times as long.
        mean, std = (255 * torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        ones = torch.ones(1, 3, image_size, image_size).contiguous(memory_format=torch.channels_last)
        self.register_buffer("mean", mean * ones, persistent=False)
        self.register_buffer("std", std * ones, persistent=False)
        self.train_metrics = EpochMetrics(num_classes, num_outputs)
        self.val_metrics = EpochMetrics(num_classes, num_outputs)
        # Logits and labels of the last test, by the place of their loader.
        self.test_outputs: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def _describe(self, backbone: nn.Module) -> None:
        """Makes the hyper-parameters plain values that say what the weights are for."""
        class_path = f"{type(backbone).__module__}.{type(backbone).__qualname__}"
        names = self.hparams["class_names"] = list(self.hparams["class_names"])
        if "_instantiator" not in self.hparams:
            # Not built from a config: these are objects, which a checkpoint must not contain.
            for name in ("optimizer", "scheduler", "augmentation"):
                self.hparams.pop(name, None)
            self.hparams["backbone"] = None
            if not inspect.signature(type(backbone)).parameters:
                self.hparams["backbone"] = {"class_path": class_path, "init_args": {}}
                # By this, `load_from_checkpoint` builds the class from its path.
                self.hparams["_instantiator"] = "lightning.pytorch.cli.instantiate_module"
        # Two nets may have the same weights: a pool has none.
        layers = re.sub(r" at 0x[0-9a-f]+", "", repr(backbone))
        self.hparams["_trained_as"] = f"{class_path}\n{layers}\nclasses {names}"

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        ours = self.hparams["_trained_as"]
        theirs = checkpoint.get("hyper_parameters", {}).get("_trained_as", ours)
        for line, other in itertools.zip_longest(theirs.splitlines(), ours.splitlines(), fillvalue=""):
            if line != other:
                raise ValueError(
                    f"expected the net and classes that the checkpoint was trained with, which have"
                    f" {line.strip()!r}, got {other.strip()!r}; give those it was trained with"
                )

    def setup(self, stage: str) -> None:
        theirs = getattr(getattr(self.trainer, "datamodule", None), "class_names", self.class_names)
        if list(theirs) != self.class_names:
            raise ValueError(
                f"expected data of the classes {self.class_names}, got {list(theirs)}; build the classifier with"
                " class_names=data.class_names"
            )

    def forward(self, images: Tensor) -> Tensor:
        """Maps `images`, uint8 (N, 3, S, S), 0..255, to logits, float32 (N, num_outputs).

        Raises ValueError if the images are of another type or shape.
        """
        if not isinstance(images, Tensor):
            raise ValueError(f"expected a tensor of images, got {type(images)}; convert it with torch.from_numpy")
        if images.dtype != torch.uint8:
            raise ValueError(f"expected uint8 images, 0..255, got {images.dtype}; the net scales them itself")
        side = self.image_size
        if images.shape[1:] != (3, side, side):
            raise ValueError(
                f"expected images (N, 3, {side}, {side}), got {tuple(images.shape)}; permute or resize them, and give"
                " one image as images[None]"
            )
        return self.head(self.backbone(self.normalize(images)))

    def normalize(self, images: Tensor) -> Tensor:
        """(image / 255 - MEAN) / STD by channel: uint8 (N, 3, S, S) -> float32, in channels_last."""
        # Permuted, since `vmap` refuses a memory format by its name.
        pixels = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        # Only the division is in place: under `vmap` the mean may have a dimension more than the images.
        return (pixels - self.mean).div_(self.std)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        if self.augmentation is not None:
            images = augment(self.augmentation, images)
        logits = self(images)
        self.train_metrics.append(logits, labels)
        return self.loss(logits, labels)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy with label smoothing, which training minimises."""
        return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        images, labels = batch
        self.val_metrics.append(self(images), labels)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Logs `test_loss` and `test_accuracy`, and those of a loader called `train` as `test_loss/train` and so on."""
        images, labels = batch
        logits = self(images).float()
        self.test_outputs.setdefault(dataloader_idx, []).append((logits, labels))
        loaders = self.trainer.test_dataloaders
        names = dict(enumerate(loaders if isinstance(loaders, dict) else ["test"]))
        name = names.get(dataloader_idx, f"loader_{dataloader_idx}")
        suffix = "" if name == "test" else f"/{name}"
        loss = functional.cross_entropy(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
        values = {f"test_loss{suffix}": loss, f"test_accuracy{suffix}": accuracy}
        # Logged by the step, or Lightning's answer would have the values of all loaders for each.
        self.log_dict(values, batch_size=len(labels), add_dataloader_idx=False, sync_dist=True)
        return logits

    def on_test_epoch_start(self) -> None:
        self.test_outputs.clear()
        # Lightning refuses a name that the trainer's last test had for a loader at another place.
        self.trainer.test_loop._results.clear()

    def predict_step(self, batch: Tensor | tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Probabilities, float64 (N, num_outputs), of uint8 images (N, 3, S, S), with or without their labels."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        return self(images).double().softmax(dim=1)

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
        # On a plateau Lightning would step after the checkpoint is taken, and a resumed run be a step behind.
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def on_validation_epoch_end(self) -> None:
        self._log_epoch("val", self.val_metrics)

    def _log_epoch(self, split: str, metrics: EpochMetrics) -> None:
        loss, accuracy, recall = metrics.compute()
        if self.trainer.sanity_checking:
            return
        values = name_values(split, self.class_names, loss, accuracy, recall)
        if self.trainer.state.fn != TrainerFn.FITTING:
            self.log_dict(values)
            return
        # The bookkeeping of `self.log` takes a twentieth of an epoch of the lab.
        self.trainer.callback_metrics.update(values)
        if self.loggers:
            # Epochs count from 1 wherever people read them.
            epoch = self.current_epoch + 1
            numbers = {name: float(value) for name, value in values.items()}
            for logger in self.loggers:
                logger.log_metrics({**numbers, "epoch": epoch}, step=epoch)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer_factory(self.parameters())
        if self.scheduler_factory is None:
            return optimizer
        scheduler = self.scheduler_factory(optimizer)
        monitor = getattr(scheduler, "monitor", None)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": monitor}}


@contextlib.contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Switches a net to evaluation for this block."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def find_num_features(backbone: nn.Module, image_size: int) -> int:
    """The F of a backbone that maps (N, 3, S, S) to (N, F), found by running it on two black images.

    Warns if it ends with a linear layer, as the classifiers of libraries do. Raises ValueError if it gives no (2, F).
    """
    outputs: list[tuple[str, nn.Module, Any]] = []
    with torch.no_grad(), evaluating(backbone), contextlib.ExitStack() as hooks:
        for name, layer in backbone.named_modules():
            if not list(layer.children()):
                keep = partial(lambda name, layer, _, output: outputs.append((name, layer, output)), name)
                hooks.enter_context(layer.register_forward_hook(keep))
        features = backbone(torch.zeros(2, 3, image_size, image_size))
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 2:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(
            f"expected a backbone that maps images (2, 3, {image_size}, {image_size}) to features (2, F), but"
            f" {type(backbone).__name__} gives {shape}; end it with a flatten"
        )
    name, last, output = outputs[-1] if outputs else ("", backbone, None)
    if isinstance(last, nn.Linear) and output is features:
        warnings.warn(
            f"{type(backbone).__name__} ends with a linear layer of its own, {name} ({last.in_features} ->"
            f" {last.out_features}), and the classifier's head comes on top; leave it out: num_classes=0 in timm, an"
            " nn.Identity in its place in torchvision (docs/recipes.md)",
            stacklevel=2,
        )
    return features.shape[1]
