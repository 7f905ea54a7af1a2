"""Ctrl-C and SIGTERM at any moment, once and twice."""

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

import pytest
import torch
from PIL import Image
from tiny import TINY
from warm import nothing, start, write_every_epoch
from whole import assert_all_whole

from cifar_lightning.cli.stopping import ended_by_exception
from cifar_lightning.runs.folder import write_text
from cifar_lightning.runs.signals import signals_handled

# Many more are tried by hand now and then.
NUM_SIGNALS = int(os.environ.get("CIFAR_LIGHTNING_SIGNALS", "6"))
SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}
each_signal = pytest.mark.parametrize(("number", "code"), SIGNALS.values(), ids=list(SIGNALS))
FIT = ["fit", *TINY, "--num_threads=1", "--trainer.logger.name=run", "--trainer.max_epochs=100000"]
# A command, and the seconds within which it is stopped.
COMMANDS = {
    "fit": (FIT, 1.0),
    "test": (["test", "--ckpt_path", "run"], 1.5),
    "validate": (["validate", "--ckpt_path", "run"], 0.3),
    "predict": (["predict", "--ckpt_path", "run", "--images", "pictures"], 0.3),
    "data": (["data", *TINY[:2], "--preview", "sheet.png"], 0.6),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    assert start(folder, "fit", *TINY, "--num_threads=1", "--trainer.logger.name=run", prepare=nothing).wait() == 0
    return folder / "lightning_logs/run/version_0"


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_is_not_lost_where_python_drops_exceptions(number, error):
    class Cleared:
        def __del__(self):
            os.kill(os.getpid(), number)

    @ended_by_exception()
    def clear_and_go_on():
        Cleared()
        time.sleep(5)

    # Whatever other tests, or who started them, have made of Ctrl-C.
    with signals_handled({signal.SIGINT: signal.default_int_handler}), pytest.raises(error):
        clear_and_go_on()


def test_a_signal_right_after_a_temporary_file_was_made_leaves_none(tmp_path, monkeypatch):
    make = tempfile.mkstemp

    def make_and_be_stopped(**options):
        made = make(**options)
        os.kill(os.getpid(), signal.SIGTERM)
        return made

    monkeypatch.setattr(tempfile, "mkstemp", make_and_be_stopped)
    with ended_by_exception(), pytest.raises(SystemExit):
        write_text(tmp_path / "curves.csv", "epoch")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@each_signal
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_ends_a_command_without_a_trace(tmp_path, fitted, name, number, code):
    arguments, seconds = COMMANDS[name]
    generator = random.Random(0)
    said = Counter()
    for attempt in range(NUM_SIGNALS):
        folder = tmp_path / str(attempt)
        shutil.copytree(fitted, folder / "run")
        (folder / "pictures").mkdir()
        for picture in range(20):
            Image.new("RGB", (800, 800)).save(folder / f"pictures/{picture}.png")
        process = start(folder, *arguments)
        time.sleep(generator.uniform(0.02, seconds))
        process.send(number)
        # At its very beginning the system ends it; and a short command may have come to its end.
        assert process.wait() in (code, -number, *([0] if name != "fit" else [])), process.err
        assert process.err in ("", "stopped\n")
        assert_all_whole(folder)
        said[f"exit {process.wait()}"] += 1
        if name == "fit":
            last = folder / "lightning_logs/run/version_0/checkpoints/last.ckpt"
            assert ("go on with" in process.out) == last.exists()
            # Or nothing is there at all.
            assert last.exists() or not (folder / "lightning_logs").exists()
    print(f"{name}: {dict(said)}")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.6])
def test_a_second_ctrl_c_ends_a_fit_at_once(tmp_path, seconds):
    # Such a disk takes three times 0.4 seconds for the files of an epoch.
    process = start(tmp_path, *FIT, prepare=functools.partial(write_every_epoch, 0.4))
    last = tmp_path / "lightning_logs/run/version_0/checkpoints/last.ckpt"
    deadline = time.monotonic() + 20
    while not last.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send(signal.SIGINT)
    time.sleep(seconds)
    process.send(signal.SIGINT)
    asked = time.monotonic()
    assert process.wait() == 130
    assert time.monotonic() - asked < 0.4
    assert process.err in ("", "stopped\n")
    assert_all_whole(tmp_path)
    epoch = torch.load(last, weights_only=True)["epoch"]
    assert start(tmp_path, *FIT[:-1], f"--trainer.max_epochs={epoch + 2}", "--ckpt_path=last").wait() == 0


@pytest.mark.slow
@each_signal
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0, 3.5])
def test_a_signal_while_the_program_is_loaded_ends_it_without_a_trace(tmp_path, number, code, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "cifar_lightning", *FIT],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    # While it is loaded the system ends it, which a shell tells by the same code.
    assert process.returncode in (code, -number)
    assert err in ("", "stopped\n")
    assert not list(tmp_path.rglob("*.ckpt")) or process.returncode == code


@pytest.mark.slow
def test_what_a_script_has_put_into_the_background_does_not_hear_ctrl_c(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "cifar_lightning", *FIT[:-1], "--trainer.max_epochs=1"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert (process.returncode, process.stderr.read()) == (0, b"")
    assert list(tmp_path.rglob("last.ckpt"))
