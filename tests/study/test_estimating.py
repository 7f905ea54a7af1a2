"""The time that is left, from the study's own finished runs."""

import pytest
from simulated_runs import write_run

from cifar_lightning.study import estimating
from cifar_lightning.study.planned_run import PlannedRun


def plan(tmp_path, strategy, *seeds):
    return [
        PlannedRun(strategy, seed, tmp_path / strategy / str(seed), {"trainer": {"max_epochs": 5}}) for seed in seeds
    ]


def test_runs_left_take_as_long_as_the_median_of_the_finished_ones(tmp_path):
    runs = plan(tmp_path, "maxpool", 0, 1, 2, 3, 4)
    for run in runs[:3]:
        # 80, 81 and 82 seconds for five epochs each.
        write_run(run.folder, "maxpool", run.seed, [True, False, True])
    seconds, is_from_runs = estimating.estimate(runs, num_workers=1)
    assert is_from_runs
    assert seconds == pytest.approx(2 * 81)
    assert estimating.estimate(runs, num_workers=8)[0] == pytest.approx(81)


def test_a_strategy_without_a_finished_run_is_timed_and_so_are_all_others(tmp_path, monkeypatch):
    runs = [*plan(tmp_path, "maxpool", 0, 1), *plan(tmp_path, "avgpool", 0)]
    write_run(runs[0].folder, "maxpool", 0, [True])
    monkeypatch.setattr(estimating, "_time_epochs", lambda run: {"maxpool": 2.0, "avgpool": 3.0}[run.strategy])
    assert estimating.estimate(runs, num_workers=1) == (5 * 2 + 5 * 3, False)
    # With `restart` the finished run is made again.
    assert estimating.estimate(runs, num_workers=1, restart=True) == (2 * 5 * 2 + 5 * 3, False)


def test_nothing_left_takes_no_time(tmp_path):
    runs = plan(tmp_path, "maxpool", 0)
    write_run(runs[0].folder, "maxpool", 0, [True])
    assert estimating.estimate(runs, num_workers=2) == (0, True)
