"""Commands in processes of their own, each forked from one that has imported everything: tenths of a second, not four.

The kept way to do this is the standard library's fork server. What a command's process does first (`prepare`) stands
here too, since the process finds it by its name.
"""

import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import insides
import pytest

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(insides.COMMANDS)
_numbers = itertools.count()


def nothing() -> None:
    """Prepares nothing."""


def draw_little() -> None:
    """Lets what this process tests and compares draw next to nothing."""
    insides.draw_little(pytest.MonkeyPatch())


def write_every_epoch() -> None:
    """Lets a fit write its files after every epoch, on a disk that takes its time."""
    patch = pytest.MonkeyPatch()
    insides.write_every_epoch(patch)
    insides.slow_disk(patch, 0.01)


def write_slowly_from_now_on() -> None:
    """The same, but once the working folder has a file `slow`, whatever is written takes half a minute."""
    write_every_epoch()
    fsync = os.fsync

    def slow_fsync(descriptor: int) -> None:
        if os.path.exists("slow"):
            time.sleep(30)
        fsync(descriptor)

    os.fsync = slow_fsync


def file_size_limit(num_bytes: int) -> None:
    """Lets no file grow beyond `num_bytes`: for who writes it the same as a full disk, and needs no mounting."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))
    write_every_epoch()


def publish(md5_of_file: Mapping[str, str], md5_of_archive: str) -> None:
    """Lets other files than those of CIFAR-100 pass for the published ones, on a disk that takes its time."""
    insides.publish(pytest.MonkeyPatch(), md5_of_file, md5_of_archive)
    write_every_epoch()


def without_overriding_permissions() -> None:
    """Lets root write only where the permissions of a folder allow it; it still reads everything, as imports need."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version_3, override = 0x20080522, 1 << 1  # _LINUX_CAPABILITY_VERSION_3 and CAP_DAC_OVERRIDE of linux/capability.h
    header = (ctypes.c_uint32 * 2)(version_3, 0)
    # Effective, permitted and inheritable, for the capabilities 0..31 and then for 32..63.
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) == 0:
        data[0] &= ~override
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


@dataclass
class Command:
    """A command that was started."""

    process: BaseProcess
    out_path: Path
    err_path: Path

    @property
    def out(self) -> str:
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, if the process is still there."""
        if self.process.is_alive():
            # It may end in between.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits until it has come to that, or the command has ended."""
        while self.process.is_alive() and not condition():
            time.sleep(0.002)

    @property
    def code(self) -> int:
        """The exit code, which is waited for."""
        return self.wait()

    def wait(self, seconds: float = 200) -> int:
        """The exit code; minus the number of the signal that ended the process."""
        # Long enough for a machine that is busy with five times as much.
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"still there after {seconds} s: {self.out}{self.err}")
        return self.process.exitcode


def start(folder: Path, *arguments: str, prepare: Callable[[], None] = write_every_epoch) -> Command:
    """Starts a command line in `folder`; what it prints goes into files beside that folder."""
    number = next(_numbers)
    out, err = (folder.with_name(f"{folder.name}.{number}.{name}") for name in ("out", "err"))
    process = CONTEXT.Process(target=_run, args=(folder, arguments, out, err, prepare))
    process.start()
    command = Command(process, out, err)
    command.wait_until(err.exists)
    return command


def _run(folder: Path, arguments: Sequence[str], out: Path, err: Path, prepare: Callable[[], None]) -> None:
    # As long as this is no command yet, the system may end it. Ctrl-C is blocked where a study started the server.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # Not at the top: whoever starts a command need not have imported all of it.
    from cifar_lightning.cli.main import main

    os.chdir(folder)
    prepare()
    # As a process of the console script: what is not given stands on its command line.
    sys.argv = ["cifar-lightning", *arguments]
    # That there is a file for errors tells that the command begins.
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
