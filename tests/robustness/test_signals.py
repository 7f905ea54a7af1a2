"""Ctrl-C and SIGTERM at any moment, once and twice."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from checks import assert_all_whole, next_command, read_checkpoint
from PIL import Image
from tiny import SMALL, TINY
from warm import start, write_slowly_from_now_on

# Many more are tried by hand now and then.
NUM_SIGNALS = int(os.environ.get("CIFAR_LIGHTNING_SIGNALS", "3"))
SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}
each_signal = pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=list(SIGNALS))
FIT = ["fit", *TINY, "--trainer.logger.name=run", "--trainer.max_epochs=100000"]
RUN = "lightning_logs/run/version_0"
# A command, and the seconds within which it is stopped.
COMMANDS = {
    "fit": (FIT, 1.0),
    "test": (["test", "--ckpt_path", "run"], 1.5),
    "predict": (["predict", "--ckpt_path", "run", "--images", "images"], 0.3),
    "data": (["data", *SMALL, "--preview", "sheet.png"], 0.6),
}


@each_signal
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_ends_a_command_without_a_trace(tmp_path, fitted_run, name, number, code):
    arguments, seconds = COMMANDS[name]
    generator = random.Random(code)
    for attempt in range(NUM_SIGNALS):
        folder = tmp_path / str(attempt)
        shutil.copytree(fitted_run, folder / "run")
        (folder / "images").mkdir()
        for place in range(20):
            Image.new("RGB", (800, 800)).save(folder / f"images/{place}.png")
        command = start(folder, *arguments)
        time.sleep(generator.uniform(0.02, seconds))
        command.send(number)
        # At its very beginning the system ends it; and a short command may have come to its end.
        assert command.code in (code, -number, *([0] if name != "fit" else [])), command.err
        assert command.err in ("", "stopped\n")
        assert_all_whole(folder)
        if name == "fit":
            has_checkpoint = (folder / RUN / "checkpoints/last.ckpt").exists()
            assert (": cifar-lightning fit " in command.out) == has_checkpoint
            # Or nothing is there at all.
            assert has_checkpoint or not (folder / "lightning_logs").exists()


@each_signal
def test_a_stopped_fit_says_how_to_resume_and_resumes(tmp_path, number, code):
    command = start(tmp_path, *FIT)
    command.wait_until((tmp_path / RUN / "checkpoints/last.ckpt").exists)
    command.send(number)
    assert (command.code, command.err) == (code, "")
    epoch = read_checkpoint(tmp_path / RUN)["epoch"]
    assert start(tmp_path, *next_command(command), f"--trainer.max_epochs={epoch + 2}").code == 0
    assert read_checkpoint(tmp_path / RUN)["epoch"] == epoch + 1


def test_a_signal_right_after_a_temporary_file_was_made_leaves_none(command, tmp_path, monkeypatch):
    make = tempfile.mkstemp

    def make_and_be_stopped(*arguments, **options):
        made = make(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return made

    monkeypatch.setattr(tempfile, "mkstemp", make_and_be_stopped)
    assert command("data", *SMALL, "--preview=sheet.png").code == 143
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [0.02, 0.5])
def test_a_second_ctrl_c_ends_a_fit_that_is_still_writing(tmp_path, seconds):
    command = start(tmp_path, *FIT, prepare=write_slowly_from_now_on)
    command.wait_until((tmp_path / RUN / "checkpoints/last.ckpt").exists)
    (tmp_path / "slow").touch()
    command.send(signal.SIGINT)
    time.sleep(seconds)
    command.send(signal.SIGINT)
    # A single file would take half a minute.
    assert command.wait(20) == 130
    assert command.err in ("", "stopped\n")
    assert_all_whole(tmp_path / RUN)
    epoch = read_checkpoint(tmp_path / RUN)["epoch"]
    assert start(tmp_path, *FIT[:-1], f"--trainer.max_epochs={epoch + 2}", "--ckpt_path=last").code == 0


def start_cold(folder, *arguments, **options):
    """Starts a command as its users do, in a process that has loaded nothing yet."""
    command = [sys.executable, "-m", "cifar_lightning", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize(("name", "seconds"), [("Ctrl-C", 0.0), ("Ctrl-C", 1.0), ("SIGTERM", 0.5)])
def test_a_signal_while_the_program_is_loaded_ends_it_without_a_trace(tmp_path, name, seconds):
    number, code = SIGNALS[name]
    process = start_cold(tmp_path, *FIT)
    # Before `main` runs, Python itself answers.
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(number)
    _, err = process.communicate(timeout=200)
    # While it is loaded the system ends it, which a shell tells by the same code.
    assert process.returncode in (code, -number)
    assert err in (b"", b"stopped\n")


def test_what_a_script_has_put_into_the_background_does_not_hear_ctrl_c(tmp_path):
    fit = [*FIT[:-1], "--trainer.max_epochs=1"]
    process = start_cold(tmp_path, *fit, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert (process.returncode, process.stderr.read()) == (0, b"")
    assert list(tmp_path.rglob("last.ckpt"))
