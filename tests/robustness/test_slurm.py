"""A study as a job array of a real Slurm, which the test starts on this machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from checks import commands_of
from tiny import SMALL, TINY_STUDY

from cifar_lightning.cli.main import main
from cifar_lightning.runs.run import find_runs

pytestmark = [
    pytest.mark.skipif(not (shutil.which("slurmctld") and shutil.which("slurmd")), reason="needs Debian's slurm-wlm"),
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="slurmd wants to be root"),
    pytest.mark.timeout(600),
]

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=1,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES
"""


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.2)
    return found


def say(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A cluster of this machine alone."""
    for name in ("state", "spool"):
        (tmp_path / name).mkdir()
    host = socket.gethostname().partition(".")[0]
    conf = tmp_path / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=tmp_path, ports=free_ports(2)))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    with (tmp_path / "daemons.log").open("wb") as log:
        daemons = [
            subprocess.Popen([*command, "-D"], stdout=log, stderr=log, start_new_session=True)
            for command in (["slurmctld"], ["slurmd", "-N", host])
        ]
        try:
            wait_for(
                lambda: "idle" in subprocess.run(["sinfo"], check=False, capture_output=True, text=True).stdout, 60
            )
            yield
        finally:
            subprocess.run(["scancel", "--user=root"], check=False)
            wait_for(lambda: not say("squeue", "--noheader"), 60)
            for daemon in reversed(daemons):
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(30)


def test_a_study_is_made_by_a_job_array_that_is_requeued_and_compared_at_its_end(slurm, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("pair.yaml").write_text(
        "name: pair\nstrategies: {fast: {model: {optimizer: {init_args: {lr: 0.05}}}}, slow: {}}\n"
    )
    arguments = [*SMALL, "--config=pair.yaml", "--seeds=2", "--trainer.max_epochs=150", "--job_array=slurm"]
    assert main(["study", *arguments]) == 0
    Path("array.sh").write_text(capsys.readouterr().out)
    said = say("bash", "array.sh", "--array=1-2", "--cpus-per-task=1")
    job = said.split("submitted job array ")[1].split()[0]

    # As the cluster does before a time limit. The requeued task would wait for two minutes.
    study = Path("lightning_logs/pair")
    wait_for(lambda: list(study.glob("*/*/checkpoints/last.ckpt")))
    say("scancel", "--batch", "--signal=USR1", f"{job}_1")
    wait_for(lambda: "(BeginTime)" in say("squeue"))
    # At once, Slurm would refuse it: the killed task's credential has to be older than that of the new one.
    say("scontrol", "update", f"jobid={job}_1", "StartTime=now+10seconds")

    wait_for(lambda: not say("squeue", "--noheader"))
    assert (study / "comparison.json").is_file()
    runs = find_runs([study])
    assert sorted((run.strategy, run.seed, len(run.curves["epoch"])) for run in runs) == [
        (name, seed, 150) for name in ("fast", "slow") for seed in (0, 1)
    ]
    first, second = ((study / f"slurm-{job}_{task}.log").read_text() for task in (1, 2))
    assert "stopped; resume with:" in first
    assert "stopped" not in second


def test_the_commands_of_the_docs_make_a_study_on_a_cluster(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A file goes before the shipped config of that name.
    Path("study").write_text(yaml.safe_dump(TINY_STUDY))
    said = say("bash", "-e", "-c", "\n".join(commands_of("cluster.md", "Slurm")))
    assert "submitted job array" in said
    assert said.count("study-co") == 1  # `compare` in the queue
    wait_for(lambda: not say("squeue", "--noheader"))
    assert Path("lightning_logs/study/comparison.json").is_file()
    assert len(find_runs([Path("lightning_logs/study")])) == 4
