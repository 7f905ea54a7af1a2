"""The figures of a run: sizes, order and numbers. How they look is for people to judge."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.classification import MulticlassCalibrationError

from cifar_lightning.plots.confusion import draw_confusion
from cifar_lightning.plots.curve_figure import draw_curves
from cifar_lightning.plots.image_sheet import draw_test_images
from cifar_lightning.plots.kit import shorten, text_width
from cifar_lightning.plots.mistakes import draw_mistakes, find_worst_mistakes
from cifar_lightning.plots.reliability import CalibrationBins, _describe_calibration, confidences, draw_reliability
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.predictions import Predictions

NAMES = ("apple", "forest", "lawn_mower")
HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n"


def random_images(count, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def predictions_of(labels, predicted, probabilities):
    return Predictions(
        NAMES, np.arange(len(labels)), np.array(labels), np.array(predicted), np.array(probabilities, float)
    )


def random_predictions(num_outputs, num_classes, spread, count=2000):
    """Predictions, and the probabilities of all outputs, from random logits that lean towards the label."""
    generator = np.random.default_rng(num_outputs)
    labels = generator.integers(0, num_classes, count)
    logits = spread * generator.normal(size=(count, num_outputs))
    logits[np.arange(count), labels] += spread
    everything = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"class {k}" for k in range(num_classes)]
    return Predictions.from_logits(names, np.arange(count), labels, logits), everything


def size_of(path):
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize("count", [1, 20, 45])
def test_tiles_cut_from_the_sheet_are_the_images_to_the_pixel(tmp_path, count):
    images = random_images(count)
    draw_test_images(tmp_path / "sheet.png", images)
    with Image.open(tmp_path / "sheet.png") as file:
        assert file.mode == "RGB"
        sheet = np.asarray(file)
    assert sheet.shape == (32 * -(-count // 20), 640, 3)
    for place, image in enumerate(images):
        top, left = 32 * (place // 20), 32 * (place % 20)
        assert (sheet[top : top + 32, left : left + 32] == image).all()
    if count == 45:
        assert (sheet[64:, 160:] == 255).all()


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
    draw_mistakes(tmp_path / "mistakes.png", images, predictions_of([0, 0], [0, 1], [[0.9, 0.1, 0], [0.2, 0.8, 0]]))
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
        tmp_path / "m.png", random_images(num_wrong), predictions_of(labels, predicted, [[0.1, 0.9, 0]] * num_wrong)
    )
    width, height = size_of(tmp_path / "m.png")
    assert 900 <= width <= 1600
    assert height <= 1000


def test_a_run_without_mistakes_says_so_in_a_small_image(tmp_path):
    draw_mistakes(tmp_path / "m.png", random_images(2), predictions_of([0, 1], [0, 1], [[1, 0, 0], [0, 1, 0]]))
    assert size_of(tmp_path / "m.png") == (720, 240)


@pytest.mark.parametrize(("num_classes", "num_columns"), [(3, 4), (100, 101)])
def test_confusion_of_few_and_of_many_classes(tmp_path, num_classes, num_columns):
    counts = 90 * np.eye(num_classes, num_columns, dtype=int)
    draw_confusion(tmp_path / "c.png", counts.tolist(), [f"$class_{k}$" for k in range(num_classes)])
    width, height = size_of(tmp_path / "c.png")
    assert 700 <= height <= 2000
    assert 900 <= width <= 2200


@pytest.mark.filterwarnings("error")
def test_names_of_any_length_and_script_are_drawn_without_a_warning(tmp_path):
    names = ("W" * 200, "漢字" * 40, "😀 a\tb")
    predictions = Predictions(names, np.arange(2), np.array([0, 1]), np.array([1, 2]), np.full((2, 3), 1 / 3))
    draw_mistakes(tmp_path / "m.png", random_images(2), predictions)
    draw_confusion(tmp_path / "c.png", [[3, 1, 0], [0, 2, 0], [0, 0, 2]], names)
    assert size_of(tmp_path / "m.png")[0] == 912
    assert size_of(tmp_path / "c.png")[0] < 1200


@pytest.mark.parametrize("name", ["W" * 200, "lawn_mower" * 20, "漢字" * 40])
def test_a_long_name_keeps_its_ends_and_the_width_that_it_may_take(name):
    short = shorten(name, 1.3, 12)
    assert text_width(short, 12) <= 1.3
    first, last = short.split("…")
    assert len(first) >= len(last) > 0
    assert name.startswith(first)
    assert name.endswith(last)
    assert shorten("aquarium_fish", 1.3, 12) == "aquarium_fish"


@pytest.mark.parametrize(
    ("num_right", "confidence", "said"),
    [
        # Wilson's interval of 257 right of 300 is 0.813 to 0.892.
        (257, 0.846, "as sure as it is right, within the uncertainty of 300 images"),
        (257, 0.80, "under-confident: 80.0 % sure on average, right in 85.7 %"),
        (257, 0.90, "over-confident: 90.0 % sure on average, right in 85.7 %"),
    ],
)
def test_a_net_is_called_over_or_under_confident_only_beyond_the_uncertainty(num_right, confidence, said):
    rest = (1 - confidence) / 2
    predicted = (np.arange(300) >= num_right).astype(int)
    predictions = predictions_of([0] * 300, predicted, np.full((300, 3), [confidence, confidence, rest]))
    assert said in _describe_calibration(CalibrationBins.sort(predictions))


def test_confusion_of_a_class_without_images(tmp_path):
    draw_confusion(tmp_path / "c.png", [[3, 1, 0], [0, 0, 0], [0, 0, 2]], NAMES)
    size_of(tmp_path / "c.png")


@pytest.mark.parametrize(
    "rows",
    [
        ["0,0.9,0.5,0.8,0.6,1", "1,0.4,0.8,0.5,0.7,2", "2,0.1,1.0,0.9,0.7,3"],
        ["0,0.9,0.5,0.8,0.6,1"],
        ["0,0.9,0.5,,,1", "1,0.4,0.8,,,2"],
        ["0,0.9,0.5,,,1", "1,0.4,0.8,0.5,0.7,2"],
        ["0,0.9,0.5,0.8,0.6,1", "1,nan,0.3,nan,0.3,2"],
        ["0,inf,0.3,inf,0.3,2"],
    ],
    ids=["rising", "one epoch", "no validation", "validation begins late", "blown up", "infinite"],
)
def test_curves_of_any_run_fill_a_slide(tmp_path, rows):
    draw_curves(tmp_path / "curves.png", Curves.parse(HEADER + "\n".join(rows)), val_name="test (lab protocol)")
    assert size_of(tmp_path / "curves.png") == (1596, 780)


def test_curves_without_an_epoch_say_so(tmp_path):
    draw_curves(tmp_path / "curves.png", Curves.parse(HEADER))
    assert size_of(tmp_path / "curves.png") == (720, 240)


@pytest.mark.parametrize("spread", [0.5, 3.0])
@pytest.mark.parametrize(("num_outputs", "num_classes"), [(2, 2), (3, 3), (4, 3), (100, 100)])
@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_calibration_error_matches_torchmetrics(num_bins, num_outputs, num_classes, spread):
    predictions, everything = random_predictions(num_outputs, num_classes, spread)
    reference = MulticlassCalibrationError(num_outputs, n_bins=num_bins, norm="l1")
    expected = reference(torch.from_numpy(everything), torch.from_numpy(predictions.labels)).item()
    assert CalibrationBins.sort(predictions, num_bins).expected_error == pytest.approx(expected, abs=1e-6)


def test_calibration_error_worked_out_by_hand():
    # Bin [0.5, 0.75): one right at 0.6, so 0.4 apart. Bin [0.75, 1]: 0.8 right, 1.0 wrong; 0.5 against 0.9.
    predictions = predictions_of([0, 0, 0], [0, 0, 1], [[0.6, 0.4, 0], [0.8, 0.2, 0], [0, 1, 0]])
    bins = CalibrationBins.sort(predictions, num_bins=4)
    assert bins.counts.tolist() == [0, 0, 1, 2]
    assert bins.accuracy[2:].tolist() == [1.0, 0.5]
    assert bins.confidence[2:] == pytest.approx([0.6, 0.9])
    assert bins.expected_error == pytest.approx(0.4 / 3 + 0.4 * 2 / 3)


@pytest.mark.parametrize("num_outputs", [3, 5])
def test_reliability_diagram_fills_half_a_slide(tmp_path, num_outputs):
    draw_reliability(tmp_path / "r.png", random_predictions(num_outputs, 3, 1.0)[0])
    assert size_of(tmp_path / "r.png") == (1080, 900)


def test_the_same_figure_gives_the_same_bytes_and_leaves_nothing_else(tmp_path):
    predictions = random_predictions(3, 3, 1.0, count=50)[0]
    draw_reliability(tmp_path / "a.png", predictions)
    draw_reliability(tmp_path / "b.png", predictions)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
