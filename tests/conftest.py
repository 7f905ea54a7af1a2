"""What every test shares: no network, the real CIFAR-100 where there is one, and a small one."""

import hashlib
import os
import signal
import socket
from pathlib import Path

import pytest
import torch
from small_cifar import SmallCifar

from cifar_lightning.training.machine import num_cores
from cifar_lightning.data import cifar100

REPOSITORY = Path(__file__).parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Of `-n auto`. Each process holds torch and what tests load, about 1 GB."""
    return min(num_cores(), 8)


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
    """The folder that holds `cifar-100-python` with the real pictures."""
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
