"""Extraction of the published archive, and of archives that are not what they should be."""

import gzip
import hashlib
import tarfile

import pytest

from cifar_lightning.data import cifar100
from cifar_lightning.data.cifar100 import Cifar100

NAME = "cifar-100-python"


def put_archive(root, content, monkeypatch=None):
    root.mkdir(exist_ok=True)
    path = root / f"{NAME}.tar.gz"
    path.write_bytes(content)
    if monkeypatch is not None:
        monkeypatch.setattr(cifar100, "ARCHIVE_MD5", hashlib.md5(content).hexdigest())
    return path


def make_member(name, kind=tarfile.REGTYPE, target="", size=0):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member


def contents_of(folder):
    """Files below a folder, with what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def test_an_archive_in_the_root_is_extracted(small_cifar, tmp_path, monkeypatch):
    archive = small_cifar.archive()
    put_archive(tmp_path, archive, monkeypatch)
    source = Cifar100(str(tmp_path), download=False)
    source.prepare()
    extracted = {f"{NAME}/{name}": content for name, content in small_cifar.files.items()}
    assert contents_of(tmp_path) == {**extracted, f"{NAME}.tar.gz": archive}
    assert source.load("train").labels.tolist() == small_cifar.labels["train"]


def test_extraction_fills_in_the_one_file_that_is_missing(small_cifar, tmp_path, monkeypatch):
    folder = small_cifar.put_folder(tmp_path)
    (folder / "test").unlink()
    (folder / "train").write_bytes(b"mine")
    put_archive(tmp_path, small_cifar.archive(), monkeypatch)
    Cifar100(str(tmp_path), download=False).prepare()
    assert (folder / "test").read_bytes() == small_cifar.files["test"]
    assert (folder / "train").read_bytes() == b"mine"


def test_a_whole_folder_is_left_alone(small_cifar, tmp_path):
    small_cifar.put_folder(tmp_path)
    put_archive(tmp_path, b"no archive at all")
    before = contents_of(tmp_path)
    Cifar100(str(tmp_path), download=False).prepare()
    assert contents_of(tmp_path) == before


def test_other_members_are_ignored_wherever_they_point(small_cifar, tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    outside.mkdir()
    others = [
        (make_member("../outside/climbed", size=4), b"evil"),
        (make_member(f"{NAME}/../../outside/climbed", size=4), b"evil"),
        (make_member(str(outside / "absolute"), size=4), b"evil"),
        (make_member(f"{NAME}/extra", size=4), b"evil"),
        (make_member(f"{NAME}/link", tarfile.SYMTYPE, str(outside)), b""),
        (make_member(f"{NAME}/link/through", size=4), b"evil"),
        (make_member(NAME, tarfile.SYMTYPE, str(outside)), b""),
    ]
    archive = small_cifar.archive(before=others)
    put_archive(root, archive, monkeypatch)
    Cifar100(str(root), download=False).prepare()
    assert contents_of(outside) == {}
    assert sorted(contents_of(root)) == sorted([f"{NAME}.tar.gz", *(f"{NAME}/{name}" for name in small_cifar.files)])
    assert not (root / NAME).is_symlink()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE],
    ids=["symlink", "link", "dir", "fifo", "device", "disk"],
)
def test_a_wanted_name_that_is_no_plain_file_is_refused(small_cifar, tmp_path, monkeypatch, kind):
    secret = tmp_path / "secret"
    secret.write_text("not for you")
    link = make_member(f"{NAME}/train", kind, str(secret))
    archive = put_archive(tmp_path / "root", small_cifar.archive((link, b""), without=["train"]), monkeypatch)
    with pytest.raises(ValueError, match="it lacks cifar-100-python/train"):
        Cifar100(str(archive.parent), download=False).prepare()
    assert list(archive.parent.iterdir()) == [archive]
    assert secret.read_text() == "not for you"


def test_a_file_larger_than_any_published_one_is_refused(small_cifar, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar100, "MAX_FILE_BYTES", len(small_cifar.files["train"]) - 1)
    archive = put_archive(tmp_path, small_cifar.archive(), monkeypatch)
    with pytest.raises(ValueError, match="it lacks cifar-100-python/train"):
        Cifar100(str(tmp_path), download=False).prepare()
    assert list(tmp_path.iterdir()) == [archive]


# A header, and a first block of a type that there is not.
BROKEN_GZIP = gzip.compress(b"")[:10] + b"\x07" * 100


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[: len(content) // 50],
        lambda content: b"",
        lambda content: b"<html>too many requests</html>",
        lambda content: gzip.compress(gzip.decompress(content)[:2000]) + BROKEN_GZIP,
    ],
    ids=["halved", "cut early", "empty", "page", "broken within an image"],
)
def test_a_broken_archive_is_named_and_leaves_nothing(small_cifar, tmp_path, monkeypatch, damage):
    archive = put_archive(tmp_path, damage(small_cifar.archive()), monkeypatch)
    with pytest.raises(ValueError, match=r"expected a whole cifar-100-python\.tar\.gz, but .* is none .*; delete it"):
        Cifar100(str(tmp_path), download=False).prepare()
    assert list(tmp_path.iterdir()) == [archive]


def test_an_archive_that_lacks_a_file_says_which(small_cifar, tmp_path, monkeypatch):
    archive = put_archive(tmp_path, small_cifar.archive(without=["meta"]), monkeypatch)
    with pytest.raises(ValueError, match="it lacks cifar-100-python/meta"):
        Cifar100(str(tmp_path), download=False).prepare()
    assert list(tmp_path.iterdir()) == [archive]


def test_an_archive_with_another_checksum_is_refused_and_kept(small_cifar, tmp_path):
    content = small_cifar.archive()
    archive = put_archive(tmp_path, content)
    with pytest.raises(ValueError, match=r"expected the published file .*; it is kept as it is"):
        Cifar100(str(tmp_path)).prepare()
    assert contents_of(tmp_path) == {archive.name: content}
    Cifar100(str(tmp_path), verify_md5=False).prepare()
    assert (tmp_path / NAME / "train").read_bytes() == small_cifar.files["train"]
