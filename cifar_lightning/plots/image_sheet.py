"""The test images on one sheet, `test_images.png`, from which programs cut them again."""

from pathlib import Path

import numpy as np
from PIL import Image

from cifar_lightning.runs.disk import write_whole

SHEET_COLUMNS = 20


def draw_test_images(path: Path, images: np.ndarray) -> None:
    """Writes `images`, uint8 (N, S, S, 3), RGB, N at least 1, pixel by pixel, 20 per row without gaps.

    They are in the order of `test_predictions.csv`. The rest of the last row is white.
    """
    count, side = images.shape[:2]
    num_rows = -(-count // SHEET_COLUMNS)
    tiles = np.full((num_rows * SHEET_COLUMNS, side, side, 3), 255, np.uint8)
    tiles[:count] = images
    rows = tiles.reshape(num_rows, SHEET_COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4)
    sheet = Image.fromarray(rows.reshape(num_rows * side, SHEET_COLUMNS * side, 3))
    write_whole(path, lambda file: sheet.save(file, format="PNG"))


def read_test_images(path: Path, count: int) -> np.ndarray | None:
    """The first `count` images of the sheet that `draw_test_images` wrote, uint8 (`count`, S, S, 3).

    None where the file is damaged, has another number of images, or is something else.
    """
    num_rows = -(-count // SHEET_COLUMNS)
    try:
        with Image.open(path, formats=("PNG",)) as sheet:
            side = sheet.width // SHEET_COLUMNS
            if side == 0 or sheet.size != (SHEET_COLUMNS * side, num_rows * side):
                return None
            pixels = np.asarray(sheet.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    rows = pixels.reshape(num_rows, side, SHEET_COLUMNS, side, 3).transpose(0, 2, 1, 3, 4)
    return rows.reshape(-1, side, side, 3)[:count]
