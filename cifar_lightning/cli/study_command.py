"""`study`: every strategy with every seed, each fitted and tested."""

import contextlib
import io
import re
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.cli.saved_settings import find_change, read_saved_config
from cifar_lightning.cli.stopping import CTRL_C, TERMINATED
from cifar_lightning.cli.study_config import StudyConfig, plan_runs, read_study
from cifar_lightning.cli.study_progress import StudyProgress, describe_duration
from cifar_lightning.cli.tables import plain_console
from cifar_lightning.compare.wording import count
from cifar_lightning.runs import folder
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.disk import locked
from cifar_lightning.runs.logger import SPLITS
from cifar_lightning.runs.settings import SOURCE_ACCESS, flatten
from cifar_lightning.study.engines import ProcessEngine
from cifar_lightning.study.plan import PlannedRun

# Epochs to time where no run of the study is finished; the first is left out.
_TIMED_EPOCHS = 4
# What `compare` wants alike in all runs.
_ALIKE = ("data.source.", "data.classes", "data.validate_on_test", "trainer.max_epochs")


def run_study(arguments: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    for argument in rest:
        if argument.startswith("-") and not re.match(r"--(data|model|trainer)\b|-\d", argument):
            raise ValueError(parser.describe_unknown(argument))
        if argument.startswith("--trainer.logger"):
            raise ValueError(
                f"expected the study to name its runs' folders, got {argument.partition('=')[0]}; leave it out, and use"
                " --save_dir"
            )
    if options.max_epochs is not None:
        rest = [*rest, f"--trainer.max_epochs={options.max_epochs}"]
    study = read_study(options, rest)
    runs = plan_runs(study)
    _warn_of_mixtures(runs)
    if options.dry_run:
        if not options.restart:
            _refuse_changes(runs)
        _print_plan(study, runs, options.restart)
        return 0
    study.folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(study.folder, wait=False):
            if options.restart:
                _discard(runs)
            _refuse_changes(runs)
            return _execute_all(study, runs, arguments)
    except BlockingIOError as error:
        raise ValueError(
            f"expected a study that has stopped, but another process goes on with {study.folder};"
            " wait for it, or stop it"
        ) from error


def _parser() -> SentenceArguments:
    parser = SentenceArguments(
        prog="cifar-lightning study",
        description="Fits and tests every strategy with every seed, each in a run folder of its own:"
        " <save_dir>/<study>/<strategy>/seed_<S>. Finished runs are kept, half-finished ones go on.",
        epilog="Any --data.*, --model.* and --trainer.* of `fit` goes to every run.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="append", help="a study, as configs/study.yaml; several are laid over")
    parser.add_argument("--seeds", help="a number (3: seeds 0, 1, 2) or a list ([0, 5, 7])")
    parser.add_argument("--max_epochs", type=int, help="short for --trainer.max_epochs")
    parser.add_argument("--engine", help="serial: a run at a time; processes: one a core (default on the CPU)")
    parser.add_argument("--save_dir", help="where the study's folder goes (default: lightning_logs)")
    parser.add_argument("--num_threads", type=int, help="of every run (default: the cores, divided among the runs)")
    parser.add_argument(
        "--vary_split", action="store_true", help="each seed holds out validation pictures of its own (split_seed)"
    )
    parser.add_argument(
        "--restart", action="store_true", help="discard the runs of this plan that are there, and begin"
    )
    parser.add_argument("--dry_run", action="store_true", help="print the plan and an estimate of the time; do nothing")
    return parser


def _discard(runs: Sequence[PlannedRun]) -> None:
    """Removes the folders of runs, all or, if something else stands in their place, none."""
    there = [run.folder for run in runs if run.folder.is_symlink() or run.folder.exists()]
    for path in there:
        if path.is_symlink() or not path.is_dir():
            raise ValueError(f"expected a run folder to discard, but {path} is a link or a file; move it away")
    for path in there:
        shutil.rmtree(path)


def _warn_of_mixtures(runs: Sequence[PlannedRun]) -> None:
    """Says so where `compare` will not take strategies together: after hours of training it would be late."""
    values: dict[str, dict[str, Any]] = {}
    # Runs of a strategy differ in none of these.
    for strategy, settings in {run.strategy: run.settings for run in runs}.items():
        for key, value in flatten(settings).items():
            if key.startswith(_ALIKE) and key not in SOURCE_ACCESS:
                values.setdefault(key, {})[strategy] = value
    for key, of_strategy in values.items():
        (first, expected), *others = of_strategy.items()
        other, value = next(((name, value) for name, value in others if value != expected), (None, expected))
        if other is None:
            continue
        never = False
        if key == "data.classes":
            if not all(isinstance(name, str) for name in [*(value or [0]), *(expected or [0])]):
                # Numbers stand for names that the source alone knows, and null for all of them.
                continue
            never = set(value) != set(expected)
        print(
            f"the strategies {first} and {other} differ in {key}: compare does not take them together"
            + ("" if never else " without --allow_mixed"),
            file=sys.stderr,
        )


def _refuse_changes(runs: Sequence[PlannedRun]) -> None:
    """Raises a ValueError if a run is there already, with other settings, or nobody knows with which."""
    ours = ("trainer.logger", "trainer.enable_progress_bar")
    for run in runs:
        if not (run.is_finished or run.can_go_on):
            continue
        if not (run.folder / folder.CONFIG).is_file():
            raise ValueError(
                f"expected the settings of the run in {run.folder}, but its {folder.CONFIG} is gone; put it back, or"
                " move that folder away, and the run is made anew"
            )
        saved = read_saved_config(run.folder)
        change = find_change(saved, run.settings, ("data", "model", "seed_everything", "trainer"), besides=ours)
        if change is not None:
            key, old, new = change
            raise ValueError(
                f"expected {key} {old!r}, as the run in {run.folder} has it, got {new!r}; leave it as it was, name"
                " another study, or discard its runs with --restart"
            )


def _execute_all(study: StudyConfig, runs: Sequence[PlannedRun], arguments: list[str]) -> int:
    todo = [run for run in runs if not run.is_finished]
    failures: list[tuple[PlannedRun, str]] = []
    engine = ProcessEngine(study.num_workers)
    try:
        with (
            StudyProgress(runs) as progress,
            contextlib.closing(engine(todo, fit_and_test, progress.refresh)) as outcomes,
        ):
            for run, error in outcomes:
                progress.ended(run, error)
                if error is not None:
                    failures.append((run, error))
    except (KeyboardInterrupt, SystemExit) as stop:
        kept = [argument for argument in arguments if argument != "--restart"]
        print(f"stopped; go on with: cifar-lightning {shlex.join(['study', *kept])}")
        if isinstance(stop, KeyboardInterrupt):
            raise SystemExit(CTRL_C) from stop
        raise
    _print_results(study, runs)
    # The same mistake in forty runs is one sentence.
    for sentence in dict.fromkeys(error for _, error in failures):
        named = ", ".join(str(run) for run, error in failures if error == sentence)
        print(f"cifar-lightning: {named} failed: {sentence}", file=sys.stderr)
    return 1 if failures else 0


def fit_and_test(run: PlannedRun) -> str | None:
    """Makes one run with the commands `fit` and `test`, from where it stands; returns why it failed, or None."""
    return _fit(run) or _run_quietly("test", "--ckpt_path", str(run.folder), *_how_reached(run))


def _how_reached(run: PlannedRun) -> list[str]:
    """Arguments for how the data are reached, in case that this has changed since the run was begun."""
    root = run.settings["data"]["source"].get("init_args", {}).get("root")
    return [f"--data.source.root={root}"] if root is not None else []


def _fit(run: PlannedRun) -> str | None:
    try:
        with tempfile.TemporaryDirectory() as temporary:
            if run.can_go_on:
                fit = ["--config", str(run.folder / folder.CONFIG), "--ckpt_path", str(run.folder)]
            else:
                _clear_away(run.folder)
                config = Path(temporary, "config.yaml")
                config.write_text(yaml.safe_dump(run.settings, sort_keys=False))
                fit = ["--config", str(config)]
            # Also where the curves have all epochs: they may be ahead of the checkpoint.
            if error := _run_quietly("fit", *fit, *_how_reached(run)):
                return error
    except OSError as error:
        return f"{error.strerror}: {error.filename}; fix that and run the study again"
    if not run.can_go_on:
        return "no epoch was finished; raise trainer.max_steps or trainer.max_time, whichever limits it"
    return None


def _clear_away(run: Path) -> None:
    """Removes what a run leaves that is killed before its first checkpoint; other files are the user's."""
    events = "events.out.tfevents.*"
    curves = (folder.CURVES, events, *(f"{split}/{events}" for split in SPLITS))
    for pattern in (folder.CONFIG, *curves, f"{folder.CHECKPOINTS}/{folder.BEST_CHECKPOINT}"):
        for path in run.glob(pattern):
            path.unlink()


def _run_quietly(*command: str) -> str | None:
    """Runs a command line without its output; returns its error, or None."""
    # Here, since the command line imports this command.
    from cifar_lightning.cli.main import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(printed):
        code = main(command)
    if code in (CTRL_C, TERMINATED):
        raise SystemExit(code)
    if code == 0:
        return None
    sentences = [line for line in printed.getvalue().splitlines() if line.startswith("cifar-lightning: ")]
    if sentences:
        return sentences[-1].removeprefix("cifar-lightning: ")
    # The traceback that CIFAR_LIGHTNING_DEBUG=1 asks for.
    print(printed.getvalue(), file=sys.stderr)
    return f"{command[0]} ended with code {code}"


def _print_plan(study: StudyConfig, runs: Sequence[PlannedRun], restart: bool) -> None:
    console = plain_console()
    table = Table(title=f"{len(runs)} runs in {study.folder}", title_justify="left")
    for column in ("strategy", "seed", "folder", "state"):
        table.add_column(column, overflow="fold")
    for run in runs:
        state = f"{run.state}, discarded" if restart and run.folder.exists() else run.state
        table.add_row(run.strategy, str(run.seed), str(run.folder.relative_to(study.folder)), state)
    console.print(table)
    left = [(run, run.num_epochs - (0 if restart else run.num_epochs_done)) for run in runs]
    left = [(run, num_epochs) for run, num_epochs in left if restart or not run.is_finished]
    threads = runs[0].settings["num_threads"]
    console.print(
        f"engine: {study.engine}, {study.num_workers} at a time, {count(threads, 'thread')} each",
        soft_wrap=True,
    )
    console.print(f"to do: {count(len(left), 'run')}, {count(sum(num_epochs for _, num_epochs in left), 'epoch')}")
    if left:
        console.print(_estimate(study, [] if restart else runs, left), soft_wrap=True)


def _estimate(study: StudyConfig, runs: Sequence[PlannedRun], left: Sequence[tuple[PlannedRun, int]]) -> str:
    """The time that the epochs left will take, by the study's finished runs or else a few epochs of each strategy."""
    measured: dict[str, list[float]] = {}
    for run in runs:
        if run.is_finished and (seconds := run.read_result().fit_seconds) is not None:
            measured.setdefault(run.strategy, []).append(seconds / run.num_epochs)
    how = "measured: the study's finished runs"
    if not {run.strategy for run, _ in left} <= measured.keys():
        how = f"measured: {_TIMED_EPOCHS} epochs of each strategy, one at a time"
        first = {run.strategy: run for run, _ in reversed(left)}
        try:
            measured = {name: [_time_epochs(run)] for name, run in first.items()}
        except ValueError as error:
            # What it says to do, to let the data be fetched, the study itself does.
            return f"no estimate of the time: {str(error).rpartition('; ')[0] or error}"
    each = {name: statistics.median(values) for name, values in measured.items()}
    seconds = sum(each[run.strategy] * num_epochs for run, num_epochs in left)
    fitting = describe_duration(seconds / min(study.num_workers, len(left)))
    return f"about {fitting} of fitting ({how}); the start and each run's test come on top"


def _time_epochs(run: PlannedRun) -> float:
    """Seconds an epoch of a run, fitted for a few epochs in a temporary folder.

    Raises:
        ValueError: if it cannot be fitted: where the data would have to be fetched first, say.
    """
    with tempfile.TemporaryDirectory() as temporary:
        settings = yaml.safe_load(yaml.safe_dump(run.settings))
        settings["trainer"]["max_epochs"] = _TIMED_EPOCHS
        settings["trainer"]["logger"]["init_args"] |= {"save_dir": temporary, "name": "timed", "version": None}
        source = settings["data"]["source"].get("init_args", {})
        if "download" in source:
            source["download"] = False
        timed = PlannedRun(run.strategy, run.seed, Path(temporary, "timed", "version_0"), settings)
        error = _fit(timed)
        if error is not None:
            raise ValueError(error)
        ends = Curves.read(timed.folder / folder.CURVES).seconds
    # The first is slower. Where a limit of steps or of time lets a run have no other, it is all there is.
    return float((ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else ends[0])


def _print_results(study: StudyConfig, runs: Sequence[PlannedRun]) -> None:
    console = plain_console()
    table = Table()
    table.add_column("strategy")
    for column in ("runs", "test accuracy", "sd over seeds"):
        table.add_column(column, justify="right")
    for name in study.strategies:
        values = [run.read_result().accuracy for run in runs if run.strategy == name and run.is_finished]
        mean = f"{statistics.mean(values):.3f}" if values else "-"
        table.add_row(name, str(len(values)), mean, f"{statistics.stdev(values):.3f}" if len(values) > 1 else "-")
    console.print(table)
    if any(run.is_finished for run in runs):
        console.print(f"next: cifar-lightning compare {shlex.quote(str(study.folder))}", soft_wrap=True)
