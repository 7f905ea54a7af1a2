"""`--engine ray` on clusters of several nodes on this machine, of which workers, nodes and the study itself are killed.

What makes a run is `count_epochs`, which tells at which epoch it begins, but for one study of real fits.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import study_jobs
import yaml
from checks import assert_one_sentence, assert_same_run, commands_of, contents, read_checkpoint
from tiny import TINY_STUDY, write_photos

from cifar_lightning.runs.run import find_runs
from cifar_lightning.study.planned_run import PlannedRun

ray = pytest.importorskip("ray", reason="Ray is not installed")
STORE = 100 * 2**20
STUDY = {
    "name": "tiny",
    "seeds": 2,
    "num_threads": 1,
    "strategies": {"own": {"model": {"backbone": {"class_path": "my_net.MyNet"}}}},
    "trainer": {"max_epochs": 2, "accelerator": "cpu"},
    "data": {"source": {"class_path": "cifar_lightning.ImageFolder", "init_args": {"root": "photos"}}, "classes": None},
}
NET = "import torch\nclass MyNet(torch.nn.Sequential):\n    def __init__(self): super().__init__(torch.nn.Flatten())\n"
LONG = {
    "seeds": 1,
    "strategies": {"own": {"model": {"backbone": {"class_path": "cifar_lightning.StrideNet"}}}},
    "trainer": {"max_epochs": 100_000, "accelerator": "cpu"},
    "data": {
        "source": {"class_path": "cifar_lightning.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
        "classes": ["circle", "square"],
    },
}


@pytest.fixture(autouse=True)
def no_network():
    """Ray asks for this machine's own address by way of another's; nothing is sent there."""


@pytest.fixture(scope="module")
def cluster():
    """A cluster whose first node has no core, as that of a login machine."""
    from ray.cluster_utils import Cluster

    os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    cluster = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE})
    yield cluster
    cluster.shutdown()


@pytest.fixture
def node(cluster):
    """Adds nodes of one core, and removes those that are left."""
    nodes = []

    def add(**options):
        nodes.append(cluster.add_node(num_cpus=1, object_store_memory=STORE, **options))
        return nodes[-1]

    yield add
    for one in nodes:
        with contextlib.suppress(Exception):
            cluster.remove_node(one)


@pytest.fixture
def far_node(cluster, tmp_path):
    """Adds nodes of one core that do not see the folder `here`."""
    hide = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    (tmp_path / "here").mkdir()
    mount = f"mount -t tmpfs none {tmp_path / 'here'}"
    if subprocess.run([*hide, mount], check=False).returncode:
        pytest.skip("this system lets nobody hide a folder from a process")
    start = f"{sys.executable} -m ray.scripts.scripts start --block --address {cluster.address}"
    options = f"--num-cpus 1 --object-store-memory {STORE}"
    nodes = []

    def add():
        command = [*hide, f"{mount} && exec {start} {options}"]
        nodes.append(subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True))
        assert any("Ray runtime started" in line for line in nodes[-1].stdout)
        return nodes[-1]

    yield add
    for one in nodes:
        kill_group(one)


def processes_of(folder):
    """What works in a folder, but for two agents of Ray, which outlive a killed Ray by a minute."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd") == str(folder):
                found.append((entry / "cmdline").read_bytes())
    return [command for command in found if b"Agent" not in command]


def kill_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def plan(folder, log, num_epochs, *seeds):
    settings = {
        "log": str(log),
        "num_threads": 1,
        "data": {"source": {}},
        "trainer": {
            "max_epochs": num_epochs,
            "accelerator": "cpu",
            "logger": {"init_args": {"save_dir": str(folder / "study")}},
        },
    }
    return [PlannedRun("net", seed, folder / f"study/net/seed_{seed}", settings) for seed in seeds]


def begun(log):
    """Seed, epoch and process of all that has begun."""
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


def find_probe(study):
    """The name of the file that the engine puts into the folder of a study; what it writes elsewhere has it too."""
    (probe,) = study.glob(".ray-*")
    return probe.name


def assert_cleared(study, probe, *left):
    """In the folder of a study there is nothing but `left`, and in that for temporary files nothing of it."""
    temporary = Path(tempfile.gettempdir())
    assert {path.name for path in study.iterdir()} == set(left)
    assert not (temporary / probe[1:]).exists()
    assert not (temporary / f"cifar-lightning{probe}").exists()


def test_runs_of_lost_nodes_go_on_elsewhere_from_the_epochs_that_have_reached_the_study(
    cluster, node, far_node, tmp_path
):
    node()
    lost, far = node(), far_node()
    here, log = tmp_path / "here", tmp_path / "log"
    runs = plan(here, log, 80, 0, 1, 2)
    (here / "study").mkdir()

    probes = []

    def lose():
        # What the far node has comes after some seconds.
        wait_for(lambda: all(run.can_resume for run in runs))
        probes.append(find_probe(here / "study"))
        cluster.remove_node(lost, allow_graceful=False)
        kill_group(far)

    killer = threading.Thread(target=lose)
    killer.start()
    study_jobs.study_with_ray(cluster.address, here / "study", runs)
    killer.join()
    assert sorted(seed for seed, epoch, _ in begun(log) if epoch == 0) == [0, 1, 2]
    again = [(seed, epoch) for seed, epoch, _ in begun(log) if epoch > 0]
    assert len(again) == 2
    assert {run.num_epochs_done for run in runs} == {80}
    assert_cleared(here / "study", probes[0], "net")


