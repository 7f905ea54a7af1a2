"""Which classes are kept, and which of their images are held out."""

import pytest
import torch

from cifar_lightning.data.cifar100 import FINE_CLASSES
from cifar_lightning.data.data_module import resolve_classes, split_by_class
from cifar_lightning.data.images import LabelledImages

KNOWN = ("ant", "bee", "cat", "dog")


def make_images(counts):
    """Classes take turns until their counts are used up, as in a shuffled set."""
    labels = [label for turn in range(max(counts)) for label, count in enumerate(counts) if turn < count]
    pixels = torch.zeros(len(labels), 3, 2, 2, dtype=torch.uint8)
    return LabelledImages(pixels, torch.tensor(labels), KNOWN[: len(counts)], torch.arange(len(labels)))


def test_names_numbers_and_both_mean_the_same_classes():
    expected = ["apple", "forest", "lawn_mower"]
    assert resolve_classes(["apple", "forest", "lawn_mower"], FINE_CLASSES) == expected
    assert resolve_classes([0, 33, 41], FINE_CLASSES) == expected
    assert resolve_classes([0, "forest", 41], FINE_CLASSES) == expected


def test_the_order_asked_is_kept():
    assert resolve_classes(["dog", 0, "cat"], KNOWN) == ["dog", "ant", "cat"]


def test_null_means_all_classes():
    assert resolve_classes(None, KNOWN) == list(KNOWN)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["aple", "forest"], r"unknown class 'aple'; did you mean 'apple'\? The source has 100: apple, aquarium_fish"),
        (["lawnmower", "forest"], r"did you mean 'lawn_mower'\?"),
        (
            ["zzz", "forest"],
            r"unknown class 'zzz'; add `--data.classes null` for all classes of the source, .* The source has 100",
        ),
        ([0, 100], r"expected a class of 0\.\.99, got 100"),
        ([-1, 3], r"expected a class of 0\.\.99, got -1"),
        (["apple", "forest", "apple"], "expected every class once, but 'apple' occurs twice"),
        ([0, "apple"], "'apple' occurs twice"),
        (["apple"], r"expected at least two classes, got \['apple'\]"),
        ([], r"expected at least two classes, got \[\]"),
    ],
)
def test_mistakes_in_the_list_of_classes(classes, message):
    with pytest.raises(ValueError, match=message):
        resolve_classes(classes, FINE_CLASSES)


@pytest.mark.parametrize(
    ("counts", "fraction", "held_out"),
    [
        ((500, 500, 500), 0.1, (50, 50, 50)),
        ((500, 100, 20), 0.1, (50, 10, 2)),
        # 0.7 and 1.5 images: never none, halves go to the even number.
        ((7, 15), 0.1, (1, 2)),
        ((4, 2), 0.01, (1, 1)),
        ((4, 2), 0.0, (0, 0)),
    ],
)
def test_the_same_share_of_each_class_is_held_out(counts, fraction, held_out):
    train, val = split_by_class(make_images(counts), fraction, seed=0)
    assert tuple(val.counts().values()) == held_out
    assert tuple(train.counts().values()) == tuple(c - h for c, h in zip(counts, held_out, strict=True))


def test_the_parts_are_disjoint_whole_and_in_their_former_order():
    images = make_images((30, 20, 10))
    train, val = split_by_class(images, 0.3, seed=1)
    train_indices, val_indices = train.indices.tolist(), val.indices.tolist()
    assert sorted(train_indices + val_indices) == list(range(60))
    assert train_indices == sorted(train_indices)
    assert val_indices == sorted(val_indices)
    for part in (train, val):
        assert part.labels.tolist() == images.labels[part.indices].tolist()


def test_the_split_follows_its_seed_alone():
    images = make_images((50, 50))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = split_by_class(images, 0.2, seed=5)[1].indices.tolist()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert split_by_class(images, 0.2, seed=5)[1].indices.tolist() == first
    assert split_by_class(images, 0.2, seed=6)[1].indices.tolist() != first


def test_the_held_out_images_are_drawn_from_everywhere():
    val = split_by_class(make_images((500, 500)), 0.2, seed=0)[1]
    # 200 of 1000 places: their mean has a standard deviation of 18.
    assert val.indices.float().mean().item() == pytest.approx(500, abs=80)


def test_a_class_that_would_lose_all_its_images_is_named():
    with pytest.raises(ValueError, match="expected at least 2 training images of 'bee' to hold out 1, got 1"):
        split_by_class(make_images((10, 1)), 0.1, seed=0)
    with pytest.raises(ValueError, match="expected at least 5 training images of 'ant' to hold out 4, got 4"):
        split_by_class(make_images((4, 10)), 0.9, seed=0)
