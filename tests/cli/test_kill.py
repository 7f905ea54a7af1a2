"""`kill -9` at random moments: what is left is whole, and goes on to the same last bit."""

import csv
import functools
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import cycle

import pytest
import torch
import yaml
from local_server import serve
from tiny import TINY
from warm import checksums, start

from cifar_lightning.data import cifar100

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# A few hundred are tried by hand now and then. One in six hits `test`, which takes longest.
NUM_KILLS = int(os.environ.get("CIFAR_LIGHTNING_KILLS", "30"))
NUM_KILLS_OF_TEST = NUM_KILLS // 6
EPOCHS = 25
SETTINGS = {
    "momentum": [],
    "adam": ["--model.optimizer=torch.optim.Adam"],
    "adam without validation": ["--model.optimizer=torch.optim.Adam", "--data.val_fraction=0"],
}


def fit_arguments(name):
    settings = [*TINY, f"--trainer.max_epochs={EPOCHS}", "--num_threads=1", "--trainer.logger.name=run"]
    return ["fit", *settings, *SETTINGS[name]]


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """A run of each of the settings."""
    runs = {}
    for name in SETTINGS:
        folder = tmp_path_factory.mktemp("whole")
        assert start(folder, *fit_arguments(name)).wait() == 0
        runs[name] = folder / "lightning_logs/run/version_0"
    return runs


def load(path):
    return torch.load(path, weights_only=True)


def read_curves(path):
    with path.open(newline="") as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


def temporaries(folder):
    return {path for path in folder.rglob(".*") if path.is_file()}


def assert_whole(run, whole):
    """All that is in a run folder can be read, and is what a run that was never killed has had at some epoch."""
    if (run / "config.yaml").exists():
        assert yaml.safe_load((run / "config.yaml").read_text()) == yaml.safe_load((whole / "config.yaml").read_text())
    rows = read_curves(run / "curves.csv") if (run / "curves.csv").exists() else []
    assert rows == read_curves(whole / "curves.csv")[: len(rows)]
    last, best = (run / "checkpoints" / name for name in ("last.ckpt", "best.ckpt"))
    if best.exists():
        assert load(best)["epoch"] < EPOCHS
    if last.exists():
        assert load(last)["epoch"] + 1 <= len(rows)
        assert best.exists() == (whole / "checkpoints/best.ckpt").exists()


def assert_same_run(run, whole):
    for name in ("last.ckpt", "best.ckpt"):
        if (whole / "checkpoints" / name).exists():
            ours, theirs = load(run / "checkpoints" / name), load(whole / "checkpoints" / name)
            assert ours["epoch"] == theirs["epoch"]
            for key, weights in theirs["state_dict"].items():
                assert torch.equal(ours["state_dict"][key], weights), (name, key)
            our_state, their_state = (state["optimizer_states"][0]["state"] for state in (ours, theirs))
            for place, values in their_state.items():
                assert all(torch.equal(our_state[place][key], value) for key, value in values.items())
    assert read_curves(run / "curves.csv") == read_curves(whole / "curves.csv")


def describe_phase(run, written, epoch_before):
    """Where in a fit a kill hit, by what it left behind."""
    if written:
        return f"while {min(path.name.rpartition('.')[0].lstrip('.') for path in written)} was written"
    last = run / "checkpoints/last.ckpt"
    return "within an epoch" if last.exists() and load(last)["epoch"] > epoch_before else "start-up or first epoch"


def test_a_killed_fit_goes_on_to_the_run_it_would_have_been(tmp_path, never_killed):
    generator = random.Random(0)
    phases, num_runs = Counter(), 0
    names = cycle(SETTINGS)
    while phases.total() < NUM_KILLS - NUM_KILLS_OF_TEST:
        name = next(names)
        folder = tmp_path / f"run {num_runs}"
        folder.mkdir()
        num_runs += 1
        version, killed = 0, True
        while killed:
            run = folder / f"lightning_logs/run/version_{version}"
            last = run / "checkpoints/last.ckpt"
            epoch_before = load(last)["epoch"] if last.exists() else -1
            before = temporaries(folder)
            command = start(folder, *fit_arguments(name), *(["--ckpt_path=last"] if last.exists() else []))
            # The last time, the run is let go on to its end.
            if phases.total() < NUM_KILLS - NUM_KILLS_OF_TEST:
                time.sleep(generator.uniform(0, 1.2))
                command.send(signal.SIGKILL)
            code = command.wait()
            killed = code == -signal.SIGKILL
            assert killed or code == 0, command.err
            assert command.err == ""
            if killed:
                phases[describe_phase(run, temporaries(folder) - before, epoch_before)] += 1
            assert_whole(run, never_killed[name])
            if killed and run.exists() and not last.exists():
                # Nothing to go on from.
                refused = start(folder, *fit_arguments(name), "--ckpt_path=last")
                assert refused.wait() == 2
                assert len(refused.err.splitlines()) == 1
                version += 1
        assert_same_run(run, never_killed[name])
    print(f"{phases.total()} kills of {num_runs} fits: {dict(phases)}")


