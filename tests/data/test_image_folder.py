"""One folder per class."""

import pytest
from PIL import Image

from cifar_lightning.data import ImageFolder, SubsetDataModule


def put_images(root, tree):
    """`tree`: {"train/cat": ["red", ...]}, one image a colour, named 0.png, 1.png, ..."""
    for folder, colours in tree.items():
        (root / folder).mkdir(parents=True)
        for place, colour in enumerate(colours):
            Image.new("RGB", (5, 5), colour).save(root / folder / f"{place}.png")


def test_classes_are_the_folders_by_name_and_indices_the_places(tmp_path):
    put_images(
        tmp_path, {"train/dog": ["red"], "train/cat": ["lime", "blue"], "test/dog": ["red"], "test/cat": ["red"]}
    )
    source = ImageFolder(str(tmp_path))
    assert source.class_names == ("cat", "dog")
    images = source.load("train")
    assert images.labels.tolist() == [0, 0, 1]
    assert images.indices.tolist() == [0, 1, 2]
    assert images.images[:, :, 16, 16].tolist() == [[0, 255, 0], [0, 0, 255], [255, 0, 0]]
    assert images.images.shape == (3, 3, 32, 32)
    assert len(source.load("test")) == 2


def test_hidden_folders_and_files_are_no_classes(tmp_path):
    put_images(tmp_path, {"train/dog": ["red"], "train/cat": ["lime"], "train/.ipynb_checkpoints": ["blue"]})
    (tmp_path / "train/notes.txt").touch()
    assert ImageFolder(str(tmp_path)).class_names == ("cat", "dog")


def test_a_root_without_classes_says_how_to_lay_images_out(tmp_path):
    with pytest.raises(
        ValueError, match=r"expected a folder per class in .*train, but there is none; lay images out as"
    ):
        _ = ImageFolder(str(tmp_path)).class_names


def test_a_class_without_test_images_is_named(tmp_path):
    put_images(tmp_path, {"train/dog": ["red"], "train/cat": ["red"], "test/dog": ["red"], "test/cat": []})
    with pytest.raises(ValueError, match=r"images in .*test/cat, but it has none"):
        ImageFolder(str(tmp_path)).load("test")


def test_a_broken_image_among_many_is_named(tmp_path):
    put_images(tmp_path, {"train/dog": ["red", "blue"], "train/cat": ["red"]})
    (tmp_path / "train/dog/1.png").write_text("no image")
    with pytest.raises(ValueError, match=r"train/dog/1\.png is none"):
        ImageFolder(str(tmp_path)).load("train")


def test_constructing_one_reads_nothing(tmp_path):
    source = ImageFolder(str(tmp_path / "later"))
    put_images(tmp_path, {"later/train/dog": ["red"], "later/train/cat": ["red"]})
    assert source.class_names == ("cat", "dog")


def test_a_folder_feeds_the_data_module(tmp_path):
    put_images(
        tmp_path, {f"{split}/{name}": ["red"] * 4 for split in ("train", "test") for name in ("ant", "bee", "cat")}
    )
    data = SubsetDataModule(ImageFolder(str(tmp_path)), classes=["cat", "ant"], val_fraction=0.25)
    data.prepare_data()
    data.setup("test")
    assert data.class_names == ["cat", "ant"]
    assert data.train.counts() == {"cat": 3, "ant": 3}
    assert data.val.counts() == {"cat": 1, "ant": 1}
    # By name: ant has places 0-3 of the test split, bee 4-7, cat 8-11.
    assert data.test.indices.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert data.test.labels.tolist() == [1] * 4 + [0] * 4


def test_preparing_warns_of_classes_without_test_images(tmp_path):
    put_images(tmp_path, {"train/dog": ["red"], "train/cat": ["red"], "test/dog": ["red"]})
    with pytest.warns(UserWarning, match=r"no test images in .*test for \['cat'\]; add some before `test`"):
        ImageFolder(str(tmp_path)).prepare()


def test_images_have_the_size_that_was_asked_for(tmp_path):
    put_images(tmp_path, {f"{split}/{name}": ["red"] * 2 for split in ("train", "test") for name in ("ant", "bee")})
    data = SubsetDataModule(ImageFolder(str(tmp_path), image_size=64), classes=None, val_fraction=0)
    data.setup("fit")
    assert data.image_size == 64
    assert data.train.images.shape == (4, 3, 64, 64)


def test_what_is_no_image_is_skipped_and_named_once_per_split(tmp_path):
    put_images(tmp_path, {f"train/{name}": ["red", "blue"] for name in ("ant", "bee")})
    Image.new("RGB", (5, 5)).save(tmp_path / "train/ant/2.webp")
    Image.new("RGB", (5, 5)).save(tmp_path / "train/ant/3.gif")
    (tmp_path / "train/bee/notes.txt").touch()
    with pytest.warns(UserWarning, match=r"skipped 2 of 7 files, .*train/ant/3\.gif, .*train/bee/notes\.txt$") as seen:
        images = ImageFolder(str(tmp_path)).load("train")
    assert len(seen) == 1
    assert images.labels.tolist() == [0, 0, 0, 1, 1]
