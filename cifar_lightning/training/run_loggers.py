"""The loggers of a run as settings: `RunLogger`, whose folder is the run folder, and any others beside it."""

import csv
import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import instantiate_class
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cifar_lightning.runs.scores import SplitScores

RUN_LOGGER = "cifar_lightning.training.logger.RunLogger"
# By these MLflow, W&B and the loggers that number their versions continue what they have begun.
_ID_KEYS = ("run_id", "id", "version")


def arrange_loggers(settings: Any) -> None:
    """Puts a `RunLogger` before the other loggers of `settings`, so that every run has a run folder.

    Without one among them, the run has the name of the first other logger, or else of the first config or the backbone,
    and its folder is in `lightning_logs` or where that logger writes. `trainer.logger` false or null: no run folder.
    """
    if not settings.trainer.logger:
        return
    others = other_loggers(settings.trainer)
    configs = [Path(path).stem for path in settings.get("config") or () if path is not None]
    ours = run_logger_options(settings.trainer)
    if not ours:
        ours = Namespace(save_dir="lightning_logs", name=None, version=None)
        for other in others[:1]:
            options = other.init_args
            ours.name = options.get("name") or options.get("run_name")
            save_dir = inspect.signature(resolve_name(other.class_path)).parameters.get("save_dir")
            if options.get("save_dir") != (save_dir.default if save_dir else None):
                ours.save_dir = options.get("save_dir")
        ours.name = ours.name or (configs or [settings.model.backbone.class_path.rpartition(".")[2]])[0]
    for other in others:
        options = other.init_args
        kind = resolve_name(other.class_path)
        if issubclass(kind, CSVLogger | TensorBoardLogger):
            if (options.get("save_dir"), options.get("name")) == (ours.save_dir, ours.name):
                # Or both would count their versions in one folder.
                options.name = f"{ours.name}/{kind.__name__}"
        elif (key := _name_key(options)) and (
            # The shipped config's name is the run's, and a run's own config has that of its seed.
            options[key] in (None, *configs) or options[key].startswith(f"{ours.name} seed ")
        ):
            options[key] = f"{ours.name} seed {settings.seed_everything}"
        if "tracking_uri" in options and options.save_dir == ours.save_dir:
            # MLflow would store its records among the run folders.
            options.save_dir = f"{ours.save_dir}/mlruns"
    ours = Namespace(class_path=RUN_LOGGER, init_args=ours)
    settings.trainer.logger = [ours, *others] if others else ours


def run_logger_options(trainer: Mapping[str, Any] | Namespace) -> Any:
    """Arguments of the `RunLogger` in a trainer's settings: the run's name and place; empty if there is none."""
    return next((one["init_args"] for one in list_loggers(trainer) if _is_ours(one)), {})


def other_loggers(trainer: Mapping[str, Any] | Namespace) -> list[Any]:
    """The loggers in a trainer's settings that are no `RunLogger`, each with `class_path` and `init_args`."""
    return [one for one in list_loggers(trainer) if not _is_ours(one)]


def list_loggers(trainer: Mapping[str, Any] | Namespace) -> list[Any]:
    """The loggers in a trainer's settings, each with `class_path` and `init_args`."""
    loggers: Any = trainer.get("logger")
    if loggers is None or isinstance(loggers, bool):
        return []
    return loggers if isinstance(loggers, list) else [loggers]


def continue_loggers(loggers: Sequence[Any], versions: Mapping[str, str]) -> None:
    """Has each logger add to its record of a run: its id or version, by the class, if no two loggers have the same."""
    names = [logger["class_path"].rpartition(".")[2] for logger in loggers]
    for logger, name in zip(loggers, names, strict=True):
        options = logger["init_args"]
        key = next((key for key in _ID_KEYS if key in options), None)
        if key and options[key] is None and name in versions and names.count(name) == 1:
            is_number = key == "version" and versions[name].isdigit()
            options[key] = int(versions[name]) if is_number else versions[name]
        if "resume" in options:
            options["resume"] = "allow"


@rank_zero_only
def keep_rows(loggers: Iterable[Logger], num_epochs: int) -> None:
    """Has every `CSVLogger` add to the first `num_epochs` epochs of its `metrics.csv`, which Lightning would delete."""
    for logger in loggers:
        if isinstance(logger, CSVLogger) and (file := Path(logger.log_dir, "metrics.csv")).is_file():
            rows: list[Any] = [
                row for row in csv.DictReader(file.read_text().splitlines()) if int(row["epoch"] or 0) <= num_epochs
            ]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*log files in this directory will be deleted.*")
                logger.experiment.metrics = rows
            logger.save()


def with_name(logger: dict[str, Any], name: str) -> dict[str, Any]:
    """`logger` with `name` for what it records of one run."""
    options = logger["init_args"]
    key = _name_key(options)
    return {**logger, "init_args": {**options, key: name}} if key else logger


def make_loggers(loggers: Iterable[Any]) -> list[Logger]:
    """Builds loggers from their settings. Raises ValueError if the package of one is not installed."""
    try:
        return [instantiate_class((), {**one, "init_args": dict(one["init_args"])}) for one in loggers]
    except ModuleNotFoundError as error:
        raise ValueError(
            f"expected what the run's loggers need, but {error}; install it, or add --trainer.logger false"
        ) from error


def log_elsewhere(loggers: Sequence[Logger], scores: SplitScores, epoch: int) -> None:
    """Adds the scores of the test split to the records of a run: `test_loss`, `test_recall/<class>`, ..."""
    keep_rows(loggers, epoch)
    recalls = {f"test_recall/{one.name}": one.recall for one in scores.classes if one.recall is not None}
    means = {"test_loss": scores.loss, "test_accuracy": scores.accuracy, "test_macro_f1": scores.macro_f1}
    for logger in loggers:
        logger.log_metrics({**means, **recalls, "epoch": epoch}, step=epoch)
        logger.finalize("success")
    finish(loggers)


def finish(loggers: Iterable[Logger]) -> None:
    """Ends the process's one run of W&B, to which the next fit would be added."""
    if any(isinstance(logger, WandbLogger) for logger in loggers):
        import wandb

        wandb.finish()


def _is_ours(logger: Any) -> bool:
    # In a config, a logger may be named by its class alone.
    return not isinstance(logger, str) and bool(logger.get("class_path", RUN_LOGGER) == RUN_LOGGER)


def _name_key(options: Any) -> str | None:
    return next((key for key in ("run_name", "name") if key in options), None)
