"""One line of progress for a whole study."""

import statistics
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from cifar_lightning.study.engines import Outcome
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.training.progress import is_live


class StudyProgress:
    """Counts runs, with the time left and the best strategy so far.

    On a terminal and in a notebook one line is rewritten; elsewhere a line is printed for every run that ends.

    Args:
        runs: all runs of the study, finished ones as well.
        is_shown: whether anything is shown.
    """

    def __init__(self, runs: Sequence[PlannedRun], is_shown: bool = True) -> None:
        self._runs = runs
        self._is_shown = is_shown
        self._total = sum(run.num_epochs for run in runs)
        self._accuracies: dict[str, list[float]] = {}
        self._num_ended = 0
        for run in runs:
            if run.is_finished:
                self._count(run)
        self._done_before = self._epochs_done()
        self._start = time.monotonic()
        self._live: Live | None = None
        console = Console(highlight=False, markup=False, emoji=False)
        if is_shown and is_live(console):
            self._progress = Progress(
                TextColumn("run {task.fields[runs]}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[left]}{task.fields[best]}", markup=False),
                console=console,
                auto_refresh=False,
                expand=True,
            )
            # The bar counts epochs: a run takes minutes.
            self._task = self._progress.add_task("", total=self._total, runs="", left="", best="")
            # Rich's own thread asks how far the runs have come; this process has nothing else to do.
            self._live = Live(console=console, get_renderable=self._render, refresh_per_second=2)

    def __enter__(self) -> "StudyProgress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def ended(self, outcome: Outcome) -> None:
        """Counts a run that has ended, with or without an error."""
        run, error = outcome
        if error is None:
            self._count(run)
        else:
            self._num_ended += 1
            # Nobody waits for the rest of its epochs.
            self._total -= run.num_epochs - run.num_epochs_done
        if self._is_shown and self._live is None:
            result = f"test accuracy {self._accuracies[run.strategy][-1]:.3f}" if error is None else "failed"
            left = self._describe_left(self._epochs_done())
            print(f"[{self._num_ended}/{len(self._runs)}] {run}: {result}" + (f", {left}" if left else ""), flush=True)

    def _render(self) -> RenderableType:
        """The line, with how far the runs have come."""
        best, done = self._describe_best(), self._epochs_done()
        self._progress.update(
            self._task,
            completed=done,
            total=self._total,
            runs=f"{self._num_ended}/{len(self._runs)}",
            left=self._describe_left(done),
            best=best and f"  {best}",
        )
        return self._progress.get_renderable()

    def _count(self, run: PlannedRun) -> None:
        self._num_ended += 1
        self._accuracies.setdefault(run.strategy, []).append(run.read_scores().splits["test"].accuracy)

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

    def _describe_best(self) -> str:
        if not self._accuracies:
            return ""
        means = {name: statistics.mean(values) for name, values in self._accuracies.items()}
        name = max(means, key=means.__getitem__)
        # The line has room for this much.
        short = name if len(name) <= 24 else f"{name[:23]}…"
        return f"best: {short} {means[name]:.3f}"


def describe_duration(seconds: float) -> str:
    """`40 s`, `12 min` or `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
