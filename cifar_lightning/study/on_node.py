"""What a study sends to the nodes of a Ray cluster, what they do with it, and what they send back.

A node makes a run in its own folder or, where it does not see that folder or the data, in a copy. The
copy's files are sent back while it trains, and when it has ended.
"""

import contextlib
import copy
import ctypes
import os
import pickle
import platform
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cifar_lightning.runs import folder
from cifar_lightning.runs.disk import locked, write_bytes
from cifar_lightning.study.engines import Execute, attempt, with_traceback
from cifar_lightning.study.planned_run import PlannedRun

# How often the checkpoints and curves of a copy are sent to the study's folder.
_SEND_SECONDS = 5


class Origin(NamedTuple):
    """The study's own process and machine, which runs are to find the same everywhere.

    Attributes:
        execute: the pickled function that makes a run.
        probe: a file in the study's folder, and what is in it: a node that sees it sees the folder. Its random name is
            also that of the study's copies on a node.
        modules: the user's modules in the working folder, by their file names.
        environment: variables that a run depends on; an empty value means unset.
        versions: as `list_versions`.
    """

    execute: bytes
    probe: tuple[Path, str]
    cwd: Path
    sys_path: list[str]
    modules: dict[str, bytes]
    environment: dict[str, str]
    versions: dict[str, str]


class Data(NamedTuple):
    """The files that a source reads: their sizes in bytes, by their paths below `root`."""

    root: Path
    sizes: dict[str, int]

    def is_below(self, root: Path) -> bool:
        """Whether all the files are below a folder of this machine."""
        try:
            return all((root / name).stat().st_size == size for name, size in self.sizes.items())
        except OSError:
            return False


class Parcel(NamedTuple):
    """What a node needs for a copy: the run's files so far, and a reference to its data.

    The reference is in a list: Ray would fetch what it refers to, even on nodes that have it.
    """

    files: dict[str, bytes]
    data: list[Any]


class Refused(NamedTuple):
    """The node can make no run of this study."""

    reason: str


class Away(NamedTuple):
    """The node does not see the study's folder or its data: the run waits for a `Parcel`."""


class Files(NamedTuple):
    """Files of a run folder in the order in which they are to be written, and names of those that are gone."""

    contents: dict[str, bytes]
    gone: Sequence[str] = ()


class Ended(NamedTuple):
    """The run has ended; `error` is None where it is finished."""

    error: BaseException | None


def describe_origin(execute: Execute, probe: tuple[Path, str]) -> Origin:
    """What this process sends to all nodes."""
    cwd = Path.cwd()
    files = [Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    return Origin(
        execute=pickle.dumps(execute),
        probe=probe,
        cwd=cwd,
        sys_path=[path for path in sys.path if path],
        modules={file.name: file.read_bytes() for file in files if file.parent == cwd and file.suffix == ".py"},
        environment={name: os.environ.get(name, "") for name in ("CIFAR_LIGHTNING_DATA", "CIFAR_LIGHTNING_DEBUG")},
        versions=list_versions(),
    )


def find_data(run: PlannedRun) -> Data | None:
    """The files of a run's source, which are fetched if they are missing; None if it lists none."""
    # Here, since it loads torch, which a node needs for the run alone.
    from cifar_lightning.training.experiment import Experiment, to_arguments

    source = Experiment(to_arguments(run.settings)).datamodule.source
    source.prepare()
    root, files = source.list_files()
    sizes = {path.relative_to(root).as_posix(): path.stat().st_size for path in files}
    return Data(root.absolute(), sizes) if sizes else None


def bring_home(run: PlannedRun, files: Files) -> None:
    """Writes files that a node has sent into the run's own folder, each whole or not at all."""
    with folder.hold(run.folder):
        for name in files.gone:
            (run.folder / name).unlink(missing_ok=True)
        _write_files(run.folder, files.contents)


def make_run(
    origin: Origin, data: Data | None, run: PlannedRun, parcel: Parcel | None
) -> Iterator[Refused | Away | Files | Ended]:
    for name, version in list_versions().items():
        if version != origin.versions[name]:
            yield Refused(
                f"expected {name} {origin.versions[name]} on every machine, as where the study was started, but"
                f" {platform.node()} has {version}; install the same there"
            )
            return
    os.environ.update(origin.environment)
    sys.path.extend(path for path in origin.sys_path if path not in sys.path)
    if _is_at_home(origin, data):
        yield Ended(_attempt(origin, run))
    elif parcel is None:
        yield Away()
    else:
        yield from _make_copy(origin, data, run, parcel)


def list_versions() -> dict[str, str]:
    """Versions of what computes a run, by name; others give other bits, or do not understand what they are sent."""
    packages = ("ray", "cifar-lightning", "lightning", "torch")
    versions = {name: metadata.version(name).partition("+")[0] for name in packages}
    return {"Python": platform.python_version(), **versions}


def remove_copies(probe: Path) -> None:
    shutil.rmtree(_copies_folder(probe), ignore_errors=True)


def read_files(run: Path) -> dict[str, bytes]:
    """The files of a run folder by their paths in it, `scores.json` last."""
    paths = [path for path in sorted(run.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    paths.sort(key=lambda path: path.name == folder.SCORES)
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}


def _write_files(to: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        write_bytes(to / name, content)


def _copies_folder(probe: Path) -> Path:
    """Where a node has all copies and data of a study."""
    return Path(tempfile.gettempdir(), f"cifar-lightning{probe.name}")


def _is_at_home(origin: Origin, data: Data | None) -> bool:
    path, content = origin.probe
    try:
        # A run's folder and its data may be given by relative paths.
        os.chdir(origin.cwd)
        sees_folder = path.read_text() == content
    except OSError:
        return False
    return sees_folder and (data is None or data.is_below(data.root))


def _attempt(origin: Origin, run: PlannedRun) -> BaseException | None:
    return with_traceback(attempt(pickle.loads(origin.execute), run))


def _make_copy(origin: Origin, data: Data | None, run: PlannedRun, parcel: Parcel) -> Iterator[Files | Ended]:
    home = _copies_folder(origin.probe[0])
    # Files of others in a folder that everybody may write to could be code.
    home.mkdir(mode=0o700, exist_ok=True)
    root = _unpack(home, data, parcel)
    modules = home / "modules"
    _write_files(modules, origin.modules)
    if str(modules) not in sys.path:
        sys.path.append(str(modules))
    os.chdir(home)
    moved = _move(run, home / "runs", root)
    # A worker that was killed may have left one.
    shutil.rmtree(moved.folder, ignore_errors=True)
    _write_files(moved.folder, parcel.files)
    errors: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: errors.append(_attempt(origin, moved)), daemon=True)
    thread.start()
    try:
        last = moved.folder / folder.CHECKPOINTS / folder.LAST_CHECKPOINT
        sent = _time_of(last)
        while thread.is_alive():
            thread.join(_SEND_SECONDS)
            if thread.is_alive() and (written := _time_of(last)) != sent:
                yield Files(_read_state(moved, run))
                sent = written
        contents = read_files(moved.folder)
        _settle(contents, moved, run)
        yield Files(contents, [name for name in parcel.files if name not in contents])
        yield Ended(errors[0])
    except (KeyboardInterrupt, GeneratorExit):
        # Cancelled. Ray kills the process if the thread does not end.
        ident = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))
        thread.join()
        raise
    finally:
        shutil.rmtree(moved.folder, ignore_errors=True)


