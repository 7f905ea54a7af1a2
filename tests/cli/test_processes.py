"""The program as its users start it: the console script, whole configs, real images."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import warm
from checks import read_curves
from tiny import TINY

SCRIPT = Path(sysconfig.get_path("scripts"), "cifar-lightning")


def run_script(folder, *arguments):
    return subprocess.run([SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, timeout=280)


def test_python_dash_m_is_the_same_command():
    configs = [sys.executable, "-m", "cifar_lightning", "configs"]
    assert "quickstart" in subprocess.run(configs, capture_output=True, text=True, timeout=280).stdout


def test_the_console_script_finds_a_net_in_the_working_folder_and_warns_in_one_line(tmp_path):
    (tmp_path / "pooled_net.py").write_text(
        "from torch import nn\n\n\nclass PooledNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 10))\n"
    )
    fit = run_script(tmp_path, "fit", *TINY, "--model.backbone=pooled_net.PooledNet")
    assert fit.returncode == 0
    (line,) = fit.stderr.splitlines()
    assert line.startswith("cifar-lightning: PooledNet ends with a linear layer of its own, 2 (48 -> 10)")


def test_two_processes_share_a_fit(tmp_path):
    ddp = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    fit = run_script(tmp_path, "fit", *TINY, *ddp)
    assert fit.returncode == 0, (fit.stdout, fit.stderr)
    (run,) = (tmp_path / "lightning_logs/quickstart").iterdir()
    assert len(read_curves(run)) == 2
    assert warm.start(tmp_path, "test", "--ckpt_path", str(run)).code == 0


def test_the_quickstart_reaches_nine_in_ten_on_its_test_shapes_by_half_of_its_epochs(command, tmp_path, undrawn):
    assert command("fit", "--config", "quickstart", "--trainer.max_epochs=10", "--num_threads=1").code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", run).code == 0
    assert json.loads((run / "scores.json").read_text())["splits"]["test"]["accuracy"] >= 0.90


@pytest.mark.parametrize("name", ["stride", "avgpool"])
def test_a_net_of_the_lab_learns_real_images_within_three_epochs(command, tmp_path, real_root, undrawn, name):
    data = [f"--data.source.root={real_root}", "--data.source.verify_md5=false"]
    configs = ["--config", name, "--config", "lab_protocol"]
    assert command("fit", *configs, *data, "--trainer.max_epochs=3", "--num_threads=1").code == 0
    run = tmp_path / "lightning_logs" / name / "version_0"
    assert command("test", "--ckpt_path", run).code == 0
    splits = json.loads((run / "scores.json").read_text())["splits"]
    assert [entry["support"] for entry in splits["test"]["classes"]] == [100, 100, 100]
    assert [entry["support"] for entry in splits["train"]["classes"]] == [500, 500, 500]
    # Guessing gives 0.333; three epochs of a plain loop give about 0.75.
    assert splits["test"]["accuracy"] > 0.6
