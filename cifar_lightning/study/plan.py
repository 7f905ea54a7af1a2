"""What a study is to do: one planned run for each strategy and seed, and how far each has come."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cifar_lightning.runs import folder
from cifar_lightning.runs.scores import Scores


class Result(NamedTuple):
    """Test accuracy, 0..1, of a finished run, and the seconds of its fit; None where they are not known."""

    accuracy: float
    fit_seconds: float | None


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes:
        strategy: its name.
        seed: of the training.
        folder: where it goes: `<save_dir>/<study>/<strategy>/seed_<S>`.
        settings: complete, as for `fit`.
    """

    strategy: str
    seed: int
    folder: Path
    settings: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.strategy} seed {self.seed}"

    @property
    def num_epochs(self) -> int:
        """Epochs that the run is to have."""
        return int(self.settings["trainer"]["max_epochs"])

    @property
    def num_epochs_done(self) -> int:
        """Epochs that are finished and on the disk."""
        if self.is_finished:
            return self.num_epochs
        # Without a checkpoint they are lost.
        return folder.count_epochs(self.folder) if self.can_go_on else 0

    @property
    def can_go_on(self) -> bool:
        """Whether there is a checkpoint to go on from."""
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
        return f"at epoch {self.num_epochs_done}" if self.can_go_on else "new"

    def read_result(self) -> Result:
        """Of a finished run, from its `scores.json`.

        Raises:
            ValueError: if it is damaged.
        """
        scores = Scores.read(self.folder / folder.SCORES)
        return Result(scores.splits["test"].accuracy, scores.run.fit_seconds)
