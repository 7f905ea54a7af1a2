"""The settings of a study: its own keys, its strategies, and what every run shares."""

import argparse
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from cifar_lightning.cli.configs import read_config
from cifar_lightning.cli.machine import num_cores
from cifar_lightning.cli.outputs import check_folder
from cifar_lightning.cli.trainer_commands import resolve_settings
from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import flatten
from cifar_lightning.study.plan import PlannedRun

ENGINES = ("serial", "processes")
_OWN_KEYS = ("name", "save_dir", "seeds", "engine", "strategies")
# Of `fit`, but for those that are each run's own.
_SHARED_KEYS = ("data", "model", "trainer", "num_threads", "seed_everything", "ckpt_path")
# More is a mistyped number: at ten seconds a run, these take a day.
_MAX_RUNS = 10_000
_MAX_EPOCHS = 10_000_000
_FOLDER_NAME = re.compile(r"[\w][\w .+=-]*")
# Names of devices on Windows, whatever stands behind the first point.
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class StudyConfig:
    """What `study.yaml` and the command line ask for.

    Attributes:
        name: of the study; its runs go to `save_dir/name/<strategy>/seed_<S>`.
        save_dir: where all studies go.
        seeds: one run of each strategy for each.
        engine: `serial` or `processes`.
        strategies: by name, the settings that it changes.
        shared: the settings of every run, one mapping a config file; later ones are laid over.
        arguments: `--data.*`, `--model.*`, `--trainer.*` of the command line, laid over all of them.
        num_threads: of every run, where asked for.
        vary_split: whether each seed holds out validation pictures of its own.
    """

    name: str
    save_dir: Path
    seeds: list[int]
    engine: str
    strategies: dict[str, dict[str, Any]]
    shared: list[dict[str, Any]]
    arguments: list[str]
    num_threads: int | None
    vary_split: bool

    @property
    def folder(self) -> Path:
        """Of all runs of the study."""
        return self.save_dir / self.name

    @property
    def num_workers(self) -> int:
        """Runs at a time."""
        if self.engine == "serial":
            return 1
        return min(num_cores(), len(self.seeds) * len(self.strategies))


