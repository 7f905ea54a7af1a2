"""What every test shares: no network, the command line, a finished run, CIFAR-100 where it is, and a small one."""

import hashlib
import os
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import insides
import pytest
import torch
from small_cifar import SmallCifar
from tiny import TINY

from cifar_lightning.cli.main import main
from cifar_lightning.data import cifar100
from cifar_lightning.training.machine import num_cores

REPOSITORY = Path(__file__).parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Of `-n auto`. Each process holds torch and what tests load, about 1 GB."""
    return min(num_cores(), 8)


def pytest_collection_modifyitems(items):
    """Runs whole pages and notebooks first: at the end, one of them would keep the other workers waiting."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def pytest_configure():
    """Lets Ctrl-C reach the processes of the tests, and gives each of several test processes cores of its own.

    What a shell starts in the background ignores Ctrl-C, as do its children; torch's threads wait for one another by
    spinning.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        number, count = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        share = cores[number % len(cores) :: count]
        os.sched_setaffinity(0, share)
        torch.set_num_threads(len(share))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Lets a test connect to this machine alone."""
    connect = socket.socket.connect

    def connect_locally(self, address):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            pytest.fail(f"a test reached for the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(scope="session")
def real_root():
    """The folder that holds `cifar-100-python` with the real images."""
    candidates = [Path(os.environ.get("CIFAR_LIGHTNING_DATA") or REPOSITORY / "data"), REPOSITORY / "../shared/data"]
    for root in candidates:
        if all((root / "cifar-100-python" / name).is_file() for name in ("train", "test", "meta")):
            return root.resolve()
    pytest.skip(f"no real CIFAR-100 in {' or '.join(map(str, candidates))}; set CIFAR_LIGHTNING_DATA to its folder")


@pytest.fixture
def small_cifar(monkeypatch):
    small = SmallCifar()
    for name, content in small.files.items():
        monkeypatch.setitem(cifar100.FILE_MD5, name, hashlib.md5(content).hexdigest())
    return small


@dataclass
class Outcome:
    """What a command left behind for its user."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs a command line in `tmp_path`, within the test process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments):
        capsys.readouterr()
        code = main(list(map(str, arguments)))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def undrawn(monkeypatch):
    """`test` draws nothing and `compare` one figure: for tests of something else."""
    insides.draw_little(monkeypatch)


@pytest.fixture(scope="session")
def fitted_run(tmp_path_factory):
    """A run of two epochs on drawn shapes, not tested; not to be changed."""
    folder = tmp_path_factory.mktemp("fitted")
    assert main(["fit", *TINY, f"--trainer.logger.save_dir={folder}"]) == 0
    return folder / "quickstart/version_0"


@pytest.fixture(scope="session")
def finished_run(fitted_run, tmp_path_factory):
    """The same, tested; not to be changed."""
    run = tmp_path_factory.mktemp("finished") / "quickstart/version_0"
    shutil.copytree(fitted_run, run)
    assert main(["test", "--ckpt_path", str(run)]) == 0
    return run


@pytest.fixture(scope="session")
def longer_run(tmp_path_factory):
    """The same run, but of three epochs, never stopped; not tested, not to be changed."""
    folder = tmp_path_factory.mktemp("longer")
    assert main(["fit", *TINY, "--trainer.max_epochs=3", f"--trainer.logger.save_dir={folder}"]) == 0
    return folder / "quickstart/version_0"


@pytest.fixture
def run(finished_run, tmp_path):
    """A copy of the finished run, at `run` in the working folder."""
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture(scope="session")
def chromium():
    """The Chromium of this machine, with a camera that shows a test image."""
    pytest.importorskip("axe_playwright_python")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on the path")
    from playwright.sync_api import sync_playwright

    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *camera])
        yield browser
        browser.close()
