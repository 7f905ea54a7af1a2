"""Labelled images in memory."""

import pytest
import torch

from cifar_lightning.data.images import LabelledImages


def make_labelled(labels, names):
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    return LabelledImages(pixels, torch.tensor(labels), names, torch.arange(100, 100 + len(labels)))


def test_labels_follow_the_order_asked():
    images = make_labelled([0, 1, 2, 3, 2, 1, 0], ("ant", "bee", "cat", "dog"))
    kept = images.keep_classes(("dog", "ant", "cat"))
    assert kept.class_names == ("dog", "ant", "cat")
    assert kept.labels.tolist() == [1, 2, 0, 2, 1]
    assert kept.indices.tolist() == [100, 102, 103, 104, 106]
    assert kept.images[:, 0, 0, 0].tolist() == [0, 2, 3, 4, 6]
    assert kept.counts() == {"dog": 1, "ant": 2, "cat": 2}


def test_counts_name_classes_without_images_too():
    assert make_labelled([2, 2], ("ant", "bee", "cat")).counts() == {"ant": 0, "bee": 0, "cat": 2}


@pytest.mark.parametrize(
    ("images", "count"),
    [
        (torch.zeros(2, 3, 4, 4), 2),
        (torch.zeros(2, 4, 4, 3, dtype=torch.uint8), 2),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), 3),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), 1),
    ],
    ids=["floats", "channels last", "no channels", "too few labels"],
)
def test_images_of_another_form_are_refused(images, count):
    with pytest.raises(ValueError, match=r"expected images, uint8 \(N, 3, S, S\), with labels \(N,\) .*, got torch"):
        LabelledImages(images, torch.zeros(count, dtype=torch.int64), ("ant", "bee"), torch.arange(len(images)))
