"""Near-duplicates: planted ones are found, others are not, and the measure equals a plain loop."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from cifar_lightning.data import Cifar100, DrawnShapes, LabelledImages, near_duplicates
from cifar_lightning.data.near_duplicates import (
    NUM_CANDIDATES,
    THRESHOLD,
    find_groups,
    find_nearest,
    find_nearest_pairs,
)


def draw_textures(count, seed=0, side=32):
    """Images that look like nothing in particular, with detail of all sizes, float32 (N, 3, side, side), 0..255."""
    generator = torch.Generator().manual_seed(seed)
    octaves = [torch.randn(count, 3, size, size, generator=generator) for size in (4, 8, 16, 32)]
    enlarged = [functional.interpolate(octave, size=(side, side), mode="bilinear") for octave in octaves]
    return (sum(layer * 40 / 2**place for place, layer in enumerate(enlarged)) + 128).clamp(0, 255)


def to_uint8(images):
    return images.round().clamp(0, 255).to(torch.uint8)


def label(images, first_index=0):
    return LabelledImages(
        images, torch.zeros(len(images), dtype=torch.int64), ("thing",), first_index + torch.arange(len(images))
    )


def add_noise(images):
    return images + 8 * torch.randn(images.shape, generator=torch.Generator().manual_seed(5))


WINDOW = slice(4, 36)
CHANGES = {
    "nothing": lambda wide: wide[..., WINDOW, WINDOW],
    "a pixel to the right": lambda wide: wide[..., WINDOW, 3:35],
    "four pixels up and three to the left": lambda wide: wide[..., 8:40, 7:39],
    "mirrored": lambda wide: wide[..., WINDOW, WINDOW].flip(-1),
    "mirrored and a pixel down": lambda wide: wide[..., 3:35, WINDOW].flip(-1),
    "brightened": lambda wide: wide[..., WINDOW, WINDOW] + 30,
    "paler": lambda wide: 128 + (wide[..., WINDOW, WINDOW] - 128) / 2,
    "without colour": lambda wide: wide[..., WINDOW, WINDOW].mean(1, keepdim=True).expand(-1, 3, -1, -1),
    "under noise": lambda wide: add_noise(wide[..., WINDOW, WINDOW]),
    "an eighth larger": lambda wide: functional.interpolate(wide, size=(45, 45), mode="bilinear")[..., 6:38, 6:38],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_planted_copy_is_found_among_other_images(change):
    wide = draw_textures(60, side=40)
    if change is CHANGES["without colour"]:
        # Copies without colour differ from originals whose channels tell different stories.
        wide = 128 + 0.8 * (wide[:, :1] - 128) + 0.2 * (wide - 128)
    copies = to_uint8(change(wide[20:23]))
    positions, similarity = find_nearest(copies, to_uint8(CHANGES["nothing"](wide)))
    assert positions.tolist() == [20, 21, 22]
    assert similarity.min() >= THRESHOLD


def test_the_same_image_has_similarity_1():
    images = to_uint8(draw_textures(5))
    positions, similarity = find_nearest(images, images)
    assert positions.tolist() == [0, 1, 2, 3, 4]
    assert similarity.tolist() == pytest.approx([1] * 5, abs=1e-5)


def test_other_images_are_no_copies():
    _, similarity = find_nearest(to_uint8(draw_textures(40, seed=1)), to_uint8(draw_textures(200, seed=2)))
    assert similarity.max() < THRESHOLD


def test_a_turned_or_upside_down_image_is_no_copy():
    images = to_uint8(draw_textures(3))
    for turned in (images.flip(-2), images.transpose(-1, -2)):
        assert find_nearest(turned, images)[1].max() < THRESHOLD


def test_images_of_one_colour_are_like_nothing():
    plain = torch.stack([torch.full((3, 32, 32), level, dtype=torch.uint8) for level in (0, 128, 255)])
    _, similarity = find_nearest(plain, torch.cat([plain, to_uint8(draw_textures(2))]))
    assert similarity.abs().max() < 0.05


# The same measure, written a second time as plainly as possible: float64, one pair, one place at a time.


def local_contrast(image):
    """(2 A, 2 B, 3) -> (A - 4, B - 4, 3)."""
    rows, columns, _ = image.shape
    cells = image.reshape(rows // 2, 2, columns // 2, 2, 3).mean((1, 3))
    contrast = np.empty((rows // 2 - 4, columns // 2 - 4, 3))
    for row in range(contrast.shape[0]):
        for column in range(contrast.shape[1]):
            square = cells[row : row + 5, column : column + 5]
            spread = np.sqrt(square.var((0, 1)).mean() + 25)
            contrast[row, column] = (cells[row + 2, column + 2] - square.mean((0, 1))) / spread
    return contrast


def scale(image, side):
    channels = [Image.fromarray(image[..., channel].astype(np.float32)) for channel in range(3)]
    return np.stack([np.asarray(one.resize((side, side), Image.Resampling.BILINEAR)) for one in channels], -1)


def lay_on_canvas(image, side):
    margin = (40 - side) // 2
    return np.pad(scale(image, side).astype(float), ((margin, margin), (margin, margin), (0, 0)), mode="reflect")


def plain_similarity(test, training):
    template = local_contrast(lay_on_canvas(training, 32))[2:14, 2:14].flatten()
    best = -1
    for side in (28, 32, 36):
        canvas = lay_on_canvas(test, side)
        for dy in (0, 1):
            for dx in (0, 1):
                contrast = local_contrast(canvas[dy : 40 - dy, dx : 40 - dx])
                for row in range(contrast.shape[0] - 11):
                    for column in range(contrast.shape[1] - 11):
                        window = contrast[row : row + 12, column : column + 12].flatten()
                        best = max(best, np.corrcoef(window, template)[0, 1])
    return best


def as_arrays(images):
    return images.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("side", [32, 20])
def test_similarity_and_nearest_image_equal_a_plain_loop(side):
    # Fewer images than candidates, so that every pair is compared.
    training = to_uint8(draw_textures(NUM_CANDIDATES // 2 - 6, seed=3, side=side))
    test = torch.cat([to_uint8(draw_textures(1, seed=4, side=side)), training[2:3].roll(1, -1).flip(-1)])
    positions, similarity = find_nearest(test, training)
    for place, image in enumerate(as_arrays(test)):
        expected = [
            max(plain_similarity(image, other), plain_similarity(image, other[:, ::-1]))
            for other in as_arrays(training)
        ]
        assert positions[place] == np.argmax(expected)
        assert similarity[place] == pytest.approx(max(expected), abs=2e-3)


def test_candidates_are_the_twenty_most_alike_at_8x8_pixels(monkeypatch):
    training, test = to_uint8(draw_textures(50, seed=6)), to_uint8(draw_textures(4, seed=7))
    compared = []

    def correlate(_, templates):
        compared.append(templates)
        return torch.zeros(templates.shape[:2])

    monkeypatch.setattr("cifar_lightning.data.near_duplicates._correlate", correlate)
    # The templates are made recognisable: a template is the place of its image among images and mirror images.
    places = iter(range(100))
    monkeypatch.setattr(
        "cifar_lightning.data.near_duplicates._templates",
        lambda images: torch.tensor([[float(next(places))] for _ in images]),
    )
    find_nearest(test, training)
    both = np.concatenate([as_arrays(training), as_arrays(training)[:, :, ::-1]])
    small = both.reshape(100, 8, 4, 8, 4, 3).mean((2, 4)).reshape(100, -1)
    for image, chosen in zip(as_arrays(test), compared[0][..., 0].tolist(), strict=True):
        thumbnail = image.reshape(8, 4, 8, 4, 3).mean((1, 3)).flatten()
        likeness = [np.corrcoef(thumbnail, other)[0, 1] for other in small]
        assert sorted(chosen) == sorted(np.argsort(likeness)[::-1][:20].tolist())


@pytest.fixture
def planted():
    """Five test images, of which the last two are near-duplicates of training images."""
    training = to_uint8(draw_textures(30, seed=8))
    test = torch.cat([to_uint8(draw_textures(3, seed=9)), training[[7]], to_uint8(add_noise(training[[4]].float()))])
    return label(test, 100), label(training, 500)


def test_pairs_come_closest_first_and_near_duplicates_are_the_first_of_them(planted):
    test, training = planted
    pairs = find_nearest_pairs(test, training)
    assert pairs.similarity.tolist() == sorted(pairs.similarity.tolist(), reverse=True)
    assert sorted(pairs.test.indices.tolist()) == [100, 101, 102, 103, 104]
    duplicates = pairs.duplicates()
    assert duplicates.test.indices.tolist() == [103, 104]
    assert duplicates.training.indices.tolist() == [507, 504]
    assert torch.equal(duplicates.training.images[0], training.images[7])
    assert pairs.first(99).similarity.shape == (5,)


def equal(pairs, others):
    return all(
        torch.equal(*columns)
        for columns in (
            (pairs.test.indices, others.test.indices),
            (pairs.training.indices, others.training.indices),
            (pairs.similarity, others.similarity),
        )
    )


def test_near_duplicates_are_computed_once_per_data_set(planted, tmp_path, monkeypatch):
    expected = find_nearest_pairs(*planted)
    assert equal(find_nearest_pairs(*planted, tmp_path / "study"), expected)
    monkeypatch.setattr(near_duplicates, "find_nearest", lambda *_: pytest.fail("computed again"))
    assert equal(find_nearest_pairs(*planted, tmp_path / "study"), expected)


def test_other_images_have_near_duplicates_of_their_own(planted, tmp_path):
    test, training = planted
    find_nearest_pairs(test, training, tmp_path)
    assert len(find_nearest_pairs(label(test.images[:3]), training, tmp_path).duplicates().similarity) == 0
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04 and no more"])
def test_a_file_of_near_duplicates_that_cannot_be_read_is_made_anew(planted, tmp_path, content):
    expected = find_nearest_pairs(*planted, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    assert equal(find_nearest_pairs(*planted, tmp_path), expected)
    assert len(file.read_bytes()) == len(whole)


def test_a_folder_that_cannot_be_written_is_no_error(planted, tmp_path):
    (tmp_path / "file").touch()
    assert len(find_nearest_pairs(*planted, tmp_path / "file/folder").duplicates().similarity) == 2


def test_test_images_that_resemble_one_another_are_one_group(tmp_path, monkeypatch):
    alone = to_uint8(draw_textures(6, seed=10))
    noisy = to_uint8(add_noise(alone[[1, 4]].float()))
    test = label(torch.cat([alone, noisy[:1], alone[[4]].flip(-1).roll(2, -1), noisy[1:]]), 100)
    assert find_groups(test).tolist() == [0, 1, 2, 3, 4, 5, 1, 4, 4]
    assert find_groups(test, tmp_path).tolist() == [0, 1, 2, 3, 4, 5, 1, 4, 4]
    monkeypatch.setattr(near_duplicates, "find_similar", lambda *_: pytest.fail("computed again"))
    assert find_groups(test, tmp_path).tolist() == [0, 1, 2, 3, 4, 5, 1, 4, 4]


def test_many_images_give_the_same_as_few_at_a_time():
    shapes = DrawnShapes(num_train=60, num_test=20)
    test, training = shapes.load("test").images, shapes.load("train").images
    positions, similarity = find_nearest(test, training)
    for place in range(0, len(test), 17):
        alone = find_nearest(test[place : place + 1], training)
        assert alone[0][0] == positions[place]
        assert alone[1][0] == pytest.approx(similarity[place].item(), abs=1e-5)


def test_exact_duplicates_that_the_ciFAIR_authors_list_are_found(real_root):  # noqa: N802
    # Their file meta/duplicates_cifar100.csv: pairs of distance 0, exact duplicates by eye.
    listed = {1100: 24083, 4716: 29363, 2996: 30697, 3932: 21619}
    source = Cifar100(str(real_root), verify_md5=False)
    test, training = source.load("test"), source.load("train")
    # Some copies have another label than their original.
    both = *test.labels[list(listed)].tolist(), *training.labels[list(listed.values())].tolist()
    names = tuple(sorted({source.class_names[label] for label in both}))
    pairs = find_nearest_pairs(test.keep_classes(names), training.keep_classes(names))
    places = {index: place for place, index in enumerate(pairs.test.indices.tolist())}
    for index, original in listed.items():
        assert pairs.similarity[places[index]] == pytest.approx(1, abs=1e-5)
        assert torch.equal(pairs.training.images[places[index]], training.images[original])


def test_the_labs_classes_have_41_copies(real_root):
    source, names = Cifar100(str(real_root), verify_md5=False), ("apple", "forest", "lawn_mower")
    test, training = (source.load(split).keep_classes(names) for split in ("test", "train"))
    duplicates = find_nearest_pairs(test, training).duplicates()
    # Two similarities lie within 0.003 of the threshold; the last digits depend on the machine.
    assert len(duplicates.similarity) == pytest.approx(41, abs=2)
    assert {1027: 30172, 4100: 11121}.items() <= dict(
        zip(duplicates.test.indices.tolist(), duplicates.training.indices.tolist(), strict=True)
    ).items()


def test_the_labs_test_images_are_294_groups(real_root):
    test = Cifar100(str(real_root), verify_md5=False).load("test").keep_classes(("apple", "forest", "lawn_mower"))
    sizes = find_groups(test).bincount()
    assert int((sizes > 0).sum()) == pytest.approx(294, abs=1)
    assert int(sizes.max()) == 3
