"""One line of progress for a whole study."""

import time
from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TextColumn

from cifar_lightning.printing import plain_console
from cifar_lightning.runs.run import load_run
from cifar_lightning.study.engines import Outcome
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.training.progress import is_live


class StudyProgress(Progress):
    """Counts the runs of a study, finished ones as well, with the time left.

    On a terminal and in a notebook one line is rewritten; elsewhere a line is printed for every run that ends.
    """

    def __init__(self, runs: Sequence[PlannedRun], is_shown: bool = True) -> None:
        self._runs = runs
        self._total = sum(run.num_epochs for run in runs)
        self._num_ended = sum(run.is_finished for run in runs)
        self._done_before = self._epochs_done()
        self._start = time.monotonic()
        console = plain_console()
        is_rewritten = is_shown and is_live(console)
        self._prints_lines = is_shown and not is_rewritten
        columns = TextColumn("run {task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[left]}")
        super().__init__(*columns, console=console, refresh_per_second=2, expand=True, disable=not is_rewritten)
        # The bar counts epochs: a run takes minutes.
        self.add_task("", left="")

    def ended(self, outcome: Outcome) -> None:
        """Counts a run that has ended, with or without an error."""
        run, error = outcome
        self._num_ended += 1
        if error is not None:
            # Nobody waits for the rest of its epochs.
            self._total -= run.num_epochs - run.num_epochs_done
        if self._prints_lines:
            result = (
                "failed" if error else f"test accuracy {load_run(run.folder).scores['splits']['test']['accuracy']:.3f}"
            )
            left = self._describe_left(self._epochs_done())
            print(f"[{self._num_ended}/{len(self._runs)}] {run}: {result}" + (f", {left}" if left else ""), flush=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        # Rich's own thread asks how far the runs have come, and asks once before there is a task.
        done, count = self._epochs_done(), f"{self._num_ended}/{len(self._runs)}"
        for task in self.task_ids:
            self.update(task, completed=done, total=self._total, description=count, left=self._describe_left(done))
        return super().get_renderables()

    def stop(self) -> None:
        # Rich below 14.2 ends with an empty line even if it has shown nothing.
        if not self.disable:
            super().stop()

    def _epochs_done(self) -> int:
        return sum(min(run.num_epochs_done, run.num_epochs) for run in self._runs)

    def _describe_left(self, done: int) -> str:
        if self._num_ended == len(self._runs):
            return ""
        if done >= self._total:
            return "tests left"
        if done == self._done_before:
            return ""
        pace = (time.monotonic() - self._start) / (done - self._done_before)
        return f"{describe_duration(max(1, pace * (self._total - done)))} left"


def describe_duration(seconds: float) -> str:
    """`40 s`, `12 min` or `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
