"""The test images on which the strategies disagree most."""

import base64
import io

import numpy as np
from PIL import Image
from simulated_runs import write_run

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.disagreements import describe_agreement, find_disagreements
from cifar_lightning.plots.image_sheet import draw_test_images


def decode(uri):
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))) as image:
        return np.asarray(image)


def write_opposites(root):
    """Two nets, two seeds each, 45 images: `b` is wrong on 10 to 14, `a` on 44 and in one seed on 3, from 0."""
    for name, wrong in (("a", [[44], [44, 3]]), ("b", [range(10, 15)] * 2)):
        for seed, places in enumerate(wrong):
            write_run(root / name / str(seed), name, seed, ~np.isin(np.arange(45), list(places)))
    return root


def test_images_on_which_the_nets_disagree_are_cut_from_the_sheet_to_the_pixel(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (45, 32, 32, 3), np.uint8)
    root = write_opposites(tmp_path)
    draw_test_images(root / "b" / "1" / "test_images.png", images)
    comparison = compare(root)
    found = find_disagreements(comparison)
    assert [disagreement.index for disagreement in found] == [7 * place + 1 for place in (10, 11, 12, 13, 14, 44, 3)]
    assert [disagreement.num_right for disagreement in found[4:]] == [
        {"a": 2, "b": 0},
        {"a": 0, "b": 2},
        {"a": 1, "b": 2},
    ]
    assert [disagreement.truth for disagreement in found[5:]] == ["lawn_mower", "apple"]
    for disagreement, place in zip(found, (10, 11, 12, 13, 14, 44, 3), strict=True):
        assert (decode(disagreement.image) == images[place]).all()
    assert describe_agreement(comparison) == "All 4 runs get 38 of the 45 images right; none is missed by all."
    assert [disagreement.index for disagreement in find_disagreements(comparison, most=2)] == [71, 78]
    # The first image has a near-duplicate among the training images.
    for disagreement, place in zip(find_disagreements(compare(root, without_duplicates=True)), (10, 11), strict=False):
        assert (disagreement.index, (decode(disagreement.image) == images[place]).all()) == (7 * place + 1, True)
