"""How far a planned run has come, by the files in its folder."""

import pytest
from simulated_runs import write_run

from cifar_lightning.study.planned_run import PlannedRun

CURVES = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n0,1,0.5,1,0.5,1\n1,1,0.5,1,0.5,2\n"


def plan(folder):
    return PlannedRun("maxpool", 3, folder, {"trainer": {"max_epochs": 5}})


@pytest.mark.parametrize(
    ("files", "state", "num_epochs_done"),
    [
        ({}, "new", 0),
        # The epochs of curves without a checkpoint are lost.
        ({"curves.csv": CURVES}, "new", 0),
        ({"curves.csv": CURVES, "checkpoints/last.ckpt": ""}, "at epoch 2", 2),
        ({"curves.csv": CURVES, "checkpoints/last.ckpt": "", "scores.json": "{}"}, "finished", 5),
    ],
)
def test_the_state_of_a_run_is_that_of_its_folder(tmp_path, files, state, num_epochs_done):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = plan(tmp_path)
    assert (run.state, run.num_epochs_done, run.num_epochs) == (state, num_epochs_done, 5)


def test_a_run_is_called_by_its_strategy_and_seed(tmp_path):
    run = plan(write_run(tmp_path, "maxpool", 3, [True, True, False]))
    assert str(run) == "maxpool seed 3"
