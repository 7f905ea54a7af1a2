"""The sheet of test images, `test_images.png`."""

import numpy as np
import pytest
from PIL import Image

from cifar_lightning.plots.image_sheet import draw_test_images, read_test_images


def random_images(count, side=32):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


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


def test_the_sheet_reads_back_and_anything_else_is_none(tmp_path):
    images = random_images(25)
    draw_test_images(tmp_path / "sheet.png", images)
    assert np.array_equal(read_test_images(tmp_path / "sheet.png", 25), images)
    assert read_test_images(tmp_path / "sheet.png", 61) is None
    (tmp_path / "text.png").write_text("no image")
    assert read_test_images(tmp_path / "text.png", 25) is None
