"""The mistakes that a net is most confident of."""

import numpy as np
import pytest
from checks import size_of
from PIL import Image

from cifar_lightning.plots.mistakes import draw_mistakes, find_worst_mistakes
from cifar_lightning.plots.reliability import confidences
from cifar_lightning.runs.predictions import Predictions

NAMES = ("apple", "forest", "lawn_mower")
NET = "avgpool, seed 3"


def random_images(count, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def predictions_of(labels, predicted, probabilities):
    return Predictions(
        NAMES, np.arange(len(labels)), np.array(labels), np.array(predicted), np.array(probabilities, float)
    )


def test_mistakes_come_the_most_confident_first_and_right_answers_never():
    predictions = predictions_of(
        labels=[0, 0, 1, 2, 2],
        predicted=[0, 1, 2, 3, 0],
        probabilities=[[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.2, 0.7], [0.1, 0.05, 0.05], [0.65, 0.05, 0.3]],
    )
    # The fourth is an unused output, which is left 1 - 0.2.
    assert confidences(predictions) == pytest.approx([1, 0.6, 0.7, 0.8, 0.65])
    assert find_worst_mistakes(predictions).tolist() == [3, 2, 4, 1]
    assert find_worst_mistakes(predictions, most=2).tolist() == [3, 2]


def test_equally_confident_mistakes_keep_the_order_of_the_file():
    predictions = predictions_of([0, 0, 0], [1, 1, 1], [[0.2, 0.8, 0]] * 3)
    assert find_worst_mistakes(predictions).tolist() == [0, 1, 2]


def test_a_mistake_is_drawn_enlarged_and_without_smoothing(tmp_path):
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1, :, 16:] = (255, 0, 255)
    draw_mistakes(
        tmp_path / "mistakes.png", NET, images, predictions_of([0, 0], [0, 1], [[0.9, 0.1, 0], [0.2, 0.8, 0]])
    )
    with Image.open(tmp_path / "mistakes.png") as file:
        drawn = np.asarray(file.convert("RGB"))
    magenta = (drawn == (255, 0, 255)).all(axis=2)
    rows, columns = magenta.any(axis=1).sum(), magenta.any(axis=0).sum()
    assert rows > 100
    assert columns > 50
    assert magenta.sum() == rows * columns


@pytest.mark.parametrize("num_wrong", [1, 30])
def test_any_number_of_mistakes_can_be_drawn(tmp_path, num_wrong):
    labels, predicted = np.zeros(num_wrong, int), np.ones(num_wrong, int)
    draw_mistakes(
        tmp_path / "m.png",
        NET,
        random_images(num_wrong),
        predictions_of(labels, predicted, [[0.1, 0.9, 0]] * num_wrong),
    )
    width, height = size_of(tmp_path / "m.png")
    assert 900 <= width <= 1600
    assert height <= 1000


def test_a_run_without_mistakes_says_so_in_a_small_image(tmp_path):
    draw_mistakes(tmp_path / "m.png", NET, random_images(2), predictions_of([0, 1], [0, 1], [[1, 0, 0], [0, 1, 0]]))
    assert size_of(tmp_path / "m.png") == (720, 240)
