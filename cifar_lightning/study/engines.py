"""Engines: planned runs in, finished run folders out."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process, resource_tracker
from typing import Any, NamedTuple

from cifar_lightning.study.plan import PlannedRun

# Makes one run, from whatever state its folder is in; returns None, or the sentence that says why it failed. It is sent
# to other processes by its name.
Execute = Callable[[PlannedRun], str | None]

_POLL_SECONDS = 0.5
# Time for a stopped run to bring its last epoch to the disk.
_STOP_SECONDS = 20


class Outcome(NamedTuple):
    """A run that has ended; `error` is None where it is finished and tested."""

    run: PlannedRun
    error: str | None


class ProcessEngine:
    """Long-lived worker processes, which import everything once and take one run after another.

    Yields each run as it ends, in any order; one that fails does not stop the others. Calls `while_waiting` a few times
    a second. Stops all that it started when it is closed or interrupted.

    A run whose worker is killed is tried once more, in a new worker, from its last checkpoint; one whose worker ends of
    itself has failed.

    Args:
        num_workers: how many; with one, runs are made one after another.
    """

    def __init__(self, num_workers: int) -> None:
        self.num_workers = num_workers

    def __call__(
        self, runs: Sequence[PlannedRun], execute: Execute, while_waiting: Callable[[], None]
    ) -> Generator[Outcome, None, None]:
        waiting, retried = deque(runs), set[int]()
        workers: list[_Worker] = []
        try:
            for _ in range(min(self.num_workers, len(runs))):
                workers.append(_Worker(execute))
            while waiting or any(worker.run for worker in workers):
                for worker in workers:
                    if worker.run is None and waiting:
                        worker.start(waiting.popleft())
                busy = [worker for worker in workers if worker.run]
                ready = connection.wait([worker.connection for worker in busy], timeout=_POLL_SECONDS)
                while_waiting()
                for worker in busy:
                    if worker.connection not in ready:
                        continue
                    run = worker.run
                    assert run is not None
                    try:
                        yield Outcome(run, worker.result())
                    except (EOFError, ConnectionError):
                        worker.wait()
                        workers[workers.index(worker)] = _Worker(execute)
                        code = worker.exit_code
                        if code is not None and code > 0:
                            # An error that nobody foresaw, or an exit: it would be the same the second time.
                            yield Outcome(run, f"its process ended with exit code {code}; what it said is above")
                        elif id(run) in retried:
                            yield Outcome(run, f"its process was killed twice (exit code {code})")
                        else:
                            retried.add(id(run))
                            waiting.appendleft(run)
        finally:
            for worker in workers:
                worker.stop()
            for worker in workers:
                worker.wait()


class _Worker:
    """One process and the line to it."""

    def __init__(self, execute: Execute) -> None:
        # Spawned: a forked process would inherit the state of torch's threads without the threads.
        spawn = get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.run: PlannedRun | None = None
        self._process = spawn.Process(target=_serve, args=(theirs, execute), daemon=True)
        # Ctrl-C reaches all processes of a terminal; the study's own decides what becomes of the runs. A child inherits
        # what is blocked: it would else answer with a traceback while it imports.
        with _ctrl_c_blocked():
            self._process.start()
        theirs.close()

    def start(self, run: PlannedRun) -> None:
        self.run = run
        # One that has died meanwhile is found out by `result`.
        with suppress(ConnectionError):
            self.connection.send(run)

    def result(self) -> str | None:
        error: str | None = self.connection.recv()
        self.run = None
        return error

    @property
    def exit_code(self) -> int | None:
        """Of a process that has ended; minus the number of the signal that ended it."""
        return self._process.exitcode

    def stop(self) -> None:
        self._process.terminate()

    def wait(self) -> None:
        self._process.join(_STOP_SECONDS)
        self._process.kill()
        self._process.join()
        self.connection.close()


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Lets Ctrl-C wait for the end of the block, and children that start in it never see it, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # It unblocks the signal when it starts, which it would else do with the first child.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Any, execute: Execute) -> None:
    """Takes runs until the line is closed."""
    # Where signals cannot be blocked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            line.send(execute(line.recv()))


def _end_with_parent() -> None:
    """Stops this process, in order, once the study's own is gone (killed, say)."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
