"""What a list of runs says about each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cifar_lightning.runs.folder import CONFIG, CURVES, SCORES, count_epochs
from cifar_lightning.runs.run import Run, find_runs


@dataclass(frozen=True)
class ListedRun:
    """One line of the list.

    Attributes:
        strategy, seed: as in `RunFacts`; None where they cannot be read.
        epochs: the number of epochs that are finished and on the disk.
        max_epochs: the number of epochs that the run is to have; None without a limit.
        accuracy, accuracy_ci95: the test accuracy, 0..1, and its interval; None before the run is tested.
        when: when the run was last written to.
        state: `finished` (fitted and tested), `fitted, not tested`, `unfinished` or `unreadable`. A run that a callback
            has stopped early is unfinished until it is tested.
    """

    folder: Path
    strategy: str | None
    seed: int | None
    epochs: int
    max_epochs: int | None
    accuracy: float | None
    accuracy_ci95: list[float] | None
    when: datetime
    state: str


def list_runs(paths: Iterable[str | Path]) -> list[ListedRun]:
    """Every run below `paths`, tested or not, in the order of their folders.

    Raises ValueError if a path is not a folder, or there is no run.
    """
    return [_list_run(run) for run in find_runs(paths)]


def _list_run(run: Run) -> ListedRun:
    when = datetime.fromtimestamp(
        max((run.folder / name).stat().st_mtime for name in (CONFIG, CURVES, SCORES) if run.has(name))
    )
    epochs = count_epochs(run.folder)
    try:
        if run.is_tested:
            facts, test = run.facts, run.scores["splits"]["test"]
            about = run.folder, facts.strategy, facts.seed, facts.epoch, facts.epochs
            return ListedRun(*about, test["accuracy"], test["accuracy_ci95"], when, "finished")
        trainer = run.settings["trainer"]
        # The logger of the run folder comes first.
        logger = trainer["logger"][0] if isinstance(trainer["logger"], list) else trainer["logger"]
        limit = trainer["max_epochs"] if (trainer["max_epochs"] or -1) > 0 else None
        state = "fitted, not tested" if limit and epochs >= limit else "unfinished"
        name, seed = logger["init_args"]["name"], run.settings["seed_everything"]
        return ListedRun(run.folder, name, seed, epochs, limit, None, None, when, state)
    except (ValueError, LookupError, TypeError):
        # Of another version, or damaged.
        return ListedRun(run.folder, None, None, epochs, None, None, None, when, "unreadable")
