"""What the classifier logs of an epoch, with any logger or none."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import Logger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cifar_lightning.models.classifier import ImageClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:Attribute '(backbone|optimizer)'"),
    pytest.mark.filterwarnings("ignore:The '.*dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
]


class Notes(Logger):
    """Keeps all that it is given, as (step, metrics)."""

    name, version = "notes", 0

    def __init__(self):
        super().__init__()
        self.notes = []

    def log_metrics(self, metrics, step=None):
        self.notes.append((step, dict(metrics)))

    def log_hyperparams(self, *args, **kwargs):
        pass


def fit(logger, max_epochs=2):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8, generator=generator)
    images = TensorDataset(images, torch.arange(12) % 2)
    torch.manual_seed(0)
    model = ImageClassifier(nn.Flatten(), ["ant", "bee"], image_size=4)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=max_epochs,
        logger=logger,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(images, batch_size=5), DataLoader(images, batch_size=12))
    return model, trainer, images


@pytest.mark.parametrize("split", ["train", "val"])
def test_each_metric_is_logged_once_an_epoch_and_the_sanity_check_never(split):
    logger = Notes()
    fit(logger)
    names = ("loss", "accuracy", "recall/ant", "recall/bee")
    for name in names:
        noted = [metrics["epoch"] for _, metrics in logger.notes if f"{split}_{name}" in metrics]
        assert noted == [1, 2], name


def test_validation_is_that_of_the_net_after_the_epoch():
    logger = Notes()
    model, _, images = fit(logger)
    images, labels = images.tensors
    with torch.no_grad():
        logits = model(images)
    last = {name: value for _, metrics in logger.notes for name, value in metrics.items()}
    assert last["val_loss"] == pytest.approx(nn.CrossEntropyLoss()(logits, labels).item(), rel=1e-6)
    right = logits.argmax(1) == labels
    assert last["val_accuracy"] == pytest.approx(right.float().mean().item())
    assert last["val_recall/bee"] == pytest.approx(right[labels == 1].float().mean().item())


def test_without_a_logger_callbacks_still_see_all_metrics():
    _, trainer, _ = fit(logger=False)
    assert set(trainer.callback_metrics) == {
        f"{split}_{name}" for split in ("train", "val") for name in ("loss", "accuracy", "recall/ant", "recall/bee")
    }
