"""Batches of the data module, and its shuffle."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler, SequentialSampler

from cifar_lightning.data import Cifar100, DrawnShapes, SubsetDataModule
from cifar_lightning.data.data_module import EpochShuffle, epoch_order

SOURCE = DrawnShapes(num_train=20, num_test=7, image_size=8)
CLASSES = ["ring", "circle", "star"]


def make_data(stage="test", **settings):
    data = SubsetDataModule(SOURCE, **{"classes": CLASSES, **settings})
    data.prepare_data()
    data.setup(stage)
    return data


def as_set(images):
    return {image.numpy().tobytes() for image in images}


def gather(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val_fraction": 1.0}, r"data\.val_fraction of at least 0 and below 1, got 1\.0"),
        ({"val_fraction": -0.1}, r"data\.val_fraction of at least 0 and below 1, got -0\.1"),
        ({"val_fraction": float("nan")}, r"data\.val_fraction .* got nan"),
        ({"batch_size": 0}, r"data\.batch_size of at least 1, got 0"),
        ({"validate_on_test": True}, r"data\.val_fraction 0 with data\.validate_on_test, got 0\.1"),
    ],
)
def test_arguments_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SubsetDataModule(SOURCE, **settings)


def test_an_unknown_class_is_found_before_any_image_is_read():
    with pytest.raises(ValueError, match="unknown class 'rng'; did you mean 'ring'"):
        _ = SubsetDataModule(SOURCE, classes=["rng", "star"]).class_names


def test_a_class_without_images_is_named():
    class Lacking(DrawnShapes):
        def load(self, split):
            images = super().load(split)
            return images.subset(torch.nonzero(images.labels != 3).flatten())

    data = SubsetDataModule(Lacking(num_train=4, num_test=2), classes=["ring", "star"])
    with pytest.raises(ValueError, match="images of every class in the train split, but 'star' has none"):
        data.setup("fit")


def test_labels_follow_the_order_of_the_config():
    data = make_data()
    published = SOURCE.load("test")
    names = [published.class_names[label] for label in published.labels[data.test.indices].tolist()]
    assert [CLASSES[label] for label in data.test.labels.tolist()] == names
    assert torch.equal(data.test.images, published.images[data.test.indices])


@pytest.mark.parametrize(("batch_size", "sizes"), [(16, [16, 16, 16, 6]), (27, [27, 27]), (1000, [54]), (1, [1] * 54)])
def test_batches_cover_the_epoch_and_the_last_partial_one_is_kept(batch_size, sizes):
    data = make_data("fit", batch_size=batch_size)
    loader = data.train_dataloader()
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == sizes
    assert len(loader) == len(sizes)
    images, labels = gather(batches)
    assert (images.dtype, labels.dtype, images.shape) == (torch.uint8, torch.int64, (54, 3, 8, 8))
    assert as_set(images) == as_set(data.train.images)
    assert torch.bincount(labels).tolist() == [18, 18, 18]


def test_every_image_of_a_batch_keeps_its_label():
    data = make_data("fit")
    label_of = {
        image.numpy().tobytes(): label
        for image, label in zip(data.train.images, data.train.labels.tolist(), strict=True)
    }
    images, labels = gather(data.train_dataloader())
    assert [label_of[image.contiguous().numpy().tobytes()] for image in images] == labels.tolist()


def test_evaluation_goes_through_every_split_in_order():
    data = make_data(val_fraction=0.25)
    splits = data.evaluation_splits
    assert {name: len(images) for name, images in splits.items()} == {"train": 45, "val": 15, "test": 21}
    for images, loader in zip(splits.values(), data.test_dataloader().values(), strict=True):
        loaded, labels = gather(loader)
        assert torch.equal(loaded, images.images)
        assert torch.equal(labels, images.labels)


def test_without_a_held_out_share_there_is_no_validation():
    data = make_data(val_fraction=0.0)
    assert list(data.evaluation_splits) == ["train", "test"]
    assert len(data.train) == 60
    assert data.val_dataloader() == []


def test_fitting_reads_the_test_split_in_the_labs_protocol_alone():
    assert not hasattr(make_data("fit"), "test")
    data = make_data("fit", val_fraction=0.0, validate_on_test=True)
    assert torch.equal(gather(data.val_dataloader())[0], data.test.images)


def test_prediction_is_of_the_test_images():
    data = make_data("predict")
    assert not hasattr(data, "train")
    assert torch.equal(gather(data.predict_dataloader())[0], data.test.images)


def test_the_labs_data_by_default():
    data = SubsetDataModule()
    assert isinstance(data.source, Cifar100)
    assert data.class_names == ["apple", "forest", "lawn_mower"]
    assert len(SubsetDataModule(classes=None).class_names) == 100


def test_the_default_source_reads_the_data_where_the_environment_says(small_cifar, tmp_path, monkeypatch):
    small_cifar.put_folder(tmp_path)
    monkeypatch.setenv("CIFAR_LIGHTNING_DATA", str(tmp_path))
    for _ in range(2):
        data = SubsetDataModule(val_fraction=0)
        data.prepare_data()
        data.setup("test")
        assert data.train.counts() == {"apple": 2, "forest": 2, "lawn_mower": 1}
    assert data.source.root is None


def test_all_training_images_keep_the_published_order():
    data = make_data("fit", val_fraction=0.25)
    assert data.all_training.indices.tolist() == sorted(data.train.indices.tolist() + data.val.indices.tolist())


def orders(seed, epochs):
    shuffle = EpochShuffle(range(50), seed)
    result = []
    for epoch in epochs:
        shuffle.set_epoch(epoch)
        result.append(list(shuffle))
    return result


def test_the_order_of_an_epoch_is_that_of_torchs_sampler():
    for seed, epoch in ((0, 0), (0, 3), (7, 2)):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        expected = list(RandomSampler(range(50), generator=generator))
        assert epoch_order(50, seed, epoch).tolist() == expected
        assert orders(seed, [epoch]) == [expected]


def test_the_shuffle_depends_on_seed_and_epoch_alone():
    first, second, third = orders(seed=0, epochs=(0, 1, 2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second != third
    torch.manual_seed(99)
    torch.rand(5)
    assert orders(seed=0, epochs=(2, 0, 0)) == [third, first, first]
    assert orders(seed=1, epochs=(0,)) != [first]
    assert orders(seed=1, epochs=(0,)) != [second]


def test_the_shuffle_leaves_torchs_own_generator_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    orders(seed=3, epochs=(0, 1))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_largest_seed_of_torch_is_no_trouble():
    (order,) = orders(seed=2**64 - 1, epochs=(10**6,))
    assert sorted(order) == list(range(50))


def test_the_training_loader_shuffles_by_the_seed_of_the_run():
    data = make_data("fit")
    torch.manual_seed(1)
    one, again = gather(data.train_dataloader())[0], gather(data.train_dataloader())[0]
    torch.manual_seed(2)
    other = gather(data.train_dataloader())[0]
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert as_set(one) == as_set(other)


def test_loaders_draw_nothing_from_torchs_own_generator():
    data = make_data("test")
    torch.manual_seed(0)
    state = torch.get_rng_state()
    for loader in (data.train_dataloader(), data.val_dataloader(), *data.test_dataloader().values()):
        gather(loader)
    assert torch.equal(torch.get_rng_state(), state)


def reload(loader, sampler, **settings):
    """Another stock loader over the same images."""
    return DataLoader(loader.dataset, sampler=sampler, collate_fn=loader.collate_fn, **settings)


def test_a_sequential_sampler_gives_the_published_order():
    data = make_data("fit")
    loader = data.train_dataloader()
    images, labels = gather(reload(loader, SequentialSampler(loader.dataset), batch_size=16))
    assert torch.equal(images, data.train.images)
    assert torch.equal(labels, data.train.labels)


def test_two_ranks_of_a_distributed_sampler_share_the_images():
    data = make_data("fit")
    loader = data.train_dataloader()
    parts = [
        gather(reload(loader, DistributedSampler(loader.dataset, num_replicas=2, rank=rank), batch_size=10))[0]
        for rank in (0, 1)
    ]
    assert [len(part) for part in parts] == [27, 27]
    assert as_set(torch.cat(parts)) == as_set(data.train.images)


def test_a_random_sampler_with_replacement_and_single_images_work():
    loader = make_data("fit").train_dataloader()
    sampler = RandomSampler(loader.dataset, replacement=True, num_samples=100)
    assert len(gather(reload(loader, sampler, batch_size=33))[0]) == 100
    image, label = loader.dataset[3]
    images, labels = loader.dataset.__getitems__([3])
    assert torch.equal(image, images[0])
    assert label == labels[0]


def test_batches_come_in_channels_last():
    images, _ = next(iter(make_data("fit").train_dataloader()))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_images_that_do_not_fit_on_the_gpu_stay_on_the_host_and_say_so(monkeypatch):
    data = SubsetDataModule(DrawnShapes(num_train=4, num_test=2), classes=None, val_fraction=0)
    data.setup("fit")
    data.trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda")))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * data.train.images.nbytes - 1, 10**12))
    with pytest.warns(UserWarning, match="they stay on the host, and batches are copied from pinned memory"):
        loader = data.train_dataloader()
    assert loader.pin_memory
    assert loader.dataset.labels.device.type == "cpu"
