"""Some classes of a source, split into training and validation, in batches."""

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from jsonargparse import lazy_instance
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from cifar_lightning import lab
from cifar_lightning.data.cifar100 import Cifar100
from cifar_lightning.data.images import LabelledImages
from cifar_lightning.data.source import ImageSource, Split
from cifar_lightning.hints import did_you_mean

# Without gradients larger batches fit; their size changes no score.
_EVAL_BATCH_SIZE = 1024


class SubsetDataModule(LightningDataModule):
    """Keeps some classes of a source, and holds out a share of their training images for validation.

    A batch is `(images, labels)`: uint8 (B, 3, S, S) and int64 (B,), labels 0..K-1 in the order of `classes`. After
    `setup`, `train`, `val`, `test` and `all_training` (train and val together) are the images.

    Args:
        source: where the images come from; CIFAR-100 by default.
        classes: names, or labels of the source, of the classes to keep; None: all. The lab's three by default.
        val_fraction: share of each class's training images held out for validation, 0 <= share < 1.
        split_seed: decides which images are held out, whatever the seed of the training.
        batch_size: images per training step; the last, smaller batch is kept.
        validate_on_test: the lab's protocol: validate on the test split every epoch; `val_fraction` must be 0.

    Raises:
        ValueError: if an argument is out of range. Unknown classes are found by `class_names`.
    """

    def __init__(
        self,
        source: ImageSource = lazy_instance(Cifar100),  # noqa: B008
        classes: list[str | int] | None = [*lab.CLASSES],  # noqa: B006
        val_fraction: float = 0.1,
        split_seed: int = 0,
        batch_size: int = 128,
        validate_on_test: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= val_fraction < 1:
            raise ValueError(f"expected data.val_fraction of at least 0 and below 1, got {val_fraction}; try 0.1")
        if batch_size < 1:
            raise ValueError(f"expected data.batch_size of at least 1, got {batch_size}; try 128")
        if validate_on_test and val_fraction > 0:
            raise ValueError(
                f"expected data.val_fraction 0 with data.validate_on_test, got {val_fraction};"
                " set it to 0 (as configs/lab_protocol.yaml does), or leave validate_on_test false"
            )
        self.source = source
        self.classes = classes
        self.val_fraction = val_fraction
        self.split_seed = split_seed
        self.batch_size = batch_size
        self.validate_on_test = validate_on_test

    @cached_property
    def class_names(self) -> list[str]:
        """Names of the labels 0..K-1. Raises ValueError if a class is unknown, occurs twice, or is the only one."""
        return resolve_classes(self.classes, self.source.class_names)

    @property
    def protocol(self) -> str:
        """`lab`: the test split's curve is drawn every epoch; `holdout`: the test split is read by `test` alone."""
        return "lab" if self.validate_on_test else "holdout"

    @property
    def image_size(self) -> int:
        """The side of the images, in pixels."""
        return self.source.image_size

    def prepare_data(self) -> None:
        self.source.prepare()

    def setup(self, stage: str) -> None:
        if stage != "predict" and not hasattr(self, "train"):
            self.all_training = self._load("train")
            self.train, self.val = split_by_class(self.all_training, self.val_fraction, self.split_seed)
        if (stage in ("test", "predict") or self.validate_on_test) and not hasattr(self, "test"):
            self.test = self._load("test")

    def _load(self, split: Split) -> LabelledImages:
        images = self.source.load(split).keep_classes(tuple(self.class_names))
        for name, count in images.counts().items():
            if count == 0:
                raise ValueError(
                    f"expected images of every class in the {split} split, but {name!r} has none;"
                    " leave it out of data.classes"
                )
        return images

    def train_dataloader(self) -> DataLoader:
        return self._loader(self.train, self.batch_size, shuffle_seed=torch.initial_seed())

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        images = self.test if self.validate_on_test else self.val
        return self._loader(images) if len(images) else []

    def test_dataloader(self) -> dict[str, DataLoader]:
        """One loader per split of `evaluation_splits`."""
        return {split: self._loader(images) for split, images in self.evaluation_splits.items()}

    def predict_dataloader(self) -> DataLoader:
        """The test images and their labels."""
        return self._loader(self.test)

    @property
    def evaluation_splits(self) -> dict[str, LabelledImages]:
        """The images that `test` scores: `train`, `val` (where a share is held out) and `test`."""
        splits = {"train": self.train, "val": self.val, "test": self.test}
        return {name: images for name, images in splits.items() if len(images)}

    def _loader(
        self, images: LabelledImages, batch_size: int = _EVAL_BATCH_SIZE, shuffle_seed: int | None = None
    ) -> DataLoader:
        device = home = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        # Half of what is free is left for the net.
        if device.type == "cuda" and images.images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
            warnings.warn(
                f"{len(images):,} images ({images.images.nbytes / 1e6:.0f} MB) are more than half of the free GPU"
                " memory: they stay on the host, and batches are copied from pinned memory",
                stacklevel=2,
            )
            home = torch.device("cpu")
        dataset = _ImageSet(images.images.to(home), images.labels.to(home))
        return DataLoader(
            dataset,
            batch_size=min(batch_size, len(images)),
            sampler=None if shuffle_seed is None else EpochShuffle(dataset, shuffle_seed),
            collate_fn=lambda batch: batch,
            # A loader draws a number whenever it starts, which would change what dropout draws in a resumed run.
            generator=torch.Generator(),
            pin_memory=home != device,
        )


class _ImageSet(Dataset):
    def __init__(self, images: Tensor, labels: Tensor) -> None:
        # Rows are gathered fast, and a batch comes in channels_last. No copy: subsets have that format.
        self.rows = images.permute(0, 2, 3, 1).contiguous()
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        return self.rows[position].permute(2, 0, 1), self.labels[position]

    def __getitems__(self, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(positions)
        if self.labels.is_cuda:
            # From pinned memory the copy waits for nothing.
            index = index.pin_memory().to(self.labels.device, non_blocking=True)
        return self.rows.index_select(0, index).permute(0, 3, 1, 2), self.labels.index_select(0, index)


def epoch_order(num_images: int, seed: int, epoch: int) -> Tensor:
    """The order in which an epoch goes through `num_images` images, int64 (num_images,), in every engine.

    It depends on the arguments alone, so a resumed run sees that of a run which was never stopped.
    """
    # Seeds of neighbouring runs and epochs must not meet: a prime beyond any number of epochs.
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(num_images, generator=generator)


class EpochShuffle(RandomSampler):
    """Goes through the images in `epoch_order`; Lightning calls `set_epoch`."""

    def __init__(self, images: Dataset, seed: int) -> None:
        super().__init__(images)  # type: ignore[arg-type]
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(epoch_order(self.num_samples, self.seed, self.epoch).tolist())


def resolve_classes(classes: Sequence[str | int] | None, known: Sequence[str]) -> list[str]:
    """Names of `classes`, given as names or as places in `known`; None: all of `known`."""
    names = list(known) if classes is None else [_class_name(entry, known) for entry in classes]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"expected every class once, but {name!r} occurs twice in data.classes; remove one")
    if len(names) < 2:
        raise ValueError(f"expected at least two classes, got {names}; add one to data.classes")
    return names


def _class_name(entry: str | int, known: Sequence[str]) -> str:
    if isinstance(entry, int):
        if not 0 <= entry < len(known):
            raise ValueError(f"expected a class of 0..{len(known) - 1}, got {entry}; name one of them in data.classes")
        return known[entry]
    if entry not in known:
        hint = did_you_mean(entry, known, "add `--data.classes null` for all classes of the source, or name some.")
        examples = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
        raise ValueError(f"unknown class {entry!r}; {hint} The source has {len(known)}: {examples}")
    return entry


def split_by_class(images: LabelledImages, val_fraction: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Holds out a share of each class: returns the training and the validation images, in their former order.

    Raises ValueError if a class would be left without a training image.
    """
    generator = torch.Generator().manual_seed(seed)
    is_val = torch.zeros(len(images), dtype=torch.bool)
    for label, (name, count) in enumerate(images.counts().items()):
        # At least one, so that a small class is seen in validation too.
        num_val = max(1, round(val_fraction * count)) if val_fraction else 0
        if num_val >= count:
            raise ValueError(
                f"expected at least {num_val + 1} training images of {name!r} to hold out {num_val}, got {count};"
                " lower data.val_fraction"
            )
        positions = torch.nonzero(images.labels == label).flatten()
        is_val[positions[torch.randperm(count, generator=generator)[:num_val]]] = True
    return images.subset(torch.nonzero(~is_val).flatten()), images.subset(torch.nonzero(is_val).flatten())
