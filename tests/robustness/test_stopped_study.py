"""Studies that are killed or stopped: no worker is left, and what is finished is kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from checks import read_checkpoint

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="finds workers by /proc"),
    # Six programs are started from nothing, which takes minutes beside other work.
    pytest.mark.timeout(900),
]

STUDY = {
    "name": "tiny",
    "save_dir": "runs",
    "seeds": 1,
    "strategies": {
        name: {"model": {"backbone": {"class_path": f"cifar_lightning.models.backbones.{name}Net"}}}
        for name in ("MaxPool", "Stride")
    },
    "trainer": {"max_epochs": 100_000, "accelerator": "cpu"},
    "data": {
        "source": {"class_path": "cifar_lightning.data.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}},
        "classes": ["circle", "square"],
    },
}


def start_study(folder, *arguments):
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "cifar_lightning", "study", "--config", "study.yaml", *arguments]
    return subprocess.Popen(command, cwd=folder, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def processes_of(folder):
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def assert_answers_ctrl_c(study, folder):
    """The terminal sends Ctrl-C to the workers too; the study alone answers it."""
    os.killpg(study.pid, signal.SIGINT)
    out, err = study.communicate(timeout=200)
    assert (study.returncode, err) == (130, b"")
    assert out.count(b"stopped") == 1
    assert b": cifar-lightning study --config study.yaml" in out
    wait_for(lambda: not processes_of(folder))


def test_a_killed_study_leaves_no_worker_and_resumes_where_it_was(tmp_path):
    killed = start_study(tmp_path, "--engine", "serial")
    run = tmp_path / "runs/tiny/MaxPool/seed_0"
    wait_for((run / "checkpoints/last.ckpt").exists)
    killed.kill()
    killed.communicate()
    wait_for(lambda: not processes_of(tmp_path))
    epoch = read_checkpoint(run)["epoch"]
    stopped = start_study(tmp_path, "--engine", "serial")
    wait_for(lambda: read_checkpoint(run)["epoch"] > epoch)
    assert_answers_ctrl_c(stopped, tmp_path)


def test_ctrl_c_while_the_workers_start_is_answered_by_the_study_alone(tmp_path):
    stopped = start_study(tmp_path, "--engine", "processes")
    # The study, what it keeps its resources by, and a worker.
    wait_for(lambda: len(processes_of(tmp_path)) > 2)
    time.sleep(0.5)
    assert_answers_ctrl_c(stopped, tmp_path)
