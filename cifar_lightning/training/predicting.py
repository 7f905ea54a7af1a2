"""`predict`: a trained net's probabilities for ordinary images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from cifar_lightning.data.images import find_images, read_image
from cifar_lightning.runs.predictions import OTHER
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.table import Table
from cifar_lightning.training.evaluation import load_model
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework


def predict(run: Run | str | Path, images: str | Path, *, accelerator: str = "auto") -> "FilePredictions":
    """Predicts the class of ordinary images with a trained net.

    Args:
        run: a run, its folder, or a checkpoint file.
        images: an image file, or a folder of them; each is scaled to the size that the net was trained on.
        accelerator: as Lightning's Trainer takes it.

    Raises:
        ValueError: if there is no checkpoint or no image, an image is broken, or the net's answers are not finite.
    """
    files = find_images(Path(images))
    with quiet_framework(), OnlyOwnFrames():
        model = load_model(run)
        trainer = Trainer(
            accelerator=accelerator,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        loader: Any = DataLoader(
            files,  # type: ignore[arg-type]
            batch_size=64,
            collate_fn=lambda batch: torch.stack([read_image(file, model.image_size) for file in batch]),
        )
        batches = trainer.predict(model, dataloaders=loader)
    answers = torch.cat(batches)  # type: ignore[arg-type]
    if not bool(answers.isfinite().all()):
        raise ValueError("expected finite answers, but the training has diverged; fit again with a lower learning rate")
    num_classes = len(model.class_names)
    names = [*model.class_names, OTHER]
    predicted = [names[min(place, num_classes)] for place in answers.argmax(dim=1).tolist()]
    return FilePredictions(
        [file.name for file in files], predicted, model.class_names, answers[:, :num_classes].cpu().numpy()
    )


@dataclass(frozen=True)
class FilePredictions(Table):
    """Predictions for image files, in the order of their names.

    Attributes:
        files: N names.
        predicted: N class names, or `(other)` for an unused output.
        class_names: K names.
        probabilities: float64 (N, K), of the softmax over all outputs.
    """

    files: list[str]
    predicted: list[str]
    class_names: list[str]
    probabilities: np.ndarray

    @property
    def columns(self) -> dict[str, np.ndarray]:
        shares = dict(zip(self.class_names, self.probabilities.T, strict=True))
        return {"file": np.array(self.files, object), "predicted": np.array(self.predicted, object), **shares}