def contents(run):
    """All files of a run, but events, which grow, and what is hidden."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and "events.out" not in path.name and not path.name.startswith(".")
    }


def test_a_killed_test_leaves_whole_files_and_scores_only_with_all_others(tmp_path, never_killed):
    generator = random.Random(1)
    phases = Counter()
    fitted = tmp_path / "fitted"
    shutil.copytree(never_killed["momentum"], fitted)
    assert start(tmp_path, "test", "--ckpt_path", "fitted").wait() == 0
    tested = contents(fitted)
    run = tmp_path / "run"
    while phases.total() < NUM_KILLS_OF_TEST:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(generator.choice([fitted, never_killed["momentum"]]), run)
        command = start(tmp_path, "test", "--ckpt_path", "run")
        time.sleep(generator.uniform(0, 1.8))
        command.send(signal.SIGKILL)
        if command.wait() == 0:
            continue
        left = contents(run)
        assert left.items() <= tested.items()
        assert "scores.json" not in left or left == tested
        names = {path.name.rpartition(".")[0].lstrip(".") for path in temporaries(run)}
        phases[f"while {min(names)} was written" if names else "between files"] += 1
        assert start(tmp_path, "test", "--ckpt_path", "run").wait() == 0
        assert contents(run) == tested
        assert not temporaries(run)
    print(f"{phases.total()} kills of test: {dict(phases)}")


@pytest.mark.parametrize("downloads", [True, False], ids=["downloading", "extracting"])
def test_data_whose_fetching_is_killed_are_fetched_the_next_time(tmp_path, small_cifar, downloads):
    archive = small_cifar.archive()
    prepare = functools.partial(checksums, dict(cifar100.FILE_MD5), hashlib.md5(archive).hexdigest())
    generator = random.Random(2)
    left = Counter()
    # Of a quick machine many come to their end before they are killed.
    while left[-signal.SIGKILL] < 3 and left.total() < 30:
        folder = tmp_path / str(left.total())
        (folder / "root").mkdir(parents=True)
        if not downloads:
            (folder / "root/cifar-100-python.tar.gz").write_bytes(archive)
        with serve(content=archive, seconds=0.3) as server:
            fetch = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.root=root"]
            fetch += [f"--data.source.mirrors=[{server.url}]"]
            command = start(folder, *fetch, prepare=prepare)
            time.sleep(generator.uniform(0, 0.5 if downloads else 0.1))
            command.send(signal.SIGKILL)
            left[command.wait()] += 1
            assert start(folder, *fetch, prepare=prepare).wait() == 0
        files = {str(path.relative_to(folder / "root")) for path in (folder / "root").rglob("*") if path.is_file()}
        names = {f"cifar-100-python/{name}" for name in small_cifar.files}
        assert files == {"cifar-100-python.tar.gz", *names}
        for name, content in small_cifar.files.items():
            assert (folder / "root/cifar-100-python" / name).read_bytes() == content
    assert left[-signal.SIGKILL]
    print(f"exit codes of data: {dict(left)}")


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5, 4.5])
def test_a_fit_that_is_killed_while_the_program_is_loaded_leaves_what_can_be_gone_on_from_or_nothing(tmp_path, seconds):
    fit = [sys.executable, "-m", "cifar_lightning", *fit_arguments("momentum")]
    with subprocess.Popen(fit, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()
    run = tmp_path / "lightning_logs/run/version_0"
    assert not run.exists() or (run / "config.yaml").exists() or not list(run.rglob("*.*"))
    resume = ["--ckpt_path=last"] if (run / "checkpoints/last.ckpt").exists() else []
    again = start(tmp_path, *fit_arguments("momentum"), *resume)
    assert again.wait() == 0, again.err
