"""CIFAR-100's files: the real ones against torchvision, small ones against what was put in."""

import hashlib
import pickle
import random

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR100

from cifar_lightning.data import cifar100
from cifar_lightning.data.array_pickle import load_arrays, to_bytes
from cifar_lightning.data.cifar100 import FILE_MD5, FINE_CLASSES, Cifar100


class UncheckedCIFAR100(CIFAR100):
    """torchvision's reader, without its checksums: the real training file at hand may lack its file names."""

    def _check_integrity(self):
        return True


@pytest.mark.parametrize("split", ["train", "test"])
def test_real_images_and_labels_equal_torchvisions(real_root, split):
    published = hashlib.md5((real_root / "cifar-100-python" / split).read_bytes()).hexdigest() == FILE_MD5[split]
    ours = Cifar100(str(real_root), verify_md5=published).load(split)
    theirs = UncheckedCIFAR100(real_root, train=split == "train")
    assert np.array_equal(ours.images.permute(0, 2, 3, 1).numpy(), theirs.data)
    assert ours.labels.tolist() == theirs.targets
    assert list(ours.class_names) == theirs.classes
    assert set(ours.counts().values()) == {500 if split == "train" else 100}
    assert torch.equal(ours.indices, torch.arange(len(theirs)))


def test_the_default_classes_are_labels_0_33_and_41():
    assert [FINE_CLASSES[label] for label in (0, 33, 41)] == ["apple", "forest", "lawn_mower"]
    assert len(set(FINE_CLASSES)) == 100


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_are_red_green_and_blue_planes_row_by_row(small_cifar, tmp_path, split):
    small_cifar.put_folder(tmp_path)
    loaded = Cifar100(str(tmp_path)).load(split)
    pixels = small_cifar.pixels[split]
    assert loaded.images[1, 0, 0].tolist() == pixels[1, :32].tolist()
    assert loaded.images[1, 0, 1].tolist() == pixels[1, 32:64].tolist()
    assert loaded.images[1, 2, 31].tolist() == pixels[1, -32:].tolist()
    assert loaded.labels.tolist() == small_cifar.labels[split]


def test_missing_data_without_a_download_say_where_to_put_them(tmp_path):
    with pytest.raises(ValueError, match=r"cifar-100-python or as .*cifar-100-python\.tar\.gz, but there is neither"):
        Cifar100(str(tmp_path / "nowhere"), download=False).prepare()
    assert not (tmp_path / "nowhere").exists()


def test_loading_missing_data_names_the_file(tmp_path):
    with pytest.raises(ValueError, match=r"expected CIFAR-100 at .*cifar-100-python/test, but there is no such file"):
        Cifar100(str(tmp_path)).load("test")


def test_a_file_with_another_checksum_is_refused_and_kept(small_cifar, tmp_path):
    folder = small_cifar.put_folder(tmp_path)
    changed = pickle.dumps({"data": small_cifar.pixels["test"], "fine_labels": [1, 2, 3, 4]}, protocol=2)
    (folder / "test").write_bytes(changed)
    source = Cifar100(str(tmp_path))
    source.prepare()
    with pytest.raises(ValueError, match=r"md5 .*but .*cifar-100-python/test differs; it is kept as it is"):
        source.load("test")
    assert (folder / "test").read_bytes() == changed
    assert Cifar100(str(tmp_path), verify_md5=False).load("test").labels.tolist() == [1, 2, 3, 4]


class RunsACommand:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_names_a_command_is_refused_and_runs_nothing(small_cifar, tmp_path, protocol):
    folder = small_cifar.put_folder(tmp_path)
    mark = tmp_path / "it-ran"
    hostile = pickle.dumps({"data": RunsACommand(mark), "fine_labels": []}, protocol=protocol)
    (folder / "train").write_bytes(hostile)
    with pytest.raises(ValueError, match=r"pickle of NumPy arrays, but .*train is none \(it names posix\.system\)"):
        Cifar100(str(tmp_path), verify_md5=False).load("train")
    assert not mark.exists()
    pickle.loads(hostile)
    assert mark.exists(), "the pickle was no threat to begin with"


