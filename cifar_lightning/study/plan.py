"""The planned runs of a study."""

from collections.abc import Sequence
from typing import Any

from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings, merge
from cifar_lightning.training.experiment import Experiment, to_arguments
from cifar_lightning.training.machine import num_cores
from cifar_lightning.training.run_loggers import RUN_LOGGER, other_loggers, run_logger_options, with_name

# The defaults of `RunLogger`.
_UNNAMED = {"save_dir": "lightning_logs", "name": "run", "version": None}


def plan_runs(study: StudySettings, arguments: Sequence[str] = ()) -> list[PlannedRun]:
    """The runs of a study, or of its shard, seed by seed, so that an unfinished study has seen every strategy.

    `arguments` are `--data.*`, `--model.*` and `--trainer.*` that go to every run, as on the command line. Raises
    ValueError if the settings of a strategy are wrong.
    """
    part, parts = study.shard_of
    resolved = {name: _resolve(study, name, arguments) for name in study.strategies}
    # Dealt out as cards: every shard gets as many runs of each strategy, or one fewer.
    mine = set([(name, seed) for name in study.strategies for seed in study.seed_list][part - 1 :: parts])
    return [
        PlannedRun(name, seed, study.folder / name / f"seed_{seed}", _with_seed(study, name, resolved[name], seed))
        for seed in study.seed_list
        for name in study.strategies
        if (name, seed) in mine
    ]


def _resolve(study: StudySettings, strategy: str, arguments: Sequence[str]) -> dict[str, Any]:
    # Nested keys are laid over those of every run; dotted ones hold against all arguments, too.
    nested: dict[str, Any] = {}
    dotted: dict[str, Any] = {}
    for key, value in study.strategies[strategy].items():
        (dotted if "." in key else nested)[key] = value
    settings = merge({"data": study.data, "model": study.model, "trainer": study.trainer}, nested)
    ours = {
        "num_threads": study.num_threads or max(1, num_cores() // study.num_workers),
        "trainer.enable_progress_bar": False,
    }
    if study.max_epochs is not None:
        ours["trainer.max_epochs"] = study.max_epochs
    try:
        resolved = Experiment([*to_arguments(settings, ours), *arguments, *to_arguments([], dotted)]).settings()
    except ValueError as error:
        raise ValueError(f"in strategy {strategy}: {error}") from error
    if run_logger_options(resolved["trainer"]) not in ({}, _UNNAMED):
        raise ValueError("expected the study to name its runs' folders, got a trainer.logger; use save_dir instead")
    epochs = resolved["trainer"]["max_epochs"]
    if (epochs or 0) < 1:
        raise ValueError(f"expected trainer.max_epochs of at least 1 in a study, got {epochs}; name a number of epochs")
    return resolved


def _with_seed(study: StudySettings, strategy: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    data, trainer = dict(settings["data"]), dict(settings["trainer"])
    if study.vary_split:
        if not data["val_fraction"]:
            raise ValueError(
                "expected a validation share for --vary_split to draw anew, but data.val_fraction is 0;"
                " add --data.validate_on_test false --data.val_fraction 0.1"
            )
        data["split_seed"] = seed
    options = {"save_dir": str(study.folder), "name": strategy, "version": f"seed_{seed}"}
    ours = {"class_path": RUN_LOGGER, "init_args": options}
    others = [with_name(logger, f"{strategy} seed {seed}") for logger in other_loggers(trainer)]
    trainer["logger"] = [ours, *others] if others else ours
    return {**settings, "seed_everything": seed, "trainer": trainer, "data": data}
