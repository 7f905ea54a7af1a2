"""The paths of a run folder."""

from pathlib import Path

import pytest

from cifar_lightning.runs.folder import (
    find_run_folder,
    find_versions,
    resolve_checkpoint,
)


def make_run(folder, config=True):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints/last.ckpt").touch()
    if config:
        (folder / "config.yaml").touch()
    return folder


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
