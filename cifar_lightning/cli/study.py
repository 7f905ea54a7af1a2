"""`study`: fits and tests every strategy with every seed, each in a run folder of its own."""

import shlex
import statistics
import sys
from collections.abc import Sequence

from rich.table import Column, Table

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.cli.errors import CTRL_C, describe_failure
from cifar_lightning.cli.help import HELP
from cifar_lightning.cli.tables import numbers
from cifar_lightning.printing import count, plain_console, print_prose
from cifar_lightning.runs.run import load_run
from cifar_lightning.study.engines import Outcome
from cifar_lightning.study.estimating import TIMED_EPOCHS, estimate
from cifar_lightning.study.executing import execute, refuse_other_runs
from cifar_lightning.study.job_array import write_slurm_script
from cifar_lightning.study.plan import plan_runs
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_progress import describe_duration
from cifar_lightning.study.study_settings import StudySettings, make_parser, read_study
from cifar_lightning.training.quiet import quiet_framework

# Of engines whose number of parallel runs is not known here.
_AT_A_TIME = {"stacked": "all seeds of a strategy at a time", "ray": "as many runs at a time as Ray has cores for"}


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning study", add_help=False, allow_abbrev=False)
    parser.add_argument("--job_array", choices=["slurm"])
    # The others are also those of each job.
    options, arguments = parser.parse_known_args(arguments)
    parser.add_argument("--config", action="append", default=[])
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--dry_run", action="store_true")
    options, settings = parser.parse_known_args(arguments, options)
    if {"-h", "--help"} & set(settings):
        print(HELP["study"], make_parser().format_help(), sep="\n")
        return 0
    if not options.config:
        raise ValueError("expected a study; add --config study, or a YAML file with strategies")
    with quiet_framework():
        what, to_runs = read_study(options.config, settings)
        runs = plan_runs(what, to_runs)
        if options.job_array:
            print(write_slurm_script(what, len(runs), arguments), end="")
            return 0
        if options.dry_run:
            if not options.restart:
                refuse_other_runs(runs)
            _print_plan(what, runs, options.restart)
            return 0
        print_prose(plain_console(), _describe_engine(what, runs))
        outcomes = _execute(what, runs, options.restart, arguments)
    _print_results(what, runs)
    # The same mistake in forty runs is one sentence.
    failed: dict[str, list[str]] = {}
    for run, error in outcomes:
        if error is not None:
            failed.setdefault(describe_failure(error), []).append(str(run))
    for sentence, names in failed.items():
        print(f"cifar-lightning: {', '.join(names)} failed: {sentence}", file=sys.stderr)
    return 1 if failed else 0


def _execute(what: StudySettings, runs: Sequence[PlannedRun], restart: bool, arguments: list[str]) -> list[Outcome]:
    try:
        return list(execute(what, runs, restart))
    except (KeyboardInterrupt, SystemExit) as stop:
        kept = [argument for argument in arguments if argument != "--restart"]
        print(f"stopped; resume with: cifar-lightning {shlex.join(['study', *kept])}")
        if isinstance(stop, KeyboardInterrupt):
            raise SystemExit(CTRL_C) from stop
        raise


def _print_plan(what: StudySettings, runs: Sequence[PlannedRun], restart: bool) -> None:
    console = plain_console()
    console.print(f"{count(len(runs), 'run')} in {what.folder}", soft_wrap=True)
    table = Table(*(Column(header, overflow="fold") for header in ("strategy", "seed", "folder", "state")))
    for run in runs:
        state = f"{run.state}, discarded" if restart and run.folder.exists() else run.state
        table.add_row(run.strategy, str(run.seed), str(run.folder.relative_to(what.folder)), state)
    console.print(table)
    left = [run for run in runs if restart or not run.is_finished]
    num_epochs = sum(run.num_epochs - (0 if restart else run.num_epochs_done) for run in left)
    print_prose(console, _describe_engine(what, runs))
    console.print(f"to do: {count(len(left), 'run')}, {count(num_epochs, 'epoch')}")
    if left:
        print_prose(console, _describe_estimate(what, runs, restart))


def _describe_engine(what: StudySettings, runs: Sequence[PlannedRun]) -> str:
    threads = count(runs[0].settings["num_threads"], "thread") if runs else "nothing"
    why = f"; chosen for {what.chosen_for}, --engine names another" if what.chosen_for else ""
    at_a_time = _AT_A_TIME.get(str(what.engine), f"{count(what.num_workers, 'run')} at a time")
    return f"engine: {what.engine}, {at_a_time}, {threads} each{why}"


def _describe_estimate(what: StudySettings, runs: Sequence[PlannedRun], restart: bool) -> str:
    # How many runs a cluster takes at a time is not known here.
    num_workers, fitting = what.num_workers, "fitting"
    if what.engine == "ray":
        num_workers, fitting = 1, "fitting, one run after another"
    try:
        seconds, is_from_runs = estimate(runs, num_workers, restart)
    except (ValueError, RuntimeError) as error:
        # Without its advice, to let the data be fetched: the study does that.
        return f"no estimate of the time: {str(error).rpartition('; ')[0] or error}"
    how = "the study's finished runs" if is_from_runs else f"{TIMED_EPOCHS} epochs of each strategy"
    duration = describe_duration(seconds)
    return f"about {duration} of {fitting} (measured: {how}); the start and each run's test come on top"


def _print_results(what: StudySettings, runs: Sequence[PlannedRun]) -> None:
    console = plain_console()
    table = Table("strategy", *numbers("runs", "test accuracy", "sd over seeds"))
    for name in what.strategies:
        finished = [run for run in runs if run.strategy == name and run.is_finished]
        values = [load_run(run.folder).scores["splits"]["test"]["accuracy"] for run in finished]
        mean = f"{statistics.mean(values):.3f}" if values else "-"
        deviation = f"{statistics.stdev(values):.3f}" if len(values) > 1 else "-"
        table.add_row(name, str(len(values)), mean, deviation)
    console.print(table)
    if any(run.is_finished for run in runs):
        # Runs of one seed then share their training images.
        paired = " --paired_seeds" if what.vary_split else ""
        console.print(f"next: cifar-lightning compare {shlex.quote(str(what.folder))}{paired}", soft_wrap=True)
