"""The line of progress of a study."""

import re
import sys

import pytest
from simulated_runs import write_run

from cifar_lightning.study.engines import Outcome
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_progress import StudyProgress, describe_duration


@pytest.fixture
def runs(tmp_path):
    """Three runs, of which the first is finished."""
    runs = [PlannedRun("maxpool", seed, tmp_path / str(seed), {"trainer": {"max_epochs": 5}}) for seed in range(3)]
    write_run(runs[0].folder, "maxpool", 0, [True])
    return runs


def end_the_others(runs):
    with StudyProgress(runs) as progress:
        write_run(runs[1].folder, "maxpool", 1, [True, False, True, True])
        progress.ended(Outcome(runs[1], None))
        progress.ended(Outcome(runs[2], ValueError("no")))


def test_a_log_gets_a_line_for_every_run_that_ends(runs, capsys):
    end_the_others(runs)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("[2/3] maxpool seed 1: test accuracy 0.750, ")
    assert first.endswith(" left")
    assert last == "[3/3] maxpool seed 2: failed"


def test_a_terminal_gets_one_line_that_fits(runs, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    end_the_others(runs)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().out)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.startswith("run ")]
    assert all(len(line) <= 80 for line in lines)
    assert re.fullmatch("run 3/3 ━+ *", lines[-1])


def test_nothing_is_shown_where_nothing_was_asked_for(runs, capsys):
    with StudyProgress(runs, is_shown=False) as progress:
        progress.ended(Outcome(runs[2], ValueError("no")))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_a_duration_is_as_long_as_it_needs_to_be(seconds, said):
    assert describe_duration(seconds) == said
