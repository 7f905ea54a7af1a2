"""Augmentation: of training batches alone, and each image anew."""

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torchvision.transforms import v2

from cifar_lightning import AvgPoolNet, DrawnShapes, ImageClassifier, SubsetDataModule
from cifar_lightning.models.augmentation import augment

IMAGES = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8)
NAMES = ["circle", "star"]


class Inverted(nn.Module):
    """Remembers what it is given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        return 255 - images


# As if it came from that library, which is no requirement.
FromKornia = type(
    "FromKornia", (Inverted,), {"__module__": "kornia.augmentation", "forward": lambda self, images: 1 - images}
)


def test_a_module_gets_the_batches_of_training_whole_and_no_others():
    augmentation = Inverted()
    data = SubsetDataModule(DrawnShapes(num_train=20, num_test=6), classes=NAMES, batch_size=24)
    model = ImageClassifier(AvgPoolNet(), NAMES, augmentation=augmentation)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(max_epochs=2, accelerator="cpu", num_sanity_val_steps=0, **quiet)
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert [(images.dtype, tuple(images.shape)) for images in augmentation.seen] == [
        (torch.uint8, (24, 3, 32, 32)),
        (torch.uint8, (12, 3, 32, 32)),
    ] * 2


def test_the_loss_is_that_of_the_augmented_images():
    model = ImageClassifier(AvgPoolNet(), NAMES)
    labels = torch.arange(64) % 2
    plain = model.training_step((255 - IMAGES, labels), 0)
    model.augmentation = Inverted()
    assert torch.equal(model.training_step((IMAGES, labels), 0), plain)


@pytest.mark.parametrize("flip", [v2.RandomHorizontalFlip(), nn.Sequential(v2.Compose([v2.RandomHorizontalFlip()]))])
def test_torchvisions_transforms_draw_anew_for_each_image(flip):
    torch.manual_seed(0)
    augmented = augment(flip, IMAGES)
    is_kept = (augmented == IMAGES).flatten(1).all(1)
    is_flipped = (augmented == IMAGES.flip(3)).flatten(1).all(1)
    assert bool((is_kept ^ is_flipped).all())
    # 32 are expected, with a standard deviation of 4.
    assert 16 < is_flipped.sum() < 48


def test_kornias_get_floats_and_give_them_back():
    assert torch.equal(augment(FromKornia(), IMAGES), 255 - IMAGES)


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        (v2.RandomCrop(28), r"torch.uint8 \(64, 3, 28, 28\) from RandomCrop"),
        (v2.ToDtype(torch.float32), "torch.float32"),
    ],
)
def test_images_of_another_size_or_type_are_refused(augmentation, said):
    with pytest.raises(ValueError, match=rf"expected model.augmentation to give images as it gets them.*{said}"):
        augment(augmentation, IMAGES)
