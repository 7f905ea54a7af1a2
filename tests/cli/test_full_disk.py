"""A disk that is full, or cannot be written: one sentence that names the place, and nothing torn.

Real ones are small memory disks, where they may be mounted; elsewhere a disk is played that fails at one file.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import TINY
from warm import Command, file_size_limit, nothing, start, without_overriding_permissions
from whole import assert_all_whole

from cifar_lightning.cli import trainer_commands
from cifar_lightning.runs.recorder import RunRecorder

FIT = ["fit", *TINY, "--trainer.max_epochs=3", "--num_threads=1", "--trainer.logger.name=run"]
RESUME = ["--config", "disk/run/config.yaml", "--trainer.max_epochs=4", "--ckpt_path", "disk/run"]
SMALL_CIFAR = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.verify_md5=false"]


def assert_one_sentence(outcome, place):
    """Exit code 1, and a sentence that names `place` and what to do."""
    if isinstance(outcome, Command):
        assert outcome.wait() == 1, outcome.out + outcome.err
    else:
        assert outcome.code == 1, outcome
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("cifar-lightning: the machine refused: ")
    assert str(place) in line
    assert line.endswith(" and run the command again")


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A run that nothing happened to, not tested."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder, *FIT, prepare=nothing).wait() == 0
    return folder / "lightning_logs/run/version_0"


def assert_same_weights(run, whole):
    for name in ("last.ckpt", "best.ckpt"):
        ours, theirs = (
            torch.load(path / "checkpoints" / name, weights_only=True)["state_dict"] for path in (run, whole)
        )
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.fixture
def full_after(monkeypatch):
    """A function that lets the disk be full after so many files; it returns a context."""
    monkeypatch.setattr(trainer_commands, "RunRecorder", functools.partial(RunRecorder, sync_seconds=0.0))

    def after(num_files):
        patch = pytest.MonkeyPatch()
        left = iter(range(num_files))

        def fsync(descriptor):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", fsync)
        return patch

    return after


# config.yaml, then curves.csv, best.ckpt and last.ckpt of each epoch.
@pytest.mark.parametrize("num_files", range(10))
def test_a_fit_whose_disk_fills_up_at_any_file_goes_on_when_there_is_room(
    command, tmp_path, full_after, whole_run, num_files
):
    patch = full_after(num_files)
    outcome = command(*FIT)
    patch.undo()
    run = tmp_path / "lightning_logs/run/version_0"
    assert_one_sentence(outcome, run.relative_to(tmp_path))
    assert "make room there" in outcome.err
    assert_all_whole(tmp_path)
    if num_files > 3:
        (said,) = [line for line in outcome.out.splitlines() if "go on with" in line]
        assert command(*said.partition("cifar-lightning ")[2].split()).code == 0
        assert_same_weights(run, whole_run)
        curves = [
            [row.split(",")[:-1] for row in (path / "curves.csv").read_text().split()] for path in (run, whole_run)
        ]
        assert curves[0] == curves[1]
    else:
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("num_files", "place"),
    [(0, "train_predictions.csv"), (3, "probes.csv"), (4, "duplicates.csv"), (6, "mistakes.png"), (10, "scores.json")],
)
def test_a_test_whose_disk_fills_up_has_no_scores(command, tmp_path, full_after, whole_run, num_files, place):
    shutil.copytree(whole_run, tmp_path / "run")
    (tmp_path / "run/scores.json").write_text("{}")
    patch = full_after(num_files)
    outcome = command("test", "--ckpt_path", "run")
    patch.undo()
    assert_one_sentence(outcome, f"run/{place}")
    assert_all_whole(tmp_path / "run")
    assert not (tmp_path / "run/scores.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "place"), [(1000, "config.yaml"), (100_000, "best.ckpt")])
def test_a_fit_that_may_write_no_such_large_file_says_which(tmp_path, limit, place):
    assert_one_sentence(start(tmp_path, *FIT, prepare=functools.partial(file_size_limit, limit)), place)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "limit", "place"),
    [
        (["test", "--ckpt_path", "run"], 1000, "train_predictions.csv"),
        (["test", "--ckpt_path", "run"], 200_000, "run"),
        (["predict", "--ckpt_path", "run", "--images", "pictures"], 1000, "predictions.csv"),
        (["data", *TINY[:2], "--data.source.num_train=20", "--preview", "sheet.png"], 1000, "sheet.png"),
    ],
    ids=["a table of test", "events of test", "predict", "data --preview"],
)
def test_other_commands_that_may_write_no_such_large_file_say_which(tmp_path, whole_run, arguments, limit, place):
    shutil.copytree(whole_run, tmp_path / "run")
    (tmp_path / "pictures").mkdir()
    for number in range(20):
        Image.new("RGB", (8, 8)).save(tmp_path / f"pictures/{number}.png")
    before = {path.name for path in tmp_path.iterdir()}
    assert_one_sentence(start(tmp_path, *arguments, prepare=functools.partial(file_size_limit, limit)), place)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert_all_whole(tmp_path)
    assert not (tmp_path / "run/scores.json").exists()


@pytest.mark.slow
def test_an_archive_that_may_not_be_extracted_leaves_nothing(tmp_path, small_cifar):
    archive = tmp_path / "data/cifar-100-python.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(small_cifar.archive())
    arguments = [*SMALL_CIFAR, "--data.source.root=data", "--data.source.download=false"]
    limited = start(tmp_path, *arguments, prepare=functools.partial(file_size_limit, 1000))
    assert_one_sentence(limited, "train")
    assert list(archive.parent.iterdir()) == [archive]
    assert start(tmp_path, *arguments, prepare=nothing).wait() == 0


@pytest.fixture
def small_disk(tmp_path):
    """An empty disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def leave(disk, kilobytes):
    """Fills a disk up to so many free kilobytes."""
    usage = shutil.disk_usage(disk)
    (disk / "filler").write_bytes(bytes(usage.free - 1024 * kilobytes))


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [0, 4, 12, 40, 300, 500, 600])
def test_a_fit_on_a_full_disk_goes_on_when_there_is_room(tmp_path, small_disk, whole_run, kilobytes):
    leave(small_disk, kilobytes)
    logs = f"--trainer.logger.save_dir={small_disk}"
    stopped = start(tmp_path, *FIT, logs)
    assert_one_sentence(stopped, small_disk)
    assert_all_whole(small_disk)
    (small_disk / "filler").unlink()
    if list(small_disk.rglob("last.ckpt")):
        assert "go on with: cifar-lightning fit" in stopped.out
        assert start(tmp_path, *FIT, logs, "--ckpt_path=last").wait() == 0
        assert_same_weights(small_disk / "run/version_0", whole_run)
    else:
        assert kilobytes < 500
        assert not list(small_disk.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [0, 12, 40, 200, 400, 700])
