"""`kill -9` at random moments: what is left is whole, and resumes to the same last bit."""

import functools
import hashlib
import os
import random
import shutil
import signal
import time
from collections import Counter

import pytest
import yaml
from checks import assert_same_run, contents, read_checkpoint, read_curves
from local_server import serve
from tiny import TINY
from warm import publish, start

from cifar_lightning.data import cifar100

# A few hundred are tried by hand now and then.
NUM_KILLS = int(os.environ.get("CIFAR_LIGHTNING_KILLS", "8"))
EPOCHS = 20
FIT = ["fit", *TINY, f"--trainer.max_epochs={EPOCHS}", "--trainer.logger.name=run"]
SETTINGS = {
    "momentum": [],
    "adam without validation": ["--model.optimizer=torch.optim.Adam", "--data.val_fraction=0"],
}
# What `test` writes, in this order.
FILES_OF_TEST = ["train_predictions.csv", "test_predictions.csv", "probes.csv", "mistakes.png", "curves.png"]


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=list(SETTINGS))
def never_killed(request, tmp_path_factory):
    """Arguments of a fit, and the run that they make."""
    folder = tmp_path_factory.mktemp("whole")
    fit = [*FIT, *request.param]
    assert start(folder, *fit).code == 0
    return fit, folder / "lightning_logs/run/version_0"


def assert_whole(run, whole):
    """All that is in a run folder can be read, and is what a run that was never killed has had at some epoch."""
    if (run / "config.yaml").exists():
        assert yaml.safe_load((run / "config.yaml").read_text()) == yaml.safe_load((whole / "config.yaml").read_text())
    rows = read_curves(run) if (run / "curves.csv").exists() else []
    assert rows == read_curves(whole)[: len(rows)]
    if (run / "checkpoints/best.ckpt").exists():
        assert read_checkpoint(run, "best.ckpt")["epoch"] < EPOCHS
    if (run / "checkpoints/last.ckpt").exists():
        # The curves are written first.
        assert read_checkpoint(run)["epoch"] + 1 <= len(rows)
        assert (run / "checkpoints/best.ckpt").exists() == (whole / "checkpoints/best.ckpt").exists()


def test_a_killed_fit_resumes_to_the_run_it_would_have_been(tmp_path, never_killed):
    fit, whole = never_killed
    folder = tmp_path / "here"
    folder.mkdir()
    generator = random.Random(0)

    def checkpoints():
        return list(folder.rglob("last.ckpt"))

    def num_epochs():
        return sum(len(read_curves(path.parent)) for path in folder.rglob("curves.csv"))

    def go():
        return start(folder, *fit, *(f"--ckpt_path={path.parent.parent}" for path in checkpoints()))

    for _ in range(NUM_KILLS):
        more = num_epochs() + generator.randrange(4)
        command = go()
        command.wait_until(lambda more=more: num_epochs() >= more)
        time.sleep(generator.uniform(0, 0.1))
        command.send(signal.SIGKILL)
        assert command.code in (-signal.SIGKILL, 0), command.err
        assert command.err == ""
        for run in folder.glob("lightning_logs/run/version_*"):
            assert_whole(run, whole)
    assert checkpoints()
    command = go()
    assert (command.code, command.err) == (0, "")
    assert_same_run(checkpoints()[0].parent.parent, whole)


def test_a_killed_test_leaves_whole_files_and_scores_only_with_all_others(tmp_path, fitted_run, finished_run):
    generator = random.Random(1)
    tested, run = contents(finished_run), tmp_path / "run"
    for name in FILES_OF_TEST:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(generator.choice([fitted_run, finished_run]), run)
        before = (run / name).stat().st_ino if (run / name).exists() else None
        command = start(tmp_path, "test", "--ckpt_path", "run")
        command.wait_until(lambda before=before, path=run / name: path.exists() and path.stat().st_ino != before)
        command.send(signal.SIGKILL)
        assert command.code in (-signal.SIGKILL, 0), command.err
        left = {path: content for path, content in contents(run).items() if not path.rpartition("/")[2].startswith(".")}
        assert left.items() <= tested.items()
        assert "scores.json" not in left or left == tested
    assert start(tmp_path, "test", "--ckpt_path", "run").code == 0
    # And nothing that is hidden.
    assert contents(run) == tested


@pytest.mark.parametrize("downloads", [True, False], ids=["downloading", "extracting"])
def test_data_whose_fetching_is_killed_are_fetched_the_next_time(tmp_path, small_cifar, downloads):
    archive = small_cifar.archive()
    prepare = functools.partial(publish, dict(cifar100.FILE_MD5), hashlib.md5(archive).hexdigest())
    generator = random.Random(2)
    ended = Counter()
    # On a fast machine many are finished before they are killed.
    while ended[-signal.SIGKILL] < 3 and ended.total() < 20:
        folder = tmp_path / str(ended.total())
        (folder / "root").mkdir(parents=True)
        if not downloads:
            (folder / "root/cifar-100-python.tar.gz").write_bytes(archive)
        with serve(content=archive, seconds=0.3) as server:
            fetch = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.root=root"]
            fetch += [f"--data.source.mirrors=[{server.url}]"]
            command = start(folder, *fetch, prepare=prepare)
            time.sleep(generator.uniform(0, 0.5 if downloads else 0.1))
            command.send(signal.SIGKILL)
            ended[command.code] += 1
            assert start(folder, *fetch, prepare=prepare).code == 0
        assert contents(folder / "root") == {
            "cifar-100-python.tar.gz": archive,
            **{f"cifar-100-python/{name}": content for name, content in small_cifar.files.items()},
        }
    assert ended[-signal.SIGKILL]
