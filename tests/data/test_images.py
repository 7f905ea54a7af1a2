"""Images read from files of every kind that people have."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from cifar_lightning.data.images import find_images, read_image

RED, GREEN, BLUE, WHITE, GREY = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [99, 99, 99]


def save(path, image, **options):
    image.save(path, **options)
    return path


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def colour_at(image, row, column):
    return image[:, row, column].tolist()


@pytest.mark.parametrize("suffix", ["png", "PNG"])
def test_an_rgb_image_of_the_right_size_comes_unchanged(tmp_path, suffix):
    pixels = noise(32, 32, 3)
    image = read_image(save(tmp_path / f"a.{suffix}", Image.fromarray(pixels)))
    assert image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels)


def test_grey_goes_to_three_equal_channels(tmp_path):
    pixels = noise(32, 32)
    image = read_image(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert all(np.array_equal(channel.numpy(), pixels) for channel in image)


def test_grey_of_16_bits_is_scaled_to_8(tmp_path):
    levels = noise(32, 32, dtype=np.uint16)
    levels[0, :6] = [0, 128, 129, 257, 65_406, 65_535]
    image = read_image(save(tmp_path / "a.png", Image.fromarray(levels)))
    assert image[0, 0, :6].tolist() == [0, 0, 1, 1, 254, 255]
    assert all(np.array_equal(channel.numpy(), np.round(levels / 257)) for channel in image)


def test_black_and_white_of_one_bit_goes_to_0_and_255(tmp_path):
    pixels = noise(32, 32) > 127
    image = read_image(save(tmp_path / "a.png", Image.fromarray(pixels)))
    assert np.array_equal(image[1].numpy(), pixels * np.uint8(255))


def test_a_cmyk_jpeg_shows_its_colours(tmp_path):
    yellow = Image.new("CMYK", (40, 40), (0, 0, 255, 0))
    red, green, blue = colour_at(read_image(save(tmp_path / "a.jpg", yellow)), 16, 16)
    assert red > 245
    assert green > 245
    assert blue < 10


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:16, :, 0] = 255
    pixels[:, 16:, 3] = 255
    image = read_image(save(tmp_path / "a.png", Image.fromarray(pixels, "RGBA")))
    assert colour_at(image, 0, 31) == RED
    assert colour_at(image, 31, 31) == [0, 0, 0]
    assert colour_at(image, 0, 0) == colour_at(image, 31, 0) == WHITE


def test_half_transparent_grey_is_laid_on_white(tmp_path):
    image = read_image(save(tmp_path / "a.png", Image.new("LA", (32, 32), (55, 51))))
    # 51 of 255 is a fifth: 0.2 * 55 + 0.8 * 255.
    assert colour_at(image, 5, 5) == [215, 215, 215]


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\xff"], ids=["one colour", "one a colour"])
def test_a_transparent_colour_of_a_palette_is_laid_on_white(tmp_path, transparency):
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([*RED, *GREEN, *BLUE])
    palette.paste(1, (0, 0, 32, 16))
    palette.paste(2, (0, 0, 8, 8))
    image = read_image(save(tmp_path / "a.png", palette, transparency=transparency))
    assert colour_at(image, 31, 5) == RED
    assert colour_at(image, 12, 20) == WHITE
    assert colour_at(image, 2, 2) == BLUE


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    path = save(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:])
    assert Image.open(path).n_frames == 3
    assert torch.equal(read_image(path), torch.tensor(RED, dtype=torch.uint8).view(3, 1, 1).expand(3, 32, 32))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (31, 33), (640, 480)], ids=str)
def test_any_size_is_squeezed_into_the_square(tmp_path, size):
    image = read_image(save(tmp_path / "a.png", Image.new("RGB", size, tuple(GREY))), size=24)
    assert image.shape == (3, 24, 24)
    assert torch.all(image == 99)


def test_shrinking_averages_rather_than_skips(tmp_path):
    checkers = (np.indices((320, 320)).sum(0) % 2 * 255).astype(np.uint8)
    image = read_image(save(tmp_path / "a.png", Image.fromarray(checkers)))
    assert 126 <= image.min() <= image.max() <= 129


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (2, (0, 31)), (3, (31, 31)), (4, (31, 0)), (6, (0, 31)), (8, (31, 0))]
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_the_cameras_orientation_is_applied(tmp_path, suffix, orientation, corner):
    stored = Image.new("RGB", (64, 64), "blue")
    stored.paste((255, 0, 0), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(save(tmp_path / f"a.{suffix}", stored, exif=exif))
    red_corners = [(row, column) for row in (0, 31) for column in (0, 31) if image[0, row, column] > 200]
    assert red_corners == [corner]


def make_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_header(width, height):
    return b"\x89PNG\r\n\x1a\n" + make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(make_header(side, side) + make_chunk(b"IDAT", zlib.compress(bytes(100))))
    with pytest.raises(ValueError, match=rf"bomb\.png .*{side**2} pixels"):
        read_image(path)


def test_a_text_file_named_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("just some words, " * 20)
    with pytest.raises(ValueError, match=r"expected a whole PNG, JPEG or WEBP image, but .*a\.png is none"):
        read_image(tmp_path / "a.png")


def test_other_formats_are_refused_whatever_their_name(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", format="BMP")
    with pytest.raises(ValueError, match=r"expected a whole PNG, JPEG or WEBP image, but .*a\.png is none"):
        read_image(tmp_path / "a.png")


def encode(file_format, **options):
    buffer = io.BytesIO()
    Image.fromarray(noise(40, 40, 3)).save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.004, 0.02, 0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path, file_format, share):
    content = encode(file_format)
    (tmp_path / "cut.png").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"expected a whole PNG, JPEG or WEBP image, but .*cut\.png is none"):
        read_image(tmp_path / "cut.png")


def test_a_header_cut_short_is_named(tmp_path):
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + make_chunk(b"IHDR", b"\0\0\0\x20"))
    with pytest.raises(ValueError, match=r"cut\.png is none \(Truncated IHDR chunk\)"):
        read_image(tmp_path / "cut.png")


@pytest.mark.parametrize("tag", [0x013F, 0x0140, 0x0155], ids=hex)
def test_orientation_data_that_make_no_sense_are_named(tmp_path, tag):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "words"
    # Words under a tag that has numbers.
    content = encode("JPEG", exif=exif).replace(b"\x01\x0e\x00\x02", struct.pack(">HH", tag, 2))
    (tmp_path / "odd.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.jpg is none"):
        read_image(tmp_path / "odd.jpg")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_random_damage_gives_an_image_or_an_error_with_its_name(tmp_path, file_format):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(file_format, exif=exif)
    path = tmp_path / "damaged.png"
    generator = random.Random(0)
    messages = []
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(generator.choice([1, 3])):
            damaged[generator.randrange(8, 300)] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            read_image(path)
        except ValueError as error:
            messages.append(str(error))
    assert 0 < len(messages) < 200
    assert [message for message in messages if "damaged.png" not in message] == []


def test_a_missing_file_is_the_machines_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "gone.png")


def test_images_of_a_folder_are_found_by_name_and_nothing_else(tmp_path):
    for name in ("b.jpg", "a.PNG", "10.jpeg", "9.png", "d.webp", ".hidden.png", ".DS_Store"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images(tmp_path)] == ["10.jpeg", "9.png", "a.PNG", "b.jpg", "d.webp"]
    assert find_images(tmp_path / "a.PNG") == [tmp_path / "a.PNG"]


def test_files_that_are_skipped_are_counted_and_named_in_one_warning(tmp_path):
    for name in ("one/a.png", "one/b.gif", "one/notes.txt", "two/a.jpg", "two/c.gif", "two/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.warns(
        UserWarning, match=r"skipped 4 of 6 files, not PNG, JPEG or WEBP: .*b\.gif, .*\.txt, .*c\.gif, \.\.\."
    ) as seen:
        assert [path.name for path in find_images(tmp_path / "one", tmp_path / "two")] == ["a.png", "a.jpg"]
    assert len(seen) == 1


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected PNG, JPEG or WEBP images in .*, but it has none"):
        find_images(tmp_path)
    with pytest.raises(ValueError, match=r"there is no .*nowhere"):
        find_images(tmp_path / "nowhere")