def test_a_test_on_a_full_disk_has_no_scores(tmp_path, small_disk, whole_run, kilobytes):
    shutil.copytree(whole_run, small_disk / "run")
    leave(small_disk, kilobytes)
    assert_one_sentence(start(tmp_path, "test", "--ckpt_path", str(small_disk / "run")), small_disk)
    assert_all_whole(small_disk)
    assert not (small_disk / "run/scores.json").exists()


@pytest.mark.slow
def test_predict_data_and_extraction_on_a_full_disk(tmp_path, small_disk, whole_run, small_cifar):
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    (small_disk / "data").mkdir()
    archive = small_disk / "data/cifar-100-python.tar.gz"
    archive.write_bytes(small_cifar.archive())
    leave(small_disk, 0)
    before = set(small_disk.rglob("*"))
    predict = ["predict", "--ckpt_path", str(whole_run), "--images", "picture.png", "--output"]
    assert_one_sentence(start(tmp_path, *predict, str(small_disk / "out.csv")), small_disk / "out.csv")
    preview = ["data", *TINY[:2], "--data.source.num_train=20", "--preview", str(small_disk / "sheet.png")]
    assert_one_sentence(start(tmp_path, *preview), small_disk / "sheet.png")
    extraction = [*SMALL_CIFAR, f"--data.source.root={small_disk / 'data'}"]
    assert_one_sentence(start(tmp_path, *extraction), small_disk / "data")
    assert set(small_disk.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [[*FIT, "--trainer.logger.save_dir=disk"], ["fit", *RESUME], ["test", "--ckpt_path", "disk/run"]]
)
def test_a_disk_that_is_read_only_is_told_before_training(tmp_path, small_disk, whole_run, arguments):
    shutil.copytree(whole_run, small_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    outcome = start(tmp_path, *arguments)
    assert_one_sentence(outcome, "disk")
    assert "allow it, or name another place" in outcome.err
    assert "epoch 1" not in outcome.out


@pytest.fixture
def closed_folder(whole_run):
    """A folder that everybody can look into, with a run in it, and that no one but root can write."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(whole_run, Path(folder, "disk/run"))
        Image.new("RGB", (8, 8)).save(Path(folder, "picture.png"))
        folders = [path for path in Path(folder).rglob("*") if path.is_dir()]
        for path in folders:
            path.chmod(0o555)
        yield Path(folder)
        for path in folders:
            path.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ([*FIT, "--trainer.logger.save_dir=disk"], "disk/run"),
        (["fit", *RESUME], "disk/run"),
        (["test", "--ckpt_path", "disk/run"], "disk/run"),
        (["predict", "--ckpt_path", "disk/run", "--images", "picture.png", "--output", "disk/out.csv"], "disk"),
        (["data", *TINY[:2], "--data.source.num_train=20", "--preview", "disk/sheet.png"], "disk"),
    ],
    ids=["a new run", "a resumed run", "test", "predict", "data"],
)
def test_a_folder_that_may_not_be_written_is_told(closed_folder, arguments, place):
    outcome = start(closed_folder, *arguments, prepare=without_overriding_permissions)
    assert_one_sentence(outcome, place)
    assert "allow it, or name another place" in outcome.err
    assert "epoch 1" not in outcome.out
    assert_all_whole(closed_folder)


def test_a_save_folder_below_a_file_is_told_before_anything_is_computed(command, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = command(*FIT, "--trainer.logger.save_dir=file/logs")
    assert_one_sentence(outcome, "file/logs")
    assert "epoch 1" not in outcome.out


def test_a_callback_whose_folder_takes_no_checkpoints_costs_nobody_the_run(command, tmp_path):
    (tmp_path / "file").write_text("no folder")
    ours = ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.dirpath=file/mine"]
    outcome = command(*FIT, *ours)
    assert_one_sentence(outcome, "file")
    assert "stopped; go on with" in outcome.out
    (last,) = tmp_path.rglob("last.ckpt")
    assert torch.load(last, weights_only=True)["epoch"] == 2
