"""Images drawn with a seed."""

import pytest
import torch

from cifar_lightning.data import DrawnShapes

SMALL = {"num_train": 5, "num_test": 3}


def as_set(images):
    return {image.numpy().tobytes() for image in images.images}


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_same_seed_draws_the_same_images(split):
    first, second = (DrawnShapes(**SMALL, seed=7).load(split) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.labels, second.labels)


def test_another_seed_draws_others():
    first, second = (as_set(DrawnShapes(**SMALL, seed=seed).load("train")) for seed in (0, 1))
    assert len(first) == 30
    assert not first & second


def test_the_splits_share_no_image():
    source = DrawnShapes(num_train=5, num_test=5)
    assert not as_set(source.load("train")) & as_set(source.load("test"))


def test_neighbouring_seeds_share_no_image_across_splits():
    assert not as_set(DrawnShapes(**SMALL, seed=0).load("test")) & as_set(DrawnShapes(**SMALL, seed=1).load("train"))


def test_images_a_class_are_those_asked_for():
    source = DrawnShapes(num_train=5, num_test=3, image_size=20)
    assert source.load("train").counts() == dict.fromkeys(source.class_names, 5)
    assert source.load("test").counts() == dict.fromkeys(source.class_names, 3)
    assert source.load("test").images.shape == (18, 3, 20, 20)
    assert source.load("test").indices.tolist() == list(range(18))


def test_torchs_seed_has_no_part_in_it_and_is_left_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = DrawnShapes(**SMALL).load("test").images
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(DrawnShapes(**SMALL).load("test").images, first)


def test_without_noise_an_image_has_a_flat_background_and_a_flat_shape():
    images = DrawnShapes(**SMALL, noise=0).load("train")
    for image, label in zip(images.images, images.labels.tolist(), strict=True):
        colours, counts = image.flatten(1).unique(dim=1, return_counts=True)
        background, shape = colours[:, counts.argsort(descending=True)[:2]].int().T
        assert (background - shape).abs().max() >= 99, images.class_names[label]
        assert torch.equal(image[:, 0, 0].int(), background)


def test_noise_has_the_standard_deviation_asked_for():
    clean, noisy = (DrawnShapes(**SMALL, noise=noise).load("train").images.float() for noise in (0, 8))
    inside = (clean[:1] > 40) & (clean[:1] < 215)
    assert (noisy[:1] - clean[:1])[inside].std() == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_train", 0),
        ("num_test", -1),
        ("image_size", 0),
    ],
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"expected {name} of at least 1, got {value}"):
        DrawnShapes(**{name: value})
