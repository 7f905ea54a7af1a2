"""`--engine ray` on one machine; but for one study, what makes a run is played by a test's own function."""

import os
import socket
import sys

import pytest
import study_jobs
import yaml
from checks import assert_one_sentence, assert_same_run

from cifar_lightning.study.engines import ray as engine
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings

ray = pytest.importorskip("ray", reason="Ray is not installed")

STUDY = {
    "name": "tiny",
    "seeds": 1,
    "num_threads": 1,
    "strategies": {"own": {"model": {"backbone": {"class_path": "my_net.MyNet"}}}},
    "trainer": {"max_epochs": 2, "accelerator": "cpu"},
    "data": {
        "source": {"class_path": "cifar_lightning.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
        "classes": ["circle", "square"],
    },
}
NET = "import torch\nclass MyNet(torch.nn.Sequential):\n    def __init__(self): super().__init__(torch.nn.Flatten())\n"


@pytest.fixture(autouse=True)
def no_network():
    """Ray asks for this machine's own address by way of another's; nothing is sent there."""


@pytest.fixture(scope="module", autouse=True)
def local_ray():
    """A Ray of the test process, which the engine uses and leaves alone."""
    os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


def plan(tmp_path, *seeds, num_threads=1, accelerator="cpu"):
    trainer = {"max_epochs": 1, "accelerator": accelerator}
    settings = {"trainer": trainer, "num_threads": num_threads, "data": {"source": {}}}
    runs = [PlannedRun("net", seed, tmp_path / "study/net" / str(seed), settings) for seed in seeds]
    for run in runs:
        run.folder.mkdir(parents=True)
    return runs


def execute(tmp_path, runs, job):
    study = StudySettings(save_dir=str(tmp_path), name="study", engine="ray")
    outcomes = {run.seed: error for run, error in engine.make_runs(study, job, runs)}
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["net"]
    return outcomes


def test_a_study_with_a_net_of_the_users_equals_the_serial_one(command, tmp_path):
    (tmp_path / "my_net.py").write_text(NET)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    for name in ("ray", "serial"):
        outcome = command("study", "--config", "study.yaml", "--engine", name, "--save_dir", name)
        assert (outcome.code, outcome.err) == (0, "")
    run, other = (tmp_path / name / "tiny/own/seed_0" for name in ("ray", "serial"))
    assert_same_run(run, other)
    assert (run / "test_predictions.csv").read_bytes() == (other / "test_predictions.csv").read_bytes()
    assert (run / "config.yaml").read_text() == (other / "config.yaml").read_text().replace("serial/", "ray/")


def test_a_run_that_fails_leaves_the_others_alone_and_comes_back_as_the_exception_that_it_was(tmp_path):
    runs = plan(tmp_path, 0, 13, 2, 3, 4)
    outcomes = execute(tmp_path, runs, study_jobs.leave_a_file)
    error = outcomes.pop(13)
    assert (type(error), str(error)) == (ValueError, "this one fails")
    assert "study_jobs.py" in str(error.__cause__)
    assert outcomes == dict.fromkeys((0, 2, 3, 4))
    # Processes are used again.
    assert len({(run.folder / "made").read_text() for run in runs}) <= 2


def test_a_run_whose_worker_is_killed_is_made_by_another(tmp_path):
    assert execute(tmp_path, plan(tmp_path, 0, 1, 2), study_jobs.die_the_first_time) == {0: None, 1: None, 2: None}


def test_a_run_that_kills_every_worker_has_failed(tmp_path):
    outcomes = execute(tmp_path, plan(tmp_path, 0, 1), study_jobs.die_always)
    assert outcomes[0] is None
    assert "its worker was lost 3 times" in str(outcomes[1])


def test_a_run_has_its_cores_and_finds_the_working_folder_and_the_data_of_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIFAR_LIGHTNING_DATA", "here")
    (run,) = plan(tmp_path, 0, num_threads=2)
    assert execute(tmp_path, [run], study_jobs.tell_environment) == {0: None}
    assert (run.folder / "made").read_text() == f"{tmp_path} 2 here"


@pytest.mark.parametrize(("needs", "said"), [({"num_threads": 3}, "3 cores and 0"), ({"accelerator": "gpu"}, "1 GPUs")])
def test_more_than_any_machine_has_is_refused_at_once(tmp_path, needs, said):
    with pytest.raises(ValueError, match=f"{said}.*have 2 and 0"):
        execute(tmp_path, plan(tmp_path, 0, **needs), study_jobs.leave_a_file)


def test_other_versions_on_a_node_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    with pytest.raises(ValueError, match=r"expected Python 3.9.1 on every machine.* has 3.1.*; install the same"):
        execute(tmp_path, plan(tmp_path, 0), study_jobs.leave_a_file)


class TestWithoutTheCluster:
    """The command, where Ray answers nobody."""

    @pytest.fixture
    def study(self, command, tmp_path, monkeypatch):
        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        strategies = {"stride": {"model": {"backbone": {"class_path": "cifar_lightning.StrideNet"}}}}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "strategies": strategies}))
        return lambda *arguments: command("study", "--config", "study.yaml", "--engine", "ray", *arguments)

    def test_an_address_that_nobody_answers_is_refused(self, study, monkeypatch):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            assert_one_sentence(study("--ray_address", address), 2, address, "nobody answers", "ray start --head")
            monkeypatch.setenv("RAY_ADDRESS", address)
            assert_one_sentence(study(), 2, address, "nobody answers")

    def test_a_plan_counts_no_cores_of_this_machine(self, study):
        outcome = study("--dry_run")
        assert outcome.code == 0
        assert "engine: ray, as many runs at a time as Ray has cores for, 1 thread each\n" in outcome.out
        assert "of fitting, one run after another (measured: " in outcome.out

    def test_a_missing_ray_is_named_with_the_command_that_installs_it(self, study, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        assert_one_sentence(study(), 2, "pip install 'cifar-lightning[ray]'")
