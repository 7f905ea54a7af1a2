import os

import jobs
import pytest

from cifar_lightning.study.engines import ProcessEngine
from cifar_lightning.study.plan import PlannedRun

pytestmark = pytest.mark.slow


def plan(tmp_path, *seeds):
    runs = [PlannedRun("net", seed, tmp_path / str(seed), {"trainer": {"max_epochs": 1}}) for seed in seeds]
    for run in runs:
        run.folder.mkdir()
    return runs


def execute(num_workers, runs, job):
    return {run.seed: error for run, error in ProcessEngine(num_workers)(runs, job, lambda: None)}


def test_one_worker_makes_all_runs_in_one_process(tmp_path):
    runs = plan(tmp_path, 0, 1, 2)
    assert execute(1, runs, jobs.leave_a_file) == {0: None, 1: None, 2: None}
    assert len({(run.folder / "made").read_text() for run in runs}) == 1


def test_a_run_that_fails_leaves_the_others_alone(tmp_path):
    assert execute(2, plan(tmp_path, 13, 1, 2), jobs.leave_a_file) == {13: "this one fails", 1: None, 2: None}


def test_a_run_whose_worker_is_killed_is_made_by_another(tmp_path):
    runs = plan(tmp_path, 0, 1, 2)
    assert execute(2, runs, jobs.die_the_first_time) == {0: None, 1: None, 2: None}


def test_a_run_that_kills_its_worker_twice_has_failed(tmp_path):
    outcomes = execute(2, plan(tmp_path, 0, 1, 2), jobs.die_always)
    assert outcomes == {0: None, 1: "its process was killed twice (exit code -9)", 2: None}


def test_a_run_whose_worker_ends_of_itself_has_failed_and_is_not_tried_again(tmp_path, capfd):
    runs = plan(tmp_path, 1, 2, 3)
    outcomes = execute(1, runs, jobs.stumble)
    assert outcomes == {1: "its process ended with exit code 1; what it said is above", 2: None, 3: None}
    assert "KeyError: 'accuracy'" in capfd.readouterr().err
    assert (runs[0].folder / "tries").read_text() == "tried\n"


def test_workers_end_when_nobody_waits_for_more(tmp_path):
    outcomes = ProcessEngine(1)(plan(tmp_path, 0, 1), jobs.leave_a_file, lambda: None)
    run, _ = next(outcomes)
    worker = int((run.folder / "made").read_text())
    outcomes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
