"""What `ckpt_path` of a fit stands for."""

from pathlib import Path

import pytest
import torch
from jsonargparse import Namespace

from cifar_lightning.training.checkpoints import Checkpoint, ResumeState
from cifar_lightning.training.resuming import find_resumed, refuse_resuming, refuse_taken_version


def settings(folder, ckpt_path=None, version=None):
    logger = Namespace(init_args=Namespace(save_dir=str(folder), name="net", version=version))
    return Namespace(ckpt_path=ckpt_path and str(ckpt_path), trainer=Namespace(logger=logger))


def write_run(folder):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints/last.ckpt").touch()
    (folder / "config.yaml").touch()
    return folder


def test_last_is_the_run_of_that_name_with_the_highest_number(tmp_path):
    for number in (2, 9, 10):
        write_run(tmp_path / f"net/version_{number}")
    write_run(tmp_path / "other/version_11")
    newest = tmp_path / "net/version_10"
    assert find_resumed(settings(tmp_path, "last")) == (newest / "checkpoints/last.ckpt", newest)
    named = tmp_path / "net/version_2"
    assert find_resumed(settings(tmp_path, "last", version=2))[1] == named


def test_a_folder_stands_for_its_last_checkpoint_and_a_file_for_itself(tmp_path):
    run = write_run(tmp_path / "elsewhere")
    best = run / "checkpoints/best.ckpt"
    best.touch()
    assert find_resumed(settings(tmp_path, run)) == (run / "checkpoints/last.ckpt", run)
    assert find_resumed(settings(tmp_path, best)) == (best, run)
    alone = tmp_path / "alone.ckpt"
    alone.touch()
    assert find_resumed(settings(tmp_path, alone)) == (alone, None)


def test_without_a_run_or_a_folder_there_is_nothing_to_resume(tmp_path):
    with pytest.raises(ValueError, match=r"expected a run to resume in .*net"):
        find_resumed(settings(tmp_path, "last"))
    without_logger = Namespace(ckpt_path="last", trainer=Namespace(logger=False))
    with pytest.raises(ValueError, match=r"trainer\.logger is false"):
        find_resumed(without_logger)


def test_a_version_is_taken_once(tmp_path):
    refuse_taken_version(settings(tmp_path, version="mine"))
    write_run(tmp_path / "net/mine")
    with pytest.raises(ValueError, match="net/mine has one"):
        refuse_taken_version(settings(tmp_path, version="mine"))


def checkpoint(num_epochs, is_finished=True):
    state = ResumeState(num_epochs, is_finished, [], "", "", random_state={"cpu": torch.tensor([])})
    return Checkpoint(Path("last.ckpt"), {}, {}, state, has_loops=True, global_step=0)


@pytest.mark.parametrize("max_epochs", [3, 4, -1, None])
def test_a_run_resumes_towards_as_many_epochs_or_more(max_epochs):
    refuse_resuming(checkpoint(3), max_epochs, max_steps=-1)


@pytest.mark.parametrize(
    ("num_epochs", "is_finished", "max_steps", "said"),
    [(5, True, -1, "at least 5"), (1, False, -1, "within epoch 2"), (1, True, 9, "no trainer.max_steps")],
)
def test_a_run_is_not_resumed_within_an_epoch_or_towards_fewer(num_epochs, is_finished, max_steps, said):
    with pytest.raises(ValueError, match=said):
        refuse_resuming(checkpoint(num_epochs, is_finished), 4, max_steps)
