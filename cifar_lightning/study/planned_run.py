"""One run of a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_lightning.runs import folder


@dataclass(frozen=True)
class PlannedRun:
    """What a run is to be, and how far it has come.

    Attributes:
        strategy: the name of its strategy.
        seed: the seed of the training.
        folder: the run folder, `<save_dir>/<study>/<strategy>/seed_<S>`.
        settings: all settings, as for `fit`.
    """

    strategy: str
    seed: int
    folder: Path
    settings: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.strategy} seed {self.seed}"

    @property
    def num_epochs(self) -> int:
        return int(self.settings["trainer"]["max_epochs"])

    @property
    def num_epochs_done(self) -> int:
        """The epochs that are finished and on the disk; without a checkpoint they are lost."""
        if self.is_finished:
            return self.num_epochs
        return folder.count_epochs(self.folder) if self.can_resume else 0

    @property
    def can_resume(self) -> bool:
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
