"""Files written whole or not at all, and the paths of a run folder."""

import os
import stat
from pathlib import Path

import pytest

from cifar_lightning.runs.folder import (
    find_run_folder,
    find_versions,
    resolve_checkpoint,
    write_text,
    write_whole,
)


def make_run(folder, config=True):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints/last.ckpt").touch()
    if config:
        (folder / "config.yaml").touch()
    return folder


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


def test_a_checkpoint_is_itself_and_a_run_folder_stands_for_its_last(tmp_path):
    run = make_run(tmp_path / "version_0")
    last = run / "checkpoints/last.ckpt"
    assert resolve_checkpoint(last) == last
    assert resolve_checkpoint(run) == last


def test_paths_without_a_checkpoint_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no .*nowhere; check --ckpt_path"):
        resolve_checkpoint(tmp_path / "nowhere")
    make_run(tmp_path / "version_0")
    with pytest.raises(ValueError, match=r"a run folder with checkpoints/last\.ckpt, but .* has none"):
        resolve_checkpoint(tmp_path)


def test_a_checkpoint_knows_its_run_folder(tmp_path, monkeypatch):
    run = make_run(tmp_path / "version_0")
    assert find_run_folder(run / "checkpoints/last.ckpt") == run
    monkeypatch.chdir(run / "checkpoints")
    assert find_run_folder(Path("last.ckpt")) == run


def test_a_checkpoint_elsewhere_has_no_run_folder(tmp_path):
    bare = make_run(tmp_path / "bare", config=False)
    assert find_run_folder(bare / "checkpoints/last.ckpt") is None
    run = make_run(tmp_path / "version_0")
    (run / "mine").mkdir()
    assert find_run_folder(run / "mine/last.ckpt") is None


def test_the_newest_version_is_the_highest_number(tmp_path):
    for name in ("version_2", "version_10", "version_9", "version_x", "version_", "old_version_11", "version_12.bak"):
        (tmp_path / name).mkdir()
    (tmp_path / "version_99").touch()
    assert find_versions(tmp_path)[0] == tmp_path / "version_10"


def test_without_versions_there_is_no_newest(tmp_path):
    assert find_versions(tmp_path) == []
    assert find_versions(tmp_path / "nowhere") == []
