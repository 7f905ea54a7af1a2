"""A disk that is full, or cannot be written: one sentence that names the place, and nothing torn.

Real ones are small memory disks, where they may be mounted; elsewhere a disk is played that fails at one file.
"""

import functools
import os
import shutil
import subprocess

import insides
import pytest
from checks import assert_all_whole, assert_one_sentence, assert_same_run, next_command
from PIL import Image
from tiny import SMALL, TINY
from warm import file_size_limit, start, without_overriding_permissions

FIT = ["fit", *TINY, "--trainer.max_epochs=3"]
RESUME = ["fit", *TINY, "--trainer.max_epochs=4", "--ckpt_path=disk/run"]
EXTRACT = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.verify_md5=false"]


def assert_refused(outcome, place, advice="make room there"):
    assert_one_sentence(outcome, 1, str(place), advice)
    assert "epoch 4" not in outcome.out


@pytest.fixture
def full_after(monkeypatch):
    """A function that lets the disk be full after so many files; it returns what makes room."""
    insides.write_every_epoch(monkeypatch)

    def after(num_files):
        patch = pytest.MonkeyPatch()
        left = iter(range(num_files))

        def fsync(descriptor):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", fsync)
        return patch.undo

    return after


# config.yaml, then curves.csv, best.ckpt and last.ckpt of each epoch.
@pytest.mark.parametrize("num_files", [0, 2, 3, 4, 5, 6, 9])
def test_a_fit_whose_disk_fills_up_at_any_file_resumes_when_there_is_room(
    command, tmp_path, full_after, longer_run, num_files
):
    make_room = full_after(num_files)
    outcome = command(*FIT)
    make_room()
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert_refused(outcome, run.relative_to(tmp_path))
    assert_all_whole(tmp_path)
    if num_files > 3:
        assert command(*next_command(outcome)).code == 0
        assert_same_run(run, longer_run)
    else:
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("num_files", "place"), [(0, "train_predictions.csv"), (5, ""), (11, "scores.json")])
def test_a_test_whose_disk_fills_up_has_no_scores(command, run, full_after, num_files, place):
    make_room = full_after(num_files)
    outcome = command("test", "--ckpt_path", "run")
    make_room()
    assert_refused(outcome, f"run/{place}")
    assert_all_whole(run)
    assert not (run / "scores.json").exists()


@pytest.mark.parametrize(
    ("arguments", "limit", "place"),
    [
        (FIT, 1000, "config.yaml"),
        (FIT, 100_000, "best.ckpt"),
        (["test", "--ckpt_path", "run"], 1000, "train_predictions.csv"),
        (["test", "--ckpt_path", "run"], 200_000, "run"),
        (["predict", "--ckpt_path", "run", "--images", "images"], 1000, "predictions.csv"),
        (["data", *SMALL, "--preview", "sheet.png"], 1000, "sheet.png"),
        ([*EXTRACT, "--data.source.root=data", "--data.source.download=false"], 1000, "train"),
    ],
    ids=["settings", "a checkpoint", "a table of test", "events of test", "predict", "data --preview", "extraction"],
)
def test_a_command_that_may_write_no_such_large_file_says_which(tmp_path, run, small_cifar, arguments, limit, place):
    for number in range(20):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / f"images/{number}.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cifar-100-python.tar.gz").write_bytes(small_cifar.archive())
    before = {path for path in tmp_path.rglob("*") if path.parent != run and path.is_file()}
    outcome = start(tmp_path, *arguments, prepare=functools.partial(file_size_limit, limit))
    assert_one_sentence(outcome, 1, place, "make room there")
    assert {path for path in tmp_path.rglob("*") if path.parent != run and path.is_file()} == before
    assert_all_whole(tmp_path)
    assert (run / "scores.json").exists() == (arguments[0] != "test")


