"""One run per core, in long-lived worker processes."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from cifar_lightning.study.engines import Execute, Outcome
from cifar_lightning.study.planned_run import PlannedRun

if TYPE_CHECKING:
    from cifar_lightning.study.study_settings import StudySettings

# Time for a stopped run to bring its last epoch to the disk.
_STOP_SECONDS = 20


class Engine:
    """Worker processes, which import everything once and take one run after another.

    A run whose worker is killed is tried once more, in a new worker, from its last checkpoint; one whose worker ends by
    itself has failed.

    Args:
        study: says how many; with one, runs are made one after another.
        execute: makes one run; it is sent to the workers by its name.
    """

    def __init__(self, study: "StudySettings", execute: Execute) -> None:
        self._num_workers = study.num_workers
        self._execute = execute

    def __call__(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
        waiting, retried = deque(runs), set[int]()
        workers: list[_Worker] = []
        try:
            for _ in range(min(self._num_workers, len(runs))):
                workers.append(_Worker(self._execute))
            while waiting or any(worker.run for worker in workers):
                for worker in workers:
                    if worker.run is None and waiting:
                        worker.start(waiting.popleft())
                busy = {worker.connection: worker for worker in workers if worker.run}
                for ready in connection.wait(list(busy)):
                    worker = busy[ready]  # type: ignore[index]
                    run = worker.run
                    assert run is not None
                    try:
                        yield Outcome(run, worker.result())
                    except (EOFError, ConnectionError):
                        worker.wait()
                        workers[workers.index(worker)] = _Worker(self._execute)
                        code = worker.exit_code
                        if code is not None and code > 0:
                            # An exit would be the same the second time.
                            said = f"its process ended with exit code {code}; what it said is above"
                            yield Outcome(run, RuntimeError(said))
                        elif id(run) in retried:
                            yield Outcome(run, RuntimeError(f"its process was killed twice (exit code {code})"))
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
        # A terminal sends Ctrl-C to all its processes, but only the main one shall act on it. Without the block, which
        # a child inherits, it would print a traceback while it imports.
        with _ctrl_c_blocked():
            self._process.start()
        theirs.close()

    def start(self, run: PlannedRun) -> None:
        self.run = run
        # `result` notices a worker that has died.
        with suppress(ConnectionError):
            self.connection.send(run)

    def result(self) -> BaseException | None:
        error: BaseException | None = self.connection.recv()
        self.run = None
        return error

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that has ended; minus the number of the signal that ended it."""
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
    """Holds Ctrl-C back until the end of the block; processes started in it never get it (not on Windows)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started here, since it unblocks the signal as it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(line: Any, execute: Execute) -> None:
    """Makes runs until the line is closed."""
    # Where signals cannot be blocked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # As an exception, so that a fit keeps its last epoch.
    signal.signal(signal.SIGTERM, _exit)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            run = line.recv()
            try:
                execute(run)
            # A bug in one strategy's net ends that run, and none of the others.
            except Exception as error:
                line.send(ExceptionWithTraceback(error, error.__traceback__))
            else:
                line.send(None)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


def _end_with_parent() -> None:
    """Stops this process, in order, once the study's own is gone (killed, say)."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
