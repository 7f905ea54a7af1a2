"""Files written whole or not at all."""

import os
import stat

import pytest

from cifar_lightning.runs.disk import write_text, write_whole


def test_a_file_is_written_into_folders_that_are_made_for_it(tmp_path):
    write_text(tmp_path / "a/b/c.txt", "grün\n")
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"gr\xc3\xbcn\n"
    assert os.listdir(tmp_path / "a/b") == ["c.txt"]


@pytest.mark.parametrize("failure", [OSError(28, "no space left"), KeyboardInterrupt(), ValueError("half done")])
def test_the_old_file_stays_when_the_writer_fails(tmp_path, failure):
    path = tmp_path / "scores.json"
    path.write_text("old")

    def write(file):
        file.write(b"new, but only ha")
        raise failure

    with pytest.raises(type(failure)):
        write_whole(path, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["scores.json"]


def test_nothing_appears_before_the_whole_is_written(tmp_path):
    path = tmp_path / "scores.json"
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.exists())

    write_whole(path, write)
    assert seen == [False]
    assert path.read_text() == "new"


def test_no_temporary_file_stays_when_the_place_is_taken_by_a_folder(tmp_path):
    (tmp_path / "scores.json/inside").mkdir(parents=True)
    with pytest.raises(OSError, match=r"scores\.json"):
        write_text(tmp_path / "scores.json", "new")
    assert os.listdir(tmp_path) == ["scores.json"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_are_shared_as_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a.txt", "")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode
