"""Runs as tasks of a Ray cluster, or of a local Ray."""

import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cifar_lightning import __version__
from cifar_lightning.runs.signals import signals_handled, signals_held
from cifar_lightning.study import on_node
from cifar_lightning.study.engines import Execute, Outcome
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings
from cifar_lightning.training.machine import num_cores

# How often a run is begun whose worker or node is lost.
_TRIES = 3
# Time for a stopped run to bring its last epoch to the disk, and for a node to be cleared.
_STOP_SECONDS = 20
_CONNECT_SECONDS = 5
# How long a signal may wait for its answer.
_WAIT_SECONDS = 0.5


def make_runs(study: StudySettings, execute: Execute, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
    """One task per run, with the cores and the GPU that it needs.

    A run whose worker or node is lost is begun again elsewhere, from its last checkpoint that has reached this machine.
    A node that does not see the study's folder or its data is sent what it needs, and sends back what it writes.
    """
    if not runs:
        return
    ray = _load_ray()
    address = study.ray_address or os.environ.get("RAY_ADDRESS") or None
    is_local = address is None and not ray.is_initialized()
    with _probe(study.folder.absolute()) as probe, _connected(ray, address, probe[0].name[1:]):
        tasks = _Tasks(ray, execute, probe, is_local)
        try:
            yield from tasks.make(runs)
        finally:
            tasks.stop()


class _Tasks:
    def __init__(self, ray: Any, execute: Execute, probe: tuple[Path, str], is_local: bool) -> None:
        self._ray = ray
        self._probe, self._is_local = probe[0], is_local
        self._origin = ray.put(on_node.describe_origin(execute, probe))
        self._nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._task = ray.remote(num_returns="streaming", max_retries=0)(on_node.make_run)
        # None where a task's run has ended, or has become another task.
        self._runs: dict[Any, PlannedRun | None] = {}
        self._losses: Counter[str] = Counter()
        self._is_away = False
        # By the settings of a source: its files, and a reference to their contents once a node lacks them.
        self._data: dict[str, tuple[on_node.Data | None, list[Any]]] = {}

    def make(self, runs: Sequence[PlannedRun]) -> Iterator[Outcome]:
        for cores, gpus in {self._needs(run) for run in runs}:
            if not any(node.get("CPU", 0) >= cores and node.get("GPU", 0) >= gpus for node in self._nodes):
                have = ", ".join(f"{node.get('CPU', 0):g} and {node.get('GPU', 0):g}" for node in self._nodes)
                raise ValueError(
                    f"expected a machine with {cores} cores and {gpus} GPUs for each run, but Ray's have {have};"
                    " lower --num_threads, use --trainer.accelerator cpu, or add a machine"
                )
        for run in runs:
            self._start(run)
        while self._runs:
            # A signal that raises SystemExit within Ray comes out with another exit code.
            with signals_held():
                ready, _ = self._ray.wait(list(self._runs), num_returns=1, timeout=_WAIT_SECONDS)
            for task in ready:
                try:
                    # At once: what is not here is lost with its node.
                    with signals_held():
                        news = self._ray.get(next(task))
                except StopIteration:
                    del self._runs[task]
                except self._ray.exceptions.RayError as error:
                    yield from self._handle_loss(self._runs.pop(task), error)
                else:
                    yield from self._handle(news, task)

    def _start(self, run: PlannedRun, parcel: on_node.Parcel | None = None) -> None:
        cores, gpus = self._needs(run)
        task = self._task.options(num_cpus=cores, num_gpus=gpus, name=str(run))
        self._runs[task.remote(self._origin, self._data_of(run)[0], run, parcel)] = run

    def _needs(self, run: PlannedRun) -> tuple[int, int]:
        accelerator = run.settings["trainer"]["accelerator"]
        has_gpu = any(node.get("GPU") for node in self._nodes)
        return run.settings["num_threads"], int(accelerator in ("gpu", "cuda") or (accelerator == "auto" and has_gpu))

    def _handle(self, news: Any, task: Any) -> Iterator[Outcome]:
        run = self._runs[task]
        assert run is not None
        if isinstance(news, on_node.Refused):
            raise ValueError(news.reason)
        if isinstance(news, on_node.Away):
            self._is_away = True
            self._runs[task] = None
            self._start(run, self._pack(run))
        elif isinstance(news, on_node.Ended):
            self._runs[task] = None
            yield Outcome(run, news.error)
        else:
            try:
                on_node.bring_home(run, news)
            except (OSError, ValueError) as error:
                self._ray.cancel(task, force=True)
                self._runs[task] = None
                yield Outcome(run, error)

    def _handle_loss(self, run: PlannedRun | None, error: Exception) -> Iterator[Outcome]:
        if run is None:
            return
        self._losses[str(run)] += 1
        if run.is_finished:
            yield Outcome(run, None)
        elif isinstance(error, self._ray.exceptions.RaySystemError):
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(
                f"expected cifar-lightning {__version__} on every machine of Ray, but one cannot start a run"
                f" ({reason}); install the same there"
            ) from error
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            yield Outcome(run, error)
        elif self._losses[str(run)] < _TRIES:
            self._start(run)
        else:
            reason = " ".join(str(error).split())
            yield Outcome(run, RuntimeError(f"its worker was lost {_TRIES} times; of the last, Ray says: {reason}"))

    def _pack(self, run: PlannedRun) -> on_node.Parcel:
        data, content = self._data_of(run)
        if data is not None and not content:
            content.append(self._ray.put({name: (data.root / name).read_bytes() for name in data.sizes}))
        return on_node.Parcel(on_node.read_files(run.folder), content)

    def _data_of(self, run: PlannedRun) -> tuple[on_node.Data | None, list[Any]]:
        source = run.settings["data"]["source"]
        key = json.dumps(source)
        if key not in self._data:
            # A source without a root reads no files, and all that a local Ray needs is here.
            has_files = not self._is_local and "root" in source.get("init_args", {})
            self._data[key] = on_node.find_data(run) if has_files else None, []
        return self._data[key]

    def stop(self) -> None:
        """Ends all tasks, and removes what they have left on their nodes."""
        for force in (False, True):
            for task in self._runs:
                with contextlib.suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(task, force=force)
            end = time.monotonic() + _STOP_SECONDS
            while self._runs and (left := end - time.monotonic()) > 0:
                for task in self._ray.wait(list(self._runs), num_returns=1, timeout=left)[0]:
                    try:
                        next(task)
                    except StopIteration:
                        del self._runs[task]
        if not self._is_away:
            return
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        remove = self._ray.remote(num_cpus=0, max_retries=0)(on_node.remove_copies)
        # All that are there: one that was lost may have come back as another.
        nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]
        places = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        removals = [remove.options(scheduling_strategy=place).remote(self._probe) for place in places]
        self._ray.wait(removals, num_returns=len(removals), timeout=_STOP_SECONDS)


