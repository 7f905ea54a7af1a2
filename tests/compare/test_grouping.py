"""Which runs go together, and what is mixed when it is allowed."""

import re

import numpy as np
import pytest
from PIL import Image
from simulated_runs import write_pair, write_run

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.grouping import name_seeds
from cifar_lightning.plots.image_sheet import draw_test_images
from cifar_lightning.runs.folder import TEST_IMAGES

RIGHT = np.arange(30) % 7 != 0


@pytest.mark.parametrize("indices", [[*np.arange(29) * 7 + 1, 999], np.arange(30)[::-1] * 7 + 1])
def test_other_test_images_are_refused_whatever_is_allowed(tmp_path, indices):
    root = write_pair(tmp_path / "runs", indices=indices)
    with pytest.raises(ValueError, match=r"same test images in the same order .* index .*stride/seed_1"):
        compare(root, allow_mixed=True)


MIXTURES = {
    "protocol": {"facts": {"protocol": "holdout"}},
    "epochs": {"facts": {"epochs": 9}},
    "checkpoint": {"facts": {"checkpoint": "best.ckpt"}},
    "optimizer.init_args.lr": {"settings": {"model.optimizer.init_args.lr": 0.5}},
    "data.batch_size": {"settings": {"data.batch_size": 64}},
    "data.split_seed": {"settings": {"data.split_seed": 1}},
    "trainer.precision": {"settings": {"trainer.precision": "16-mixed"}},
    "data.source.class_path": {"settings": {"data.source.class_path": "cifar_lightning.data.DrawnShapes"}},
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_what_differs_is_refused_and_with_allow_mixed_compared_and_marked(tmp_path, mixture):
    root = write_pair(tmp_path / "runs", **MIXTURES[mixture])
    with pytest.raises(ValueError, match=rf"expected .*{mixture}.*stride \(.*seed 1\).*--allow_mixed"):
        compare(root)
    comparison = compare(root, allow_mixed=True)
    assert comparison.mixed
    assert comparison.notes[0].startswith("Mixed: expected ")
    assert mixture in comparison.notes[0]


def write_folders(root, images):
    """Two strategies whose images came from folders of other names; `images` by strategy, None for no sheet."""
    for strategy, shown in images.items():
        settings = {
            "data.source.class_path": "cifar_lightning.data.ImageFolder",
            "data.source.init_args.root": f"/data/{strategy}",
        }
        for seed in range(3):
            run = write_run(root / strategy / f"seed_{seed}", strategy, seed, RIGHT, settings=settings)
            if shown is not None:
                draw_test_images(run / TEST_IMAGES, shown)
    return root


IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)


def test_other_test_images_under_the_same_indices_are_refused(tmp_path):
    others = IMAGES.copy()
    others[29, 0, 0, 0] ^= 1
    root = write_folders(tmp_path, {"maxpool": IMAGES, "stride": others})
    said = r"one test_images.png in all runs, but those of .*maxpool/seed_2 and .*stride/seed_0 differ"
    with pytest.raises(ValueError, match=f"{said}.*--allow_mixed"):
        compare(root)
    comparison = compare(root, allow_mixed=True)
    assert comparison.mixed
    assert re.search(said, comparison.notes[0])


def test_a_folder_from_images_may_be_elsewhere_and_its_sheet_packed_in_another_way(tmp_path):
    root = write_folders(tmp_path, {"maxpool": IMAGES, "stride": IMAGES})
    with Image.open(root / "stride/seed_1" / TEST_IMAGES) as sheet:
        sheet.save(root / "stride/seed_1" / TEST_IMAGES, compress_level=0)
    assert compare(root).notes == []


def test_images_that_cannot_be_seen_are_not_taken_for_others(tmp_path):
    root = write_folders(tmp_path, {"maxpool": IMAGES, "stride": None})
    (root / "maxpool/seed_0" / TEST_IMAGES).write_text("no image")
    assert compare(root).notes == []


def test_runs_of_other_machines_and_versions_go_together(tmp_path):
    elsewhere = {
        "data.source.init_args.root": "/elsewhere",
        "num_threads": 8,
        "trainer.accelerator": "gpu",
        "model.optimizer.init_args.fused": False,
        "model.scheduler": None,
    }
    comparison = compare(write_pair(tmp_path / "runs", settings=elsewhere))
    assert (comparison.mixed, comparison.notes) == (False, [])


def test_a_scheduler_that_one_run_has_is_another_setting(tmp_path):
    scheduler = {"model.scheduler.class_path": "torch.optim.lr_scheduler.StepLR"}
    with pytest.raises(ValueError, match=r"model\.scheduler"):
        compare(write_pair(tmp_path / "runs", settings=scheduler))


@pytest.mark.parametrize(
    ("seeds", "named"),
    [
        ([3], "seed 3"),
        ([2, 1], "seeds 1, 2"),
        ([4, 2, 3], "seeds 2 to 4"),
        ([1, 2, 4, 2], "seeds 1, 2, 4"),
        ([1, 42, 2**32 - 1], "seeds 1, 42, 4294967295"),
    ],
)
def test_seeds_are_named_shortly(seeds, named):
    assert name_seeds(seeds) == named


def test_a_run_without_settings_differs_from_none(tmp_path):
    for strategy in ("maxpool", "stride"):
        for seed in range(3):
            write_run(tmp_path / strategy / str(seed), strategy, seed, RIGHT, settings={"data.split_seed": seed})
    (tmp_path / "stride/1/config.yaml").unlink()
    assert not compare(tmp_path).mixed
