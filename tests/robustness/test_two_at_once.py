"""Processes that do the same at the same time."""

import functools
import hashlib
import signal

import pytest
from checks import assert_one_sentence, assert_same_weights, contents, read_checkpoint, read_curves
from local_server import serve
from tiny import TINY
from warm import publish, start

from cifar_lightning.data import cifar100

NUM_PROCESSES = 3
FIT = ["fit", *TINY, "--trainer.logger.name=run"]


def start_all(folder, *arguments, **options):
    return [start(folder, *arguments, **options) for _ in range(NUM_PROCESSES)]


@pytest.fixture
def archive(small_cifar):
    """A small archive that stands in for that of CIFAR-100."""
    return small_cifar.archive()


@pytest.fixture
def fetch(small_cifar, archive, tmp_path):
    """A function that lets processes bring CIFAR-100 into one root at once."""
    (tmp_path / "root").mkdir()
    prepare = functools.partial(publish, dict(cifar100.FILE_MD5), hashlib.md5(archive).hexdigest())

    def run(*arguments):
        data = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.root=root", *arguments]
        for process in start_all(tmp_path, *data, prepare=prepare):
            assert process.code == 0, process.err
            # They may say that they wait for one another.
            assert all("another process" in line for line in process.err.splitlines())
        assert contents(tmp_path / "root") == {
            "cifar-100-python.tar.gz": archive,
            **{f"cifar-100-python/{name}": content for name, content in small_cifar.files.items()},
        }

    return run


def test_processes_that_download_into_one_root_do_so_once(archive, fetch):
    with serve(content=archive, seconds=1.0) as server:
        fetch(f"--data.source.mirrors=[{server.url}]")
        assert server.asked == [None]


def test_processes_that_extract_into_one_root_all_end_well(tmp_path, archive, fetch):
    (tmp_path / "root/cifar-100-python.tar.gz").write_bytes(archive)
    # As a killed process leaves it.
    (tmp_path / "root/cifar-100-python").mkdir()
    (tmp_path / "root/cifar-100-python/.train.abc.unfinished").touch()
    fetch("--data.source.download=false")


def test_fits_of_one_name_get_a_folder_each_and_the_same_weights(tmp_path):
    for process in start_all(tmp_path, *FIT):
        assert process.code == 0, process.err
    runs = sorted((tmp_path / "lightning_logs/run").iterdir())
    assert [run.name for run in runs] == [f"version_{number}" for number in range(NUM_PROCESSES)]
    for run in runs:
        assert_same_weights(run, runs[0])
        assert len(read_curves(run)) == 2


def test_one_process_alone_resumes_or_tests_a_run(tmp_path):
    assert start(tmp_path, *FIT).code == 0
    run = tmp_path / "lightning_logs/run/version_0"
    resume = [*FIT, "--trainer.max_epochs=100000", "--ckpt_path=last"]
    first = start(tmp_path, *resume)
    first.wait_until(lambda: len(read_curves(run)) > 2)
    assert_one_sentence(start(tmp_path, *resume), 2, "another process", str(run.relative_to(tmp_path)))
    assert_one_sentence(start(tmp_path, "test", "--ckpt_path", str(run)), 2, "another process", str(run))
    first.send(signal.SIGINT)
    assert first.code == 130, first.err
    assert [row[0] for row in read_curves(run)] == [str(epoch) for epoch in range(1, read_checkpoint(run)["epoch"] + 2)]
