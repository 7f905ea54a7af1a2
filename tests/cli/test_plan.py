"""`plan` on the command line: what it prints and writes, and every mistake in one sentence."""

import numpy as np
import pytest
from checks import assert_one_sentence, size_of
from simulated_runs import write_run, write_study

import cifar_lightning as cl


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """Three seeds of two strategies, 100 images."""
    return write_study(tmp_path_factory.mktemp("pilot"), {"maxpool": 0.92, "stride": 0.9}, 3, 100)


def test_a_pilot_gives_the_answer_a_table_with_hours_and_a_figure(command, pilot, tmp_path):
    outcome = command("plan", pilot, "--difference", "7")
    plan = cl.plan(pilot, difference=7)
    assert (outcome.code, outcome.err) == (0, "")
    assert " ".join(outcome.out.split()).startswith(plan.answer)
    assert "seeds of maxpool (3), stride (3)" in outcome.out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in outcome.out.splitlines() if "│" in line]
    assert [row[0] for row in rows] == [str(seeds) for seeds in sorted({3, 5, 10, 20, 40, plan.num_seeds})]
    assert rows[-1][1:4] == [str(2 * 40), f"{plan.hours(40):.1f}", f"{100 * plan.detectable(40, 100):.1f}"]
    assert size_of(pilot / "plan.png") > (800, 800)
    assert f"written to {pilot / 'plan.png'}" in outcome.out
    assert all(len(line) <= 80 for line in outcome.out.splitlines() if "written to" not in line)


def test_without_a_pilot_the_assumptions_are_printed(command, tmp_path):
    outcome = command("plan", "--difference=4", "--power=0.9", "--accuracy=0.92", "--output=out")
    printed = " ".join(outcome.out.split())
    assert printed.startswith(cl.plan(difference=4, power=0.9, accuracy=0.92).answer)
    for assumption in ("accuracy of 92 %", "--agreement", "--seed_deviation"):
        assert assumption in printed
    assert "hours" not in printed
    assert (tmp_path / "out/plan.svg").is_file()


def test_mistakes_are_one_sentence(command, pilot, tmp_path):
    assert_one_sentence(command("plan", pilot), 2, "expected the difference", "--difference 2")
    assert_one_sentence(command("plan", pilot, "--difference=2", "--power=80"), 2, "a power above 0.5", "got 80")
    assert_one_sentence(command("plan", pilot, "--difference=two"), 2, "--difference", "two")
    assert_one_sentence(command("plan", pilot, "--diference=2"), 2, "did you mean '--difference'")
    assert_one_sentence(command("plan", pilot, "--difference=2", "--agreement=0.5"), 2, "a pilot and agreement")
    (tmp_path / "empty").mkdir()
    assert_one_sentence(command("plan", "empty", "--difference=2"), 2, "expected run folders below empty")
    assert_one_sentence(command("plan", "missing", "--difference=2"), 2, "there is no missing")
    for strategy in ("a", "b"):
        write_run(tmp_path / "single" / strategy, strategy, 0, np.arange(30) % 10 != 0)
    assert_one_sentence(command("plan", "single", "--difference=2"), 2, "two seeds of every strategy", "got one of ")
    assert_one_sentence(command("plan", pilot / "maxpool", "--difference=2"), 2, "at least two strategies")
