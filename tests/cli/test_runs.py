"""`runs`: the table and the CSV of the runs below a path."""

import csv

import numpy as np
import pytest
from checks import assert_one_sentence
from simulated_runs import write_run

RIGHT = np.arange(100) >= 10


@pytest.fixture
def root(tmp_path):
    """Three runs: two tested, and one that stopped after 5 of 9 epochs."""
    root = tmp_path / "lightning_logs"
    write_run(root / "maxpool/seed_0", "maxpool", 0, RIGHT)
    write_run(root / "stride/seed_1", "stride", 1, RIGHT[::-1][:50])
    stopped = write_run(root / "maxpool/seed_2", "maxpool", 2, RIGHT, settings={"trainer.max_epochs": 9})
    (stopped / "scores.json").unlink()
    return root


def test_every_run_is_one_line_of_the_table(command, root):
    outcome = command("runs")
    header, *lines = outcome.out.splitlines()
    assert header.split() == ["folder", "strategy", "seed", "epochs", "accuracy", "(95", "%)", "when", "state"]
    cells = [line.split() for line in lines]
    # Wilson's interval of 90/100, by statsmodels.
    assert cells[0][:6] == ["maxpool/seed_0", "maxpool", "0", "5", "0.900", "(0.826-0.945)"]
    assert cells[1][:7] == ["maxpool/seed_2", "maxpool", "2", "5", "of", "9", "-"]
    assert [line[-1] for line in cells] == ["finished", "unfinished", "finished"]


def test_runs_are_sorted_and_filtered(command, root):
    def folders(*options):
        return [line.split()[0] for line in command("runs", root, *options).out.splitlines()[1:]]

    assert folders("--sort=accuracy") == ["stride/seed_1", "maxpool/seed_0", "maxpool/seed_2"]
    assert folders("--sort=seed") == ["maxpool/seed_0", "stride/seed_1", "maxpool/seed_2"]
    assert folders("--strategy=stride,avgpool") == ["stride/seed_1"]
    assert folders("--state=unfinished") == ["maxpool/seed_2"]
    assert folders("--state=finished", "--strategy=maxpool") == ["maxpool/seed_0"]
    assert folders("--state=fitted") == []


def test_csv_has_the_numbers_in_full(command, root):
    outcome = command("runs", "--format=csv", "--strategy=maxpool")
    first, second = csv.DictReader(outcome.out.splitlines())
    assert (first["folder"], float(first["accuracy"])) == ("lightning_logs/maxpool/seed_0", RIGHT.mean())
    assert float(first["accuracy_ci95_low"]) == pytest.approx(0.825634, abs=1e-6)
    assert (second["epochs"], second["max_epochs"], second["accuracy"], second["state"]) == ("5", "9", "", "unfinished")


def test_a_path_without_runs_is_refused(command, tmp_path):
    assert_one_sentence(command("runs", tmp_path), 2, "expected run folders below", "there is none")
    assert_one_sentence(command("runs", "--sort=loss"), 2, "invalid choice: 'loss'", "accuracy")