def _load_ray() -> Any:
    # Workers of a `uv run` shall start in its environment, and a local Ray shall not report that it is used.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ValueError(
            "expected Ray for --engine ray, but it is not installed; pip install 'cifar-lightning[ray]'"
        ) from error
    return ray


@contextlib.contextmanager
def _probe(study: Path) -> Iterator[tuple[Path, str]]:
    """A file in the study's folder with a name and a content that no other machine has."""
    # A study that was killed has left one, and what has its name on the nodes.
    path = next(study.glob(".ray-*"), study / f".ray-{secrets.token_hex(6)}")
    content = secrets.token_hex()
    path.write_text(content)
    try:
        yield path, content
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _connected(ray: Any, address: str | None, name: str) -> Iterator[None]:
    """Connects to the cluster, or starts a local Ray in the temporary folder `name`.

    A Ray that this process uses already, as a notebook may, is left alone.
    """
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}
    # A short path: those of Ray's sockets may have 107 characters.
    local = Path(tempfile.gettempdir(), name)
    if address is None:
        # Of a study that was killed.
        shutil.rmtree(local, ignore_errors=True)
        options |= {"address": "local", "num_cpus": num_cores(), "_temp_dir": str(local)}
        # Its runs write to their own folders: nearly nothing is stored.
        options |= {"include_dashboard": False, "object_store_memory": 100 * 1024**2}
    elif address != "auto":
        host, _, port = address.rpartition(":")
        try:
            # Ray would wait for long.
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:
            raise ValueError(
                f"expected a Ray cluster at {address}, but nobody answers there; start one with `ray start --head`, and"
                " name the address that it prints, as --ray_address 10.0.0.1:6379"
            ) from error
    try:
        try:
            # Ray would answer SIGTERM in its own way.
            with signals_handled({signal.SIGTERM: signal.getsignal(signal.SIGTERM)}):
                ray.init(**options)
        except (RuntimeError, ConnectionError) as error:
            raise ValueError(
                f"expected to join Ray at {address or 'this machine'}, but it says: {' '.join(str(error).split())};"
                " a machine joins a cluster by `ray start --address`, with the cluster's token if it has one"
            ) from error
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(local, ignore_errors=True)
