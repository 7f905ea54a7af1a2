"""The list of runs, against what their folders were given."""

import os
from datetime import datetime

import numpy as np
from simulated_runs import write_run

from cifar_lightning.runs.listing import list_runs

RIGHT = np.arange(30) % 10 != 0


def test_a_finished_run_has_its_test_accuracy_and_interval(tmp_path):
    folder = write_run(tmp_path / "avgpool/version_0", "avgpool", 4, RIGHT)
    for file in folder.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    (listed,) = list_runs([tmp_path])
    assert (listed.folder, listed.strategy, listed.seed) == (folder, "avgpool", 4)
    assert (listed.epochs, listed.max_epochs, listed.state) == (5, 5, "finished")
    # Wilson's interval of 27/30, by statsmodels.
    assert listed.accuracy == 0.9
    assert np.allclose(listed.accuracy_ci95, (0.7438, 0.9654), atol=1e-4)
    assert listed.when == datetime.fromtimestamp(1_700_000_000)


def test_runs_without_scores_are_fitted_or_unfinished_by_their_epochs(tmp_path):
    for name, settings in {
        "whole": {},
        "stopped": {"trainer.max_epochs": 9},
        # With a logger beside the run folder's, settings have a list.
        "endless": {"trainer.max_epochs": -1, "trainer.logger": [{"init_args": {"name": "mine"}}, {"class_path": "x"}]},
    }.items():
        (write_run(tmp_path / name, "stride", 1, RIGHT, settings=settings) / "scores.json").unlink()
    seen = {
        one.folder.name: (one.strategy, one.seed, one.epochs, one.max_epochs, one.state)
        for one in list_runs([tmp_path])
    }
    assert seen == {
        "whole": ("stride", 1, 5, 5, "fitted, not tested"),
        "stopped": ("stride", 1, 5, 9, "unfinished"),
        "endless": ("mine", 1, 5, None, "unfinished"),
    }


def test_a_damaged_run_does_not_hide_the_others(tmp_path):
    write_run(tmp_path / "whole", "stride", 1, RIGHT)
    (write_run(tmp_path / "damaged", "stride", 2, RIGHT) / "scores.json").write_text("{")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.yaml").touch()
    assert {one.folder.name: one.state for one in list_runs([tmp_path])} == {
        "whole": "finished",
        "damaged": "unreadable",
        "empty": "unreadable",
    }