def test_a_study_that_is_killed_and_started_again_makes_no_finished_run_twice(cluster, node, far_node, tmp_path):
    node()
    far_node()
    here, log = tmp_path / "here", tmp_path / "log"
    runs = plan(here, log, 20, *range(6))
    (here / "study").mkdir()

    def start(runs):
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=study_jobs.study_with_ray, args=(cluster.address, here / "study", runs))
        process.start()
        return process

    killed = start(runs)
    wait_for(lambda: len(begun(log)) > 3 and any(run.is_finished for run in runs))
    killed.kill()
    killed.join()
    probe = find_probe(here / "study")
    finished = [run for run in runs if run.is_finished]
    before = begun(log)
    again = start([run for run in runs if not run.is_finished])
    again.join(60)
    assert again.exitcode == 0
    assert all(run.is_finished for run in runs)
    assert not {seed for seed, _, _ in begun(log)[len(before) :]} & {run.seed for run in finished}
    assert_cleared(here / "study", probe, "net")


def test_real_runs_on_a_node_that_sees_neither_study_nor_data_nor_net_equal_the_serial_ones(
    cluster, far_node, command, tmp_path, monkeypatch
):
    far_node()
    here = tmp_path / "here"
    monkeypatch.chdir(here)
    monkeypatch.setattr("secrets.token_hex", lambda *_: f"test{os.getpid()}")
    (here / "my_net.py").write_text(NET)
    (here / "study.yaml").write_text(yaml.safe_dump(STUDY))
    write_photos(here, "apple", "pear")
    command("study", "--config", "study.yaml", "--engine", "serial", "--save_dir", "serial")
    address = f"--ray_address={cluster.address}"
    outcome = command("study", "--config", "study.yaml", "--engine", "ray", "--save_dir", "ray", address)
    assert (outcome.code, outcome.err) == (0, "")
    # The second run finds the data that the node was sent for the first.
    for seed in (0, 1):
        run, other = (here / name / f"tiny/own/seed_{seed}" for name in ("ray", "serial"))
        assert_same_run(run, other)
        assert contents(run).keys() == contents(other).keys()
        assert (run / "config.yaml").read_text() == (other / "config.yaml").read_text().replace("serial/", "ray/")
    assert_cleared(here / "ray/tiny", f".ray-test{os.getpid()}", "_mean", "own")


def test_another_ray_there_is_refused_with_both_versions(cluster, command, tmp_path, monkeypatch):
    monkeypatch.setattr(ray, "__version__", "2.49.0")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, **LONG}))
    outcome = command("study", "--config", "study.yaml", "--engine", "ray", f"--ray_address={cluster.address}")
    assert_one_sentence(outcome, 2, "2.49.0", "Version mismatch")


def test_a_node_with_another_cifar_lightning_is_refused(cluster, node, tmp_path, monkeypatch):
    # Ray's workers look for modules in the working folder first.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old/cifar_lightning").mkdir(parents=True)
    (tmp_path / "old/cifar_lightning/__init__.py").touch()
    node(env_vars={"PYTHONPATH": str(tmp_path / "old")})
    (tmp_path / "study").mkdir()
    with pytest.raises(ValueError, match=r"expected cifar-lightning .* on every machine .*No module named.*; install"):
        study_jobs.study_with_ray(cluster.address, tmp_path / "study", plan(tmp_path, tmp_path / "log", 1, 0))
    assert list((tmp_path / "study").iterdir()) == []


def test_a_killed_study_with_a_ray_of_its_own_leaves_no_process_and_one_that_is_stopped_nothing(tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, **LONG}))
    command = [sys.executable, "-m", "cifar_lightning", "study", "--config", "study.yaml", "--engine", "ray"]

    def start():
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **streams)

    killed = start()
    run = tmp_path / "lightning_logs/tiny/own/seed_0"
    wait_for((run / "checkpoints/last.ckpt").exists)
    killed.kill()
    killed.communicate()
    probe = find_probe(tmp_path / "lightning_logs/tiny")
    wait_for(lambda: not processes_of(tmp_path))
    epoch = read_checkpoint(run)["epoch"]
    stopped = start()
    wait_for(lambda: read_checkpoint(run)["epoch"] > epoch)
    # As a terminal does.
    os.killpg(stopped.pid, signal.SIGINT)
    out, err = stopped.communicate(timeout=100)
    assert (stopped.returncode, err, out.count(b"stopped")) == (130, b"", 1)
    assert processes_of(tmp_path) == []
    assert_cleared(tmp_path / "lightning_logs/tiny", probe, "own")


def test_the_commands_of_the_docs_lead_from_one_machine_to_a_cluster(tmp_path):
    (tmp_path / "study").write_text(yaml.safe_dump(TINY_STUDY))
    token, head, other, study = commands_of("cluster.md", "Ray")[1:5]
    # Processes that end with the shell; what it starts must see no other cluster, nor be stopped by one.
    shell = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-e"]
    if subprocess.run([*shell, "-c", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this system gives nobody processes of his own")
    here = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    lines = [
        f"{token} && {head.partition('#')[0]} > head",
        other.replace("10.0.0.1:6379", "$(sed -n \"s/.*--address='\\(.*\\)'.*/\\1/p\" head)"),
        study,
    ]
    command = [*shell, "-c", "\n".join(lines)]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # Sockets have short names.
        variables = {"PATH": here, "HOME": folder, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
        environment = {**os.environ, **variables}
        outcome = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True)
    assert outcome.returncode == 0, outcome
    assert len(find_runs([tmp_path / "lightning_logs/study"])) == 4
