"""Two processes that do the same at the same time."""

import functools
import hashlib

import pytest
import torch
from local_server import serve
from tiny import TINY
from warm import checksums, start

from cifar_lightning.data import cifar100

pytestmark = pytest.mark.slow

NUM_PROCESSES = 3
FIT = ["fit", *TINY, "--num_threads=1", "--trainer.logger.name=run"]


def start_all(folder, *arguments, **options):
    return [start(folder, *arguments, **options) for _ in range(NUM_PROCESSES)]


@pytest.fixture
def fetch(small_cifar, tmp_path):
    """A function that lets processes bring CIFAR-100 into one root at once, and the root; a small one stands in."""
    (tmp_path / "root").mkdir()
    archive = small_cifar.archive()
    prepare = functools.partial(checksums, dict(cifar100.FILE_MD5), hashlib.md5(archive).hexdigest())

    def run(*arguments):
        fit = ["data", "--config", "avgpool", "--data.val_fraction=0", "--data.source.root=root", *arguments]
        return start_all(tmp_path, *fit, prepare=prepare)

    return run


def assert_brought(root, small_cifar, archive):
    assert {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()} == {
        "cifar-100-python.tar.gz": archive,
        **{f"cifar-100-python/{name}": content for name, content in small_cifar.files.items()},
    }


def test_processes_that_download_into_one_root_do_so_once(tmp_path, small_cifar, fetch):
    archive = small_cifar.archive()
    with serve(content=archive, seconds=1.0) as server:
        for process in fetch(f"--data.source.mirrors=[{server.url}]"):
            assert process.wait() == 0, process.err
            assert set(process.err.splitlines()) <= {"waiting for another process that writes into root"}
        assert server.asked == [None]
    assert_brought(tmp_path / "root", small_cifar, archive)


def test_processes_that_extract_into_one_root_all_end_well(tmp_path, small_cifar, fetch):
    archive = small_cifar.archive()
    (tmp_path / "root/cifar-100-python.tar.gz").write_bytes(archive)
    # As a killed process leaves it.
    (tmp_path / "root/.extracting-abc/half").mkdir(parents=True)
    for process in fetch("--data.source.download=false"):
        assert process.wait() == 0, process.err
    assert_brought(tmp_path / "root", small_cifar, archive)


def test_fits_of_one_name_get_a_folder_each_and_the_same_weights(tmp_path):
    for process in start_all(tmp_path, *FIT):
        assert process.wait() == 0, process.err
    runs = sorted((tmp_path / "lightning_logs/run").iterdir())
    assert [run.name for run in runs] == [f"version_{number}" for number in range(NUM_PROCESSES)]
    first, *others = (torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for run in runs)
    assert all(torch.equal(first[key], other[key]) for other in others for key in first)
    assert all(len((run / "curves.csv").read_text().splitlines()) == 1 + 2 for run in runs)


def test_one_of_the_processes_that_go_on_with_the_same_run_does_so(tmp_path):
    assert start(tmp_path, *FIT).wait() == 0
    processes = start_all(tmp_path, *FIT, "--trainer.max_epochs=30", "--ckpt_path=last")
    codes = sorted(process.wait() for process in processes)
    assert codes == [0, 2, 2], [process.err for process in processes]
    assert all("another process goes on with" in process.err for process in processes if process.wait() == 2)
    (run,) = (tmp_path / "lightning_logs/run").iterdir()
    assert len((run / "curves.csv").read_text().splitlines()) == 1 + 30
