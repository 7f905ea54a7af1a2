"""One run per core, in long-lived worker processes; those of an engine with a process per GPU are started here too."""

import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import connection, get_context, parent_process, resource_tracker
from typing import Any

from cifar_lightning.runs.signals import exit_by_exception
from cifar_lightning.study.engines import Execute, Outcome, serial, with_traceback
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings

# Makes some runs, as an engine does. It is sent to the workers by its name.
Make = Callable[[Sequence[PlannedRun]], Iterator[Outcome]]
# Time for a stopped run to bring its last epoch to the disk.
_STOP_SECONDS = 20


def make_runs(study: StudySettings, execute: Execute, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    jobs = [[run] for run in runs]
    return make_in_workers(partial(serial.make_runs, study, execute), jobs, [{}] * study.num_workers)


def make_in_workers(
    make: Make, jobs: Sequence[Sequence[PlannedRun]], environments: Sequence[Mapping[str, str]]
) -> Iterator[Outcome]:
    """Makes jobs, each of one run or more, in worker processes that import everything once and take job after job.

    A job whose worker is killed is tried once more, in a new worker, from the last checkpoints; one whose worker ends
    by itself has failed. `environments` has a worker's variables besides those of this process.
    """
    waiting, retried = deque(jobs), set[int]()
    workers: list[_Worker] = []
    try:
        for environment in environments[: len(jobs)]:
            workers.append(_Worker(make, environment))
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if not worker.job and waiting:
                    worker.start(waiting.popleft())
            busy = {worker.connection: worker for worker in workers if worker.job}
            for ready in connection.wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                job = worker.job
                try:
                    yield from worker.receive()
                except (EOFError, ConnectionError):
                    worker.wait()
                    workers[workers.index(worker)] = _Worker(make, worker.environment)
                    # Of a killed process it is minus the signal's number; one that ended by itself would do so again.
                    code = worker.process.exitcode or 0
                    if code <= 0 and id(job) not in retried:
                        retried.add(id(job))
                        waiting.appendleft(job)
                        continue
                    said = f"its process was killed twice (exit code {code})"
                    if code > 0:
                        said = f"its process ended with exit code {code}; what it said is above"
                    yield from (Outcome(run, RuntimeError(said)) for run in job)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.wait()


class _Worker:
    """One process and the line to it; `job` is what it makes, empty while it waits."""

    def __init__(self, make: Make, environment: Mapping[str, str]) -> None:
        # Spawned: a forked process would inherit the state of torch's threads without the threads.
        spawn = get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.job: Sequence[PlannedRun] = ()
        self.environment = environment
        self.process = spawn.Process(target=_serve, args=(theirs, make, environment), daemon=True)
        # A terminal sends Ctrl-C to all its processes, and a child that imports would print a traceback. It inherits
        # the block.
        with _ctrl_c_blocked():
            self.process.start()
        theirs.close()

    def start(self, job: Sequence[PlannedRun]) -> None:
        self.job = job
        # `receive` notices a worker that has died.
        with suppress(ConnectionError):
            self.connection.send(job)

    def receive(self) -> list[Outcome]:
        outcomes: list[Outcome] = self.connection.recv()
        self.job = ()
        return outcomes

    def wait(self) -> None:
        self.process.join(_STOP_SECONDS)
        self.process.kill()
        self.process.join()
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


def _serve(line: Any, make: Make, environment: Mapping[str, str]) -> None:
    """Makes jobs until the line is closed."""
    # Before CUDA is asked for its devices.
    os.environ.update(environment)
    # As in `cli.main`.
    warnings.formatwarning = lambda message, *_: f"cifar-lightning: {message}\n"
    # Where signals cannot be blocked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, exit_by_exception)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            line.send([Outcome(run, with_traceback(error)) for run, error in make(line.recv())])


def _end_with_parent() -> None:
    """Stops this process once the study's own is gone (killed, say)."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
