"""What a study is to do: one planned run for each strategy and seed, and how far each has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_lightning.runs import folder
from cifar_lightning.runs.scores import Scores
from cifar_lightning.study.study_settings import StudySettings
from cifar_lightning.training.experiment import RUN_LOGGER, Experiment, to_arguments
from cifar_lightning.training.machine import num_cores


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        strategy: the name of its strategy.
        seed: the seed of the training.
        folder: the run folder, `<save_dir>/<study>/<strategy>/seed_<S>`.
        settings: the complete settings, as for `fit`.
    """

    strategy: str
    seed: int
    folder: Path
    settings: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.strategy} seed {self.seed}"

    @property
    def num_epochs(self) -> int:
        """The epochs that the run is to have."""
        return int(self.settings["trainer"]["max_epochs"])

    @property
    def num_epochs_done(self) -> int:
        """The epochs that are finished and on the disk."""
        if self.is_finished:
            return self.num_epochs
        # Without a checkpoint they are lost.
        return folder.count_epochs(self.folder) if self.can_resume else 0

    @property
    def can_resume(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return (self.folder / folder.CHECKPOINTS / folder.LAST_CHECKPOINT).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the run is fitted and tested."""
        return (self.folder / folder.SCORES).is_file()

    @property
    def state(self) -> str:
        """`finished`, `at epoch N` or `new`."""
        if self.is_finished:
            return "finished"
        return f"at epoch {self.num_epochs_done}" if self.can_resume else "new"

    def read_scores(self) -> Scores:
        """The scores of a finished run.

        Raises:
            ValueError: if they are damaged.
        """
        return Scores.read(self.folder / folder.SCORES)


def plan_runs(study: StudySettings, arguments: Sequence[str] = ()) -> list[PlannedRun]:
    """All runs of a study, seed by seed, so that an unfinished study has seen every strategy.

    Args:
        study: what is to be run.
        arguments: `--data.*`, `--model.*` and `--trainer.*` that go to every run, as on the command line.

    Raises:
        ValueError: if the settings of a strategy are wrong.
    """
    resolved = {name: _resolve(study, name, arguments) for name in study.strategies}
    return [
        PlannedRun(name, seed, study.folder / name / f"seed_{seed}", _with_seed(study, resolved[name], seed))
        for seed in study.seed_list
        for name in study.strategies
    ]


def _resolve(study: StudySettings, strategy: str, arguments: Sequence[str]) -> dict[str, Any]:
    settings = study.settings_of(strategy)
    if any(argument.startswith("--trainer.logger") for argument in arguments):
        raise ValueError("expected the study to name its runs' folders, got a trainer.logger; use save_dir instead")
    ours = {
        # A core or more for every run that is made at a time.
        "num_threads": study.num_threads or max(1, num_cores() // study.num_workers),
        "trainer.logger": {"class_path": RUN_LOGGER, "init_args": {"save_dir": str(study.folder), "name": strategy}},
        "trainer.enable_progress_bar": False,
    }
    try:
        resolved = Experiment([*to_arguments(settings, ours), *arguments]).settings()
    except ValueError as error:
        raise ValueError(f"in strategy {strategy}: {error}") from error
    if (resolved["trainer"]["max_epochs"] or 0) < 1:
        raise ValueError(
            f"expected trainer.max_epochs of at least 1 in a study, got {resolved['trainer']['max_epochs']}; name a"
            " number of epochs"
        )
    if resolved["trainer"]["devices"] not in (1, "1", "auto"):
        # A worker is itself one process of many.
        raise ValueError(
            f"expected one device per run, got trainer.devices {resolved['trainer']['devices']}; leave it out"
        )
    return resolved


def _with_seed(study: StudySettings, settings: dict[str, Any], seed: int) -> dict[str, Any]:
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