@pytest.mark.parametrize("named", ["builtins\neval", "numpy\nload", "numpy\nndarray.tofile", "os\nsystem"])
def test_a_pickle_may_name_nothing_but_numpys_array(tmp_path, named):
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python/test").write_bytes(f"c{named}\n.".encode())
    with pytest.raises(ValueError, match="it names "):
        Cifar100(str(tmp_path), verify_md5=False).load("test")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"<html>not found</html>",
        # A length beyond any memory, as one wrong byte can make it.
        lambda content: b"\x80\x04\x8e" + b"\xff" * 8 + content,
    ],
    ids=["cut", "halved", "empty", "page", "length"],
)
def test_a_damaged_pickle_is_named(small_cifar, tmp_path, damage):
    folder = small_cifar.put_folder(tmp_path)
    (folder / "test").write_bytes(damage(small_cifar.files["test"]))
    with pytest.raises(ValueError, match=r"but .*cifar-100-python/test is none"):
        Cifar100(str(tmp_path), verify_md5=False).load("test")


PIXELS = np.zeros((2, 3072), np.uint8)


@pytest.mark.parametrize(
    "contents",
    [
        [],
        {"data": PIXELS},
        {"data": PIXELS, "fine_labels": [1]},
        {"data": PIXELS, "fine_labels": [1, 100]},
        {"data": PIXELS, "fine_labels": [1, -1]},
        {"data": PIXELS[:, :3000], "fine_labels": [1, 2]},
        {"data": PIXELS.astype(np.int64), "fine_labels": [1, 2]},
        {"data": PIXELS.astype(object), "fine_labels": [1, 2]},
        {"data": np.asfortranarray(PIXELS), "fine_labels": [1, 2]},
        {"data": PIXELS.tolist(), "fine_labels": [1, 2]},
    ],
    ids=str,
)
def test_a_pickle_of_something_else_is_refused(tmp_path, contents):
    (tmp_path / "cifar-100-python").mkdir()
    (tmp_path / "cifar-100-python/test").write_bytes(pickle.dumps(contents))
    with pytest.raises(ValueError, match=r"but .*cifar-100-python/test holds something else"):
        Cifar100(str(tmp_path), verify_md5=False).load("test")


def test_a_damaged_pickle_is_read_or_refused_and_never_crashes(tmp_path):
    # NumPy's own classes, which believe what a pickle states of an array, ended the process here.
    content = pickle.dumps({"data": PIXELS[:, :8], "fine_labels": [1, 2]}, protocol=2)
    generator, path, refused = random.Random(1), tmp_path / "damaged", 0
    for _ in range(1000):
        damaged = bytearray(content)
        damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            to_bytes(load_arrays(path)["data"])
        except (ValueError, TypeError, LookupError, AttributeError):
            refused += 1
    assert 0 < refused < 1000


@pytest.mark.parametrize("named", ["numpy\nndarray", "numpy.core.multiarray\n_reconstruct", "_codecs\nencode"])
@pytest.mark.parametrize(
    "state", ["}", "(S'__new__'\nI1\nd", "N(S'__new__'\nI1\nd\x86"], ids=["empty", "filled", "slots"]
)
def test_a_pickle_cannot_change_what_it_names(small_cifar, tmp_path, named, state):
    folder = small_cifar.put_folder(tmp_path)
    (folder / "train").write_bytes(f"c{named}\n{state}b.".encode("latin1"))
    source = Cifar100(str(tmp_path), verify_md5=False)
    with pytest.raises(ValueError, match=r"cifar-100-python/train (is none|holds something else)"):
        source.load("train")
    assert source.load("test").labels.tolist() == small_cifar.labels["test"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_every_protocol_is_read(small_cifar, tmp_path, protocol):
    folder = small_cifar.put_folder(tmp_path)
    contents = {"data": small_cifar.pixels["test"], "fine_labels": small_cifar.labels["test"]}
    (folder / "test").write_bytes(pickle.dumps(contents, protocol=protocol))
    loaded = Cifar100(str(tmp_path), verify_md5=False).load("test")
    assert loaded.images.flatten(1).tolist() == small_cifar.pixels["test"].tolist()


def test_the_root_is_found_out_when_it_is_used(small_cifar, tmp_path, monkeypatch):
    small_cifar.put_folder(tmp_path)
    monkeypatch.delenv("CIFAR_LIGHTNING_DATA", raising=False)
    source = Cifar100()
    monkeypatch.setenv("CIFAR_LIGHTNING_DATA", str(tmp_path))
    assert len(source.load("test")) == 4
    assert source.root is None


def test_the_published_checksums_are_those_of_torchvision():
    assert CIFAR100.tgz_md5 == cifar100.ARCHIVE_MD5
    assert {name: FILE_MD5[name] for name in ("train", "test")} == dict(CIFAR100.train_list + CIFAR100.test_list)
    assert FILE_MD5["meta"] == CIFAR100.meta["md5"]