def read_study(options: argparse.Namespace, arguments: list[str]) -> StudyConfig:
    """From the parsed `options` of the command, and the `arguments` that go to every run.

    Raises:
        ValueError: if a config or an option is wrong.
    """
    if not options.config:
        raise ValueError("expected a study; add --config study, or a YAML file with strategies")
    own: dict[str, Any] = {"name": "study", "save_dir": "lightning_logs", "seeds": 10, "engine": None}
    strategies: dict[str, dict[str, Any]] = {}
    shared = []
    for path in map(Path, options.config):
        content = read_config(path)
        for key in content:
            if key not in (*_OWN_KEYS, *_SHARED_KEYS):
                hint = did_you_mean(str(key), (*_OWN_KEYS, *_SHARED_KEYS), "see configs/study.yaml for those there are")
                raise ValueError(f"unknown key {key!r} in {path}; {hint}")
        named = content.get("strategies", {})
        if not isinstance(named, dict):
            raise ValueError(f"expected strategies by name in {path}, got {named!r}; see configs/study.yaml")
        # That of a config for `fit` is the seed of its one run.
        if content.pop("seed_everything", None) is not None and named:
            raise ValueError(f"expected seeds in a study, got seed_everything in {path}; leave it out, and name seeds")
        if content.pop("ckpt_path", None) is not None:
            raise ValueError(
                f"expected runs that are made from their beginning, got ckpt_path in {path}; leave it out: a study goes"
                " on by itself"
            )
        strategies |= named
        own |= {key: value for key, value in content.items() if key in _OWN_KEYS}
        shared.append({key: value for key, value in content.items() if key not in _OWN_KEYS})
    for key in ("save_dir", "seeds", "engine"):
        if getattr(options, key) is not None:
            own[key] = getattr(options, key)
    if not strategies:
        raise ValueError(
            f"expected strategies, but {options.config[-1]} has none; name some as in configs/study.yaml,"
            " or `fit` that config"
        )
    _check_strategies(strategies)
    name = str(own["name"])
    if own["name"] is None or not _is_folder_name(name):
        raise ValueError(f"expected a name for the study that a folder can have, got {own['name']!r}; fix it")
    if not isinstance(own["save_dir"], str) or not own["save_dir"]:
        raise ValueError(f"expected a folder for save_dir, got {own['save_dir']!r}; name one, or leave it out")
    check_folder("save_dir", Path(own["save_dir"], name))
    return StudyConfig(
        name=name,
        save_dir=Path(own["save_dir"]),
        seeds=_parse_seeds(own["seeds"], _MAX_RUNS // len(strategies)),
        num_threads=_take_num_threads(shared, options.num_threads),
        engine=_engine(own["engine"], shared, arguments),
        strategies=strategies,
        shared=shared,
        arguments=arguments,
        vary_split=options.vary_split,
    )


def _parse_seeds(value: Any, at_most: int) -> list[int]:
    """`3` (0, 1, 2) or a list of seeds, as numbers or as text.

    Raises:
        ValueError: if it is neither, a seed is negative or stands twice, or there are more than `at_most`.
    """
    seeds = value
    if isinstance(value, str):
        # Not by YAML, which takes 010 for 8, and 1:3 for 63.
        words = value.strip().removeprefix("[").removesuffix("]").split(",")
        if all(re.fullmatch(r"\s*[0-9]{1,10}\s*", word) for word in words):
            seeds = [int(word) for word in words]
            if len(words) == 1 and "[" not in value:
                (seeds,) = seeds
    if type(seeds) is int and 0 < seeds <= at_most:
        return list(range(seeds))
    count = seeds if type(seeds) is int else len(seeds) if isinstance(seeds, list) else 0
    if count > at_most:
        raise ValueError(
            f"expected a study of at most {_MAX_RUNS:,} runs, {at_most:,} seeds a strategy, got {count:,}; name fewer"
        )
    if count < 1 or not all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds):
        raise ValueError(f"expected a number of seeds above 0, or a list of them, got {value!r}; try --seeds 3")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"expected every seed once, got {seeds}; leave one out")
    return list(seeds)


def plan_runs(study: StudyConfig) -> list[PlannedRun]:
    """All runs of a study, seed by seed, so that an unfinished study has seen every strategy.

    Raises:
        ValueError: if the settings of a strategy are wrong.
    """
    settings = {name: _resolve(study, name) for name in study.strategies}
    return [
        PlannedRun(name, seed, study.folder / name / f"seed_{seed}", _with_seed(study, settings[name], seed))
        for seed in study.seeds
        for name in study.strategies
    ]


