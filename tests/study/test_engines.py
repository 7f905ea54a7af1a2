"""Engines: a list of runs in, an outcome for each out."""

import os
import re
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace

import insides
import pytest
import study_jobs
import warm

from cifar_lightning.study.engines import list_engines, load_engine, processes, serial
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings


def plan(tmp_path, *seeds):
    runs = [PlannedRun("net", seed, tmp_path / str(seed), {"trainer": {"max_epochs": 1}}) for seed in seeds]
    for run in runs:
        run.folder.mkdir()
    return runs


def outcomes_of(engine, study, job, runs):
    return {run.seed: error and str(error) for run, error in engine.make_runs(study, job, runs)}


def test_an_engine_is_found_by_the_name_of_its_module():
    assert {"processes", "ray", "serial", "stacked"} <= set(list_engines())
    for name in list_engines():
        assert load_engine(name).__module__ == f"cifar_lightning.study.engines.{name}"


def test_the_engine_of_the_contributing_guide_resumes_a_run_that_fails_once(tmp_path):
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    (source,) = re.findall(r"```python\n(# cifar_lightning/study/engines/.*?)```", guide, re.DOTALL)
    engine, tries = ModuleType("twice"), Counter()
    exec(source, vars(engine))

    def fail_at_first(run):
        tries[run.seed] += 1
        if tries[run.seed] <= run.seed:
            raise ValueError("once more")

    outcomes = engine.make_runs(StudySettings(), fail_at_first, plan(tmp_path, 0, 1, 2))
    assert {run.seed: error and str(error) for run, error in outcomes} == {0: None, 1: None, 2: "once more"}
    assert tries == {0: 1, 1: 2, 2: 2}


def test_the_serial_engine_makes_all_runs_in_this_process(tmp_path):
    runs = plan(tmp_path, 0, 13, 2)
    assert outcomes_of(serial, StudySettings(), study_jobs.leave_a_file, runs) == {
        0: None,
        13: "this one fails",
        2: None,
    }
    assert {(run.folder / "made").read_text() for run in runs} == {str(os.getpid())}


class TestProcesses:
    @pytest.fixture(autouse=True)
    def workers_start_at_once(self, monkeypatch):
        """Lets them be forked; those of tests/robustness are spawned, as a study spawns them."""
        insides.start_workers_from(monkeypatch, warm.CONTEXT)

    def execute(self, num_workers, runs, job):
        return outcomes_of(processes, SimpleNamespace(num_workers=num_workers), job, runs)

    def test_one_worker_makes_all_runs_in_one_process(self, tmp_path):
        runs = plan(tmp_path, 0, 1, 2)
        assert self.execute(1, runs, study_jobs.leave_a_file) == {0: None, 1: None, 2: None}
        (worker,) = {(run.folder / "made").read_text() for run in runs}
        assert worker != str(os.getpid())

    def test_a_run_that_fails_leaves_the_others_alone(self, tmp_path):
        outcomes = self.execute(2, plan(tmp_path, 13, 1, 2), study_jobs.leave_a_file)
        assert outcomes == {13: "this one fails", 1: None, 2: None}

    def test_an_error_comes_back_as_the_exception_that_it_was(self, tmp_path):
        study, runs = SimpleNamespace(num_workers=1), plan(tmp_path, 13)
        [outcome] = processes.make_runs(study, study_jobs.leave_a_file, runs)
        assert type(outcome.error) is ValueError

    def test_a_run_whose_worker_is_killed_is_made_by_another(self, tmp_path):
        runs = plan(tmp_path, 0, 1, 2)
        assert self.execute(2, runs, study_jobs.die_the_first_time) == {0: None, 1: None, 2: None}

    def test_a_run_that_kills_its_worker_twice_has_failed(self, tmp_path):
        outcomes = self.execute(2, plan(tmp_path, 0, 1, 2), study_jobs.die_always)
        assert outcomes == {0: None, 1: "its process was killed twice (exit code -9)", 2: None}

    def test_a_bug_comes_back_with_its_traceback_and_is_not_tried_again(self, tmp_path):
        runs = plan(tmp_path, 1, 2, 3)
        made = processes.make_runs(SimpleNamespace(num_workers=1), study_jobs.stumble, runs)
        outcomes = {run.seed: error for run, error in made}
        assert type(outcomes[1]) is KeyError
        assert "study_jobs.py" in str(outcomes[1].__cause__)
        assert (outcomes[2], outcomes[3]) == (None, None)
        assert (runs[0].folder / "tries").read_text() == "tried\n"

    def test_a_run_that_ends_its_worker_has_failed(self, tmp_path):
        outcomes = self.execute(1, plan(tmp_path, 1, 2), study_jobs.leave_at_once)
        assert outcomes == {1: "its process ended with exit code 3; what it said is above", 2: None}

    def test_jobs_of_several_runs_go_side_by_side_each_worker_in_an_environment_of_its_own(self, tmp_path):
        first, second = plan(tmp_path, 0, 1), plan(tmp_path, 2, 3, 4)
        environments = [{"CUDA_VISIBLE_DEVICES": name} for name in ("0", "GPU-1", "2")]
        outcomes = processes.make_in_workers(study_jobs.take_what_is_visible, [first, second], environments)
        assert {outcome.run.seed: outcome.error for outcome in outcomes} == dict.fromkeys(range(5))
        made = [{(run.folder / "made").read_text() for run in job} for job in (first, second)]
        assert made == [{"0"}, {"GPU-1"}]
        # As a command words them.
        assert (first[0].folder / "warned").read_text() == "cifar-lightning: took 0\n"

    def test_workers_end_when_nobody_waits_for_more(self, tmp_path):
        study, runs = SimpleNamespace(num_workers=1), plan(tmp_path, 0, 1)
        outcomes = processes.make_runs(study, study_jobs.leave_a_file, runs)
        run, _ = next(outcomes)
        worker = int((run.folder / "made").read_text())
        outcomes.close()
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
