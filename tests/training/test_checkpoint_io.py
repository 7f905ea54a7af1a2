"""Checkpoints held until they are written."""

import os

import pytest
import torch

from cifar_lightning.training.checkpoint_io import HeldCheckpointIO


def test_nothing_is_written_before_the_flush(tmp_path):
    checkpoints = HeldCheckpointIO()
    checkpoints.save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    assert os.listdir(tmp_path) == []
    checkpoints.flush()
    assert torch.load(tmp_path / "last.ckpt") == {"epoch": 1}
    assert os.listdir(tmp_path) == ["last.ckpt"]


def test_the_newest_state_of_each_path_is_written(tmp_path):
    checkpoints = HeldCheckpointIO()
    for epoch in (1, 2, 3):
        checkpoints.save_checkpoint({"epoch": epoch}, str(tmp_path / "last.ckpt"))
    checkpoints.save_checkpoint({"epoch": 2}, tmp_path / "checkpoints/best.ckpt")
    checkpoints.flush()
    assert torch.load(tmp_path / "last.ckpt") == {"epoch": 3}
    assert torch.load(tmp_path / "checkpoints/best.ckpt") == {"epoch": 2}
    assert checkpoints.held == {}


def test_the_state_is_that_of_the_moment_it_was_saved(tmp_path):
    weights = torch.zeros(3)
    checkpoints = HeldCheckpointIO()
    checkpoints.save_checkpoint({"weights": weights}, tmp_path / "last.ckpt")
    weights += 1
    checkpoints.flush()
    assert torch.equal(torch.load(tmp_path / "last.ckpt")["weights"], torch.zeros(3))


def test_flushing_twice_writes_once(tmp_path):
    checkpoints = HeldCheckpointIO()
    checkpoints.save_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    checkpoints.flush()
    (tmp_path / "last.ckpt").unlink()
    checkpoints.flush()
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_stays_held(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    checkpoints = HeldCheckpointIO()
    checkpoints.save_checkpoint({"epoch": 1}, tmp_path / "checkpoints/last.ckpt")
    with pytest.raises(OSError, match="checkpoints"):
        checkpoints.flush()
    (tmp_path / "checkpoints").unlink()
    checkpoints.flush()
    assert torch.load(tmp_path / "checkpoints/last.ckpt") == {"epoch": 1}


def test_a_folder_that_takes_nothing_does_not_keep_the_others_from_theirs(tmp_path):
    (tmp_path / "a").write_text("a file where the folder should be")
    checkpoints = HeldCheckpointIO()
    for name in ("a/best.ckpt", "a/last.ckpt", "b/last.ckpt"):
        checkpoints.save_checkpoint({"epoch": 1}, tmp_path / name)
    with pytest.raises(OSError, match=r"/a\b"):
        checkpoints.flush()
    assert torch.load(tmp_path / "b/last.ckpt") == {"epoch": 1}
    assert list(checkpoints.held) == [tmp_path / "a/best.ckpt", tmp_path / "a/last.ckpt"]


def test_of_one_folder_the_last_state_is_not_written_without_the_best_one(tmp_path):
    (tmp_path / "best.ckpt").mkdir()
    checkpoints = HeldCheckpointIO()
    for name in ("best.ckpt", "last.ckpt"):
        checkpoints.save_checkpoint({"epoch": 1}, tmp_path / name)
    with pytest.raises(OSError, match="best"):
        checkpoints.flush()
    assert os.listdir(tmp_path) == ["best.ckpt"]