def _resolve(study: StudyConfig, strategy: str) -> dict[str, Any]:
    # With a core or more for every run that is made at a time.
    num_threads = study.num_threads or max(1, num_cores() // study.num_workers)
    logger = {
        "class_path": "cifar_lightning.runs.logger.RunLogger",
        "init_args": {"save_dir": str(study.folder), "name": strategy},
    }
    layers = [
        *study.shared,
        study.strategies[strategy],
        {"num_threads": num_threads, "trainer": {"logger": logger, "enable_progress_bar": False}},
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for place, layer in enumerate(layers):
            path = Path(folder, f"{place}.yaml")
            path.write_text(yaml.safe_dump(layer, sort_keys=False))
            arguments += ["--config", str(path)]
        try:
            settings = resolve_settings([*arguments, *study.arguments])
            _refuse_other_runs(settings["trainer"], logger)
        except ValueError as error:
            raise ValueError(f"in strategy {strategy}: {error}") from error
    return settings


def _refuse_other_runs(trainer: dict[str, Any], logger: dict[str, Any]) -> None:
    """Raises a ValueError if a run would not be of so many epochs and one process, or not kept where `logger` says."""
    resolved = flatten(trainer["logger"])
    if any(resolved.get(key) != value for key, value in flatten(logger).items()):
        raise ValueError("expected the study to name its runs' folders, got a trainer.logger; leave it out")
    if trainer["limit_train_batches"] == 0:
        raise ValueError("expected runs that are trained, got trainer.limit_train_batches 0; leave it out")
    if trainer["enable_checkpointing"] is False:
        raise ValueError("expected runs that can be tested, got trainer.enable_checkpointing false; leave it out")
    num_epochs, devices = trainer["max_epochs"], trainer["devices"]
    if num_epochs is None or not 1 <= num_epochs <= _MAX_EPOCHS:
        raise ValueError(
            f"expected trainer.max_epochs of 1 to {_MAX_EPOCHS:,} in a study, got {num_epochs}; name such a number"
        )
    if trainer["fast_dev_run"]:
        raise ValueError("expected runs that are kept, got trainer.fast_dev_run, which keeps none; leave it out")
    # A worker is itself a process of many.
    if devices not in (1, "1") and not (isinstance(devices, list) and len(devices) == 1):
        raise ValueError(f"expected one device a run in a study, got trainer.devices {devices}; leave it out")
    if trainer["num_nodes"] != 1:
        raise ValueError(f"expected one machine in a study, got trainer.num_nodes {trainer['num_nodes']}; leave it out")


def _with_seed(study: StudyConfig, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    logger, data = settings["trainer"]["logger"], dict(settings["data"])
    if study.vary_split:
        if not data["val_fraction"]:
            raise ValueError(
                "expected a validation share for --vary_split to draw anew, but data.val_fraction is 0;"
                " add --data.validate_on_test false --data.val_fraction 0.1"
            )
        data["split_seed"] = seed
    logger = {**logger, "init_args": {**logger["init_args"], "version": f"seed_{seed}"}}
    return {**settings, "seed_everything": seed, "trainer": {**settings["trainer"], "logger": logger}, "data": data}


def _is_folder_name(name: str) -> bool:
    """Whether a folder of one level can be called so on every system."""
    return bool(_FOLDER_NAME.fullmatch(name)) and not name.endswith((" ", ".")) and not _DEVICE_NAME.match(name)


def _check_strategies(strategies: dict[Any, Any]) -> None:
    folders: dict[str, str] = {}
    for name, settings in strategies.items():
        if not isinstance(name, str) or not _is_folder_name(name):
            raise ValueError(f"expected a name for a strategy that a folder can have, got {name!r}; fix strategies")
        other = folders.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(
                f"expected names that differ in more than capitals, got the strategies {other} and {name}, one folder"
                " on macOS and Windows; rename one"
            )
        if not isinstance(settings, dict) or not settings:
            raise ValueError(f"expected the settings that strategy {name} changes, got {settings!r}; name one")
        for group in ("trainer", "model", "data"):
            if not isinstance(settings.get(group, {}), dict):
                raise ValueError(
                    f"expected keys and values below {group} in strategy {name}, got {settings[group]!r}; fix it"
                )
        own = {"seed_everything", "num_threads", "ckpt_path", *_OWN_KEYS} & settings.keys()
        if own:
            raise ValueError(f"expected settings of a net in strategy {name}, got {own.pop()!r}; it is the study's own")


def _take_num_threads(shared: Sequence[dict[str, Any]], asked: int | None) -> int | None:
    """Takes `num_threads` out of the settings; the last word counts, and `asked` is the very last."""
    value = None
    for layer in shared:
        in_file = layer.pop("num_threads", None)
        value = value if in_file is None else in_file
    value = value if asked is None else asked
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"expected a whole number above 0 for num_threads, got {value!r}; fix it")
    return value


def _engine(name: Any, shared: Sequence[dict[str, Any]], arguments: list[str]) -> str:
    if name is None:
        accelerators = [
            layer["trainer"]["accelerator"] for layer in shared if "accelerator" in layer.get("trainer", {})
        ]
        asked_for_cpu = accelerators[-1:] == ["cpu"] or "--trainer.accelerator=cpu" in "=".join(arguments)
        on_cpu = asked_for_cpu or not torch.cuda.is_available()
        return "processes" if on_cpu and num_cores() > 1 else "serial"
    if name not in ENGINES:
        raise ValueError(f"expected an engine, {' or '.join(ENGINES)}, got {name!r}; leave it out for the faster one")
    return str(name)
