"""The command as its users start it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import warm

from cifar_lightning.cli.main import main

pytestmark = pytest.mark.slow

SCRIPT = Path(sysconfig.get_path("scripts"), "cifar-lightning")
SHAPES = ["--config", "quickstart", "--data.source.num_train=100", "--data.source.num_test=20"]
REAL_DATA = Path(os.environ.get("CIFAR_LIGHTNING_DATA", Path(__file__).parents[2] / "data"))


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([SCRIPT, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> tuple[str, str]:
    return process.communicate(timeout=200)


def wait_for_epochs(curves: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 100
    while not curves.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert curves.exists()


def test_the_quickstart_reaches_nine_in_ten_on_its_test_shapes(tmp_path, monkeypatch):
    fit = warm.start(tmp_path, "fit", "--config", "quickstart", prepare=warm.nothing)
    assert (fit.wait(200), fit.err) == (0, "")
    run = fit.out.splitlines()[-1].rpartition(" ")[2]
    monkeypatch.chdir(tmp_path)
    assert main(["test", "--ckpt_path", run]) == 0
    assert json.loads((tmp_path / run / "scores.json").read_text())["splits"]["test"]["accuracy"] >= 0.90


def test_the_console_script_finds_a_net_in_the_working_folder(tmp_path):
    (tmp_path / "pooled_net.py").write_text(
        "from torch import nn\n\n\nclass PooledNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten())\n"
    )
    process = start(tmp_path, "fit", *SHAPES, "--trainer.max_epochs=1", "--model.backbone=pooled_net.PooledNet")
    _, err = finish(process)
    assert (process.returncode, err) == (0, "")


def test_a_stopped_run_says_how_to_go_on_and_goes_on(tmp_path, monkeypatch):
    process = start(tmp_path, "fit", *SHAPES, "--trainer.max_epochs=100000")
    run = tmp_path / "lightning_logs/quickstart/version_0"
    wait_for_epochs(run / "curves.csv", process)
    process.send_signal(signal.SIGINT)
    out, err = finish(process)
    assert process.returncode == 130, (out, err)
    assert err == ""
    num_epochs = len((run / "curves.csv").read_text().splitlines()) - 1
    command = out.splitlines()[-1].partition("cifar-lightning ")[2].split()
    monkeypatch.chdir(tmp_path)
    assert main([*command, f"--trainer.max_epochs={num_epochs + 1}"]) == 0
    epochs = [line.partition(",")[0] for line in (run / "curves.csv").read_text().splitlines()[1:]]
    assert epochs == [str(epoch) for epoch in range(num_epochs + 1)]


def test_python_dash_m_is_the_same_command():
    out = subprocess.run(
        [sys.executable, "-m", "cifar_lightning", "configs"], capture_output=True, text=True, timeout=60
    )
    assert "quickstart" in out.stdout


@pytest.mark.skipif(
    not (REAL_DATA / "cifar-100-python").is_dir(), reason="no CIFAR-100 in $CIFAR_LIGHTNING_DATA or data/"
)
@pytest.mark.parametrize("name", ["baseline", "stride", "maxpool", "avgpool"])
def test_a_net_of_the_lab_learns_real_pictures_within_three_epochs(tmp_path, name, capsys):
    arguments = [f"--data.source.root={REAL_DATA}", "--data.source.verify_md5=false", "--trainer.max_epochs=3"]
    arguments += ["--config", "lab_protocol", f"--trainer.logger.save_dir={tmp_path}"]
    assert main(["fit", "--config", name, *arguments]) == 0
    run = tmp_path / name / "version_0"
    assert main(["test", "--ckpt_path", str(run)]) == 0
    scores = json.loads((run / "scores.json").read_text())
    assert [entry["support"] for entry in scores["splits"]["test"]["classes"]] == [100, 100, 100]
    assert [entry["support"] for entry in scores["splits"]["train"]["classes"]] == [500, 500, 500]
    # Guessing gives 0.333; three epochs of a plain loop give about 0.75.
    assert scores["splits"]["test"]["accuracy"] > 0.6


@pytest.mark.parametrize("val_fraction", [0.1, 0.0])
def test_two_processes_share_a_fit(tmp_path, val_fraction):
    ddp = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp", "--num_threads=1"]
    process = start(tmp_path, "fit", *SHAPES, "--trainer.max_epochs=2", f"--data.val_fraction={val_fraction}", *ddp)
    out, err = finish(process)
    assert process.returncode == 0, (out, err)
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]
    assert len((run / "curves.csv").read_text().splitlines()) == 1 + 2
    # Not within this process: Lightning leaves the address of the group in the environment.
    assert warm.start(tmp_path, "test", "--ckpt_path", str(run)).wait() == 0
