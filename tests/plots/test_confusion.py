"""The confusion matrix as a figure."""

import numpy as np
import pytest
from checks import size_of

from cifar_lightning.plots.confusion import draw_confusion

NAMES = ("apple", "forest", "lawn_mower")


@pytest.mark.parametrize(("num_classes", "num_columns"), [(3, 4), (100, 101)])
def test_confusion_of_few_and_of_many_classes(tmp_path, num_classes, num_columns):
    counts = 90 * np.eye(num_classes, num_columns, dtype=int)
    draw_confusion(tmp_path / "c.png", "avgpool, seed 3", counts.tolist(), [f"$class_{k}$" for k in range(num_classes)])
    width, height = size_of(tmp_path / "c.png")
    assert 700 <= height <= 2000
    assert 900 <= width <= 2200


def test_confusion_of_a_class_without_images(tmp_path):
    draw_confusion(tmp_path / "c.png", "avgpool, seed 3", [[3, 1, 0], [0, 0, 0], [0, 0, 2]], NAMES)
    size_of(tmp_path / "c.png")
