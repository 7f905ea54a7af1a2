"""The settings of a study: its own, its strategies, and what every run shares."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ActionConfigFile
from jsonargparse.typing import NonNegativeInt, PositiveInt

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.study.engines import list_engines
from cifar_lightning.study.sweeping import choose_strategies, join_sweeps
from cifar_lightning.training.configs import find_config
from cifar_lightning.training.experiment import Config, make_run_parser
from cifar_lightning.training.machine import num_cores
from cifar_lightning.training.parser import SettingsParser
from cifar_lightning.training.run_loggers import other_loggers

_FOLDER_NAME = re.compile(r"\w[\w .+=-]*(?<![ .])")


@dataclass(frozen=True)
class StudySettings:
    """What `study.yaml` and the command line ask for.

    Attributes:
        name: the study's name; its runs go to `save_dir/name/<strategy>/seed_<S>`.
        save_dir: where all studies go.
        seeds: a number (3: seeds 0, 1, 2) or a list; each strategy is run once with each.
        engine: `serial`, `processes`, `stacked` or `ray`; null: the faster one of the first two here.
        strategies: by name, the settings that each changes, nested or by dotted keys.
        only: the strategies to run: `maxpool,avgpool` or a list; null: all.
        sweep: by dotted key, values that a setting takes in turn, each a strategy of its own.
        max_epochs: how long each run is trained; null: as `trainer` says.
        num_threads: torch's threads of every run; null: the cores, divided among the runs at a time.
        shard: `2/8` for the second of eight parts of the plan; null: all of it.
        vary_split: whether each seed holds out validation images of its own (`split_seed`).
        ray_address: the cluster for `--engine ray`: `auto` or HOST:PORT; null: `$RAY_ADDRESS`, or a local Ray.
        data, model, trainer: settings of every run, as for `fit`.
        chosen_for: why `engine` was chosen; None if the user named it.
    """

    strategies: dict[str, dict] = field(default_factory=dict)
    only: list[str] | str | None = None
    sweep: dict[str, list] = field(default_factory=dict)
    name: str = "study"
    save_dir: str = "lightning_logs"
    seeds: PositiveInt | list[NonNegativeInt] = 10
    engine: str | None = None
    max_epochs: PositiveInt | None = None
    num_threads: PositiveInt | None = None
    shard: str | None = None
    vary_split: bool = False
    ray_address: str | None = None
    data: dict = field(default_factory=dict)
    model: dict = field(default_factory=dict)
    trainer: dict = field(default_factory=dict)
    chosen_for: str | None = None

    def __post_init__(self) -> None:
        for what, name in (("the study", self.name), *(("a strategy", name) for name in self.strategies)):
            if not _FOLDER_NAME.fullmatch(name):
                raise ValueError(f"expected a name for {what} that a folder can have, got {name!r}; rename it")
        for strategy, settings in self.strategies.items():
            for key in settings:
                if key.partition(".")[0] not in ("data", "model", "trainer"):
                    raise ValueError(
                        f"unknown key {key!r} in strategy {strategy}; a strategy changes data, model or trainer, and so"
                        " does a sweep, as --sweep model.optimizer.lr 0.001,0.005"
                    )
        if len(set(self.seed_list)) < len(self.seed_list) or not self.seed_list:
            raise ValueError(f"expected every seed once, got {self.seeds}; try --seeds 3")

    @property
    def folder(self) -> Path:
        return Path(os.path.expandvars(self.save_dir), self.name).expanduser()

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def shard_of(self) -> tuple[int, int]:
        """The part of the plan that is to be made, and the number of parts."""
        numbers = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.shard or "1/1")
        if not numbers or not 1 <= int(numbers[1]) <= int(numbers[2]):
            raise ValueError(
                f"expected a shard such as 2/8, the second of eight parts, got {self.shard!r}; use 1/8 to 8/8"
            )
        return int(numbers[1]), int(numbers[2])

    @property
    def num_workers(self) -> int:
        """The number of runs at a time."""
        if self.engine in ("serial", "stacked"):
            return 1
        return min(num_cores(), len(self.seed_list) * len(self.strategies))


def make_parser() -> SettingsParser:
    """The parser of a study's own settings."""
    parser = SettingsParser(prog="cifar-lightning study")
    parser.make_further = make_run_parser
    parser.add_argument("--config", action=ActionConfigFile)
    parser.add_class_arguments(StudySettings, skip={"vary_split", "chosen_for"})
    parser.add_argument("--vary_split", action="store_true")
    return parser


def read_study(configs: Sequence[Config], arguments: Sequence[str]) -> tuple[StudySettings, list[str]]:
    """The settings of a study, and of `arguments` those for every run: `--data.*`, `--model.*` and `--trainer.*`.

    `configs` are names, paths or contents; later ones are laid over. Raises ValueError if a setting is wrong.
    """
    content: dict[str, Any] = {}
    for config in configs:
        content = merge(content, config if isinstance(config, Mapping) else read_settings(find_config(config)))
    # Of configs of `fit`, the single seed, checkpoint and folder are no settings of a study.
    for key in ("seed_everything", "ckpt_path"):
        content.pop(key, None)
    trainer = content.get("trainer")
    if isinstance(trainer, Mapping) and "logger" in trainer:
        content["trainer"] = {**trainer, "logger": other_loggers(trainer)}
    if not content.get("strategies"):
        # Not beside the runs of `study`, with which they would be compared.
        content.setdefault("name", "sweep")
    own, to_runs = _split(join_sweeps(arguments))
    parsed = make_parser().parse_args([f"--config={json.dumps(content)}", *own])
    values = {key: value for key, value in parsed.as_dict().items() if key != "config"}
    if not values["strategies"] and not values["sweep"]:
        raise ValueError(
            f"expected strategies, but {configs[-1]} has none; name some as in configs/study.yaml, add --sweep"
            " model.optimizer.lr 0.001,0.005, or `fit` that config"
        )
    values["strategies"] = choose_strategies(values["strategies"], values["sweep"], values["only"])
    if values["engine"] is None:
        values["engine"], values["chosen_for"] = _fastest_engine(values["trainer"], to_runs)
    elif values["engine"] not in (engines := list_engines()):
        hint = did_you_mean(values["engine"], engines, "leave it out to have the fastest one here")
        raise ValueError(f"expected an engine, one of {', '.join(engines)}, got {values['engine']!r}; {hint}")
    return StudySettings(**values), to_runs


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    own: list[str] = []
    to_runs: list[str] = []
    kept = own
    for argument in arguments:
        if argument.startswith("--"):
            kept = to_runs if argument.startswith(("--data.", "--model.", "--trainer.")) else own
        kept.append(argument)
    return own, to_runs


def merge(base: Any, over: Any) -> Any:
    """`over` laid over `base`, both nested mappings; a class with its arguments takes the place of another class."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    if over.get("class_path", base.get("class_path")) != base.get("class_path"):
        return dict(over)
    return {**base, **{key: merge(base[key], value) if key in base else value for key, value in over.items()}}


def _fastest_engine(trainer: Mapping[str, Any], arguments: Sequence[str]) -> tuple[str, str]:
    """The engine that is the fastest here, and what makes it so (docs/performance.md)."""
    asked_for_cpu = trainer.get("accelerator") == "cpu" or "--trainer.accelerator=cpu" in "=".join(arguments)
    if torch.cuda.is_available() and not asked_for_cpu:
        return "serial", "a GPU"
    return ("processes", f"a CPU of {num_cores()} cores") if num_cores() > 1 else ("serial", "a CPU of one core")