@pytest.fixture
def small_disk(tmp_path):
    """An empty disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def leave(disk, kilobytes):
    """Fills a disk up to so many free kilobytes."""
    usage = shutil.disk_usage(disk)
    (disk / "filler").write_bytes(bytes(usage.free - 1024 * kilobytes))


@pytest.mark.parametrize("kilobytes", [0, 12, 300, 600])
def test_a_fit_on_a_full_disk_resumes_when_there_is_room(tmp_path, small_disk, longer_run, kilobytes):
    leave(small_disk, kilobytes)
    logs = f"--trainer.logger.save_dir={small_disk}"
    stopped = start(tmp_path, *FIT, logs)
    assert_refused(stopped, small_disk)
    assert_all_whole(small_disk)
    (small_disk / "filler").unlink()
    if list(small_disk.rglob("last.ckpt")):
        assert start(tmp_path, *next_command(stopped)).code == 0
        assert_same_run(small_disk / "quickstart/version_0", longer_run)
    else:
        assert kilobytes < 500
        assert not list(small_disk.iterdir())


@pytest.mark.parametrize("kilobytes", [0, 40, 400])
def test_a_test_on_a_full_disk_has_no_scores(tmp_path, small_disk, fitted_run, kilobytes):
    shutil.copytree(fitted_run, small_disk / "run")
    leave(small_disk, kilobytes)
    assert_refused(start(tmp_path, "test", "--ckpt_path", str(small_disk / "run")), small_disk)
    assert_all_whole(small_disk)
    assert not (small_disk / "run/scores.json").exists()


@pytest.mark.parametrize("arguments", [[*FIT, "--trainer.logger.save_dir=disk"], ["test", "--ckpt_path", "disk/run"]])
def test_a_disk_that_is_read_only_is_told_before_training(tmp_path, small_disk, fitted_run, arguments):
    shutil.copytree(fitted_run, small_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    outcome = start(tmp_path, *arguments)
    assert_refused(outcome, "disk", "allow it, or name another place")
    assert "epoch 1" not in outcome.out


@pytest.fixture
def closed_folder(tmp_path, finished_run):
    """The folder `disk`, which may be read but not written, with a run in it."""
    shutil.copytree(finished_run, tmp_path / "disk/run")
    folders = [path for path in (tmp_path / "disk", *tmp_path.rglob("disk/**/*")) if path.is_dir()]
    for path in folders:
        path.chmod(0o555)
    yield
    for path in folders:
        path.chmod(0o755)


@pytest.mark.usefixtures("closed_folder")
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ([*FIT, "--trainer.logger.save_dir=disk"], "disk/quickstart"),
        (RESUME, "disk/run"),
        (["test", "--ckpt_path", "disk/run"], "disk/run"),
        (["predict", "--ckpt_path=disk/run", "--images=disk/run/mistakes.png", "--output=disk/out.csv"], "disk"),
        (["data", *SMALL, "--preview", "disk/sheet.png"], "disk"),
    ],
    ids=["a new run", "a resumed run", "test", "predict", "data"],
)
def test_a_folder_that_may_not_be_written_is_told(tmp_path, arguments, place):
    outcome = start(tmp_path, *arguments, prepare=without_overriding_permissions)
    assert_refused(outcome, place, "allow it, or name another place")
    assert "epoch 1" not in outcome.out
    assert_all_whole(tmp_path)


def test_a_save_folder_below_a_file_is_told_before_anything_is_computed(command, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = command(*FIT, "--trainer.logger.save_dir=file/logs")
    assert_one_sentence(outcome, 1, "file/logs")
    assert "epoch 1" not in outcome.out


def test_a_callback_whose_folder_takes_no_checkpoints_costs_nobody_the_run(command, tmp_path, longer_run):
    (tmp_path / "file").write_text("no folder")
    ours = ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.dirpath=file/mine"]
    outcome = command(*FIT, *ours)
    assert_one_sentence(outcome, 1, "file")
    assert next_command(outcome)[0] == "fit"
    assert_same_run(tmp_path / "lightning_logs/quickstart/version_0", longer_run)