def _unpack(home: Path, data: Data | None, parcel: Parcel) -> Path | None:
    """Where the data are on this node; what is missing is written there, once for all runs."""
    if data is None or data.is_below(data.root):
        return data and data.root
    # Here, since it need not be installed where a study is planned.
    import ray

    root = home / "data" / str(parcel.data[0].hex())
    with locked(home, wait=True):
        if not data.is_below(root):
            _write_files(root, ray.get(parcel.data[0]))
    return root


def _move(run: PlannedRun, runs: Path, root: Path | None) -> PlannedRun:
    """The run with its folder below `runs` and its data in `root`."""
    settings = copy.deepcopy(run.settings)
    logger, source = _places(settings)
    logger["save_dir"] = str(runs)
    if root is not None:
        source["root"] = str(root)
    return replace(run, folder=runs / run.strategy / run.folder.name, settings=settings)


def _settle(contents: dict[str, bytes], moved: PlannedRun, run: PlannedRun) -> None:
    """Gives the settings in `contents` the places that they have where the study was started."""
    if folder.CONFIG not in contents:
        return
    settings = yaml.safe_load(contents[folder.CONFIG])
    for options, theirs, ours in zip(*map(_places, (settings, moved.settings, run.settings)), strict=True):
        for name in ("save_dir", "root"):
            if name in options and options[name] == theirs[name]:
                options[name] = ours[name]
    contents[folder.CONFIG] = yaml.safe_dump(settings, sort_keys=False).encode()


def _places(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments of a run's own logger and of its source, which name folders."""
    loggers = settings["trainer"]["logger"]
    own = loggers[0] if isinstance(loggers, list) else loggers
    return [own["init_args"], settings["data"]["source"].get("init_args", {})]


def _read_state(moved: PlannedRun, run: PlannedRun) -> dict[str, bytes]:
    """What the run resumes from, in the order in which it is written: the curves hold all epochs of the checkpoints."""
    last, best = (f"{folder.CHECKPOINTS}/{name}" for name in (folder.LAST_CHECKPOINT, folder.BEST_CHECKPOINT))
    contents: dict[str, bytes] = {}
    for name in (last, best, folder.CURVES, folder.CONFIG):
        with contextlib.suppress(FileNotFoundError):
            contents[name] = (moved.folder / name).read_bytes()
    _settle(contents, moved, run)
    return dict(reversed(contents.items()))


def _time_of(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
