"""`predict`: a checkpoint's probabilities for ordinary pictures."""

from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from cifar_lightning.data.images import find_images, read_image
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs.folder import write_csv
from cifar_lightning.runs.scores import OTHER


class _PictureFiles(torch.utils.data.Dataset):
    def __init__(self, files: list[Path], image_size: int) -> None:
        self.files, self.image_size = files, image_size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> torch.Tensor:
        return read_image(self.files[place], self.image_size)


def predict_files(trainer: Trainer, model: ImageClassifier, checkpoint: Path, images: Path, output: Path) -> int:
    """Writes `file,predicted,<class 1>,...` to `output`, a row a picture by name; returns the number of pictures."""
    files = find_images(images)
    loader = DataLoader(_PictureFiles(files, model.hparams["image_size"]), batch_size=64)
    batches = trainer.predict(model, dataloaders=loader, ckpt_path=checkpoint, weights_only=True)
    assert batches is not None
    answers = torch.cat(batches)  # type: ignore[arg-type]
    if not bool(answers.isfinite().all()):
        raise ValueError(
            f"expected answers that are numbers, but the net of {checkpoint} gives some that are none: its training has"
            " diverged; fit anew with a lower learning rate"
        )
    names = [*model.class_names, OTHER]
    num_classes = len(model.class_names)
    rows = []
    for file, probabilities in zip(files, answers.tolist(), strict=True):
        predicted = min(probabilities.index(max(probabilities)), num_classes)
        rows.append([file.name, names[predicted], *probabilities[:num_classes]])
    write_csv(output, ["file", "predicted", *model.class_names], rows)
    return len(files)
