"""Tables on the terminal, with values worked out by hand."""

import numpy as np
import pytest
from simulated_runs import write_run

from cifar_lightning.cli.tables import print_fit_summary, print_scores
from cifar_lightning.printing import count, plain_console
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.scores import Scores


@pytest.mark.parametrize(("number", "said"), [(0, "0 seeds"), (1, "1 seed"), (20_000, "20,000 seeds")])
def test_nouns_follow_their_number(number, said):
    assert count(number, "seed") == said


def test_a_name_is_printed_as_it_is(capsys):
    plain_console().print("[red]net[/red] :smile:")
    assert capsys.readouterr().out == "[red]net[/red] :smile:\n"


def test_scores_are_printed_per_class_with_their_intervals(tmp_path, capsys):
    # Of two images per class, one of the first class is wrong.
    run = write_run(tmp_path, "maxpool", 4, [True, False, True, True, True, True], facts={"protocol": "lab"})
    print_scores(Scores.read(run / "scores.json"), run)
    out = capsys.readouterr().out
    assert out.startswith("maxpool, seed 4, last.ckpt of epoch 5, lab protocol")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert ["apple", "1.000", "0.500", "0.095-0.905", "0.667", "2"] in rows
    assert ["accuracy", "", "0.833", "0.436-0.970", "", "6"] in rows
    assert out.splitlines()[-1] == f"written to {run}"


def test_the_end_of_a_fit_names_the_folder_the_scores_and_what_is_next(tmp_path, capsys):
    half = np.array([0.5])
    curves = Curves(np.array([1]), half, half, half, half, half)
    scores = {"train/loss": 0.25, "train/accuracy": 1.0, "val/loss": 0.5, "val/accuracy": 0.75}
    print_fit_summary(tmp_path / "my run", None, scores, curves, lab_protocol=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"run folder: {tmp_path / 'my run'}",
        "train: loss 0.2500, accuracy 1.0000 (mean over the epoch, as it learnt)",
        "validation: loss 0.5000, accuracy 0.7500",
    ]
    assert lines[-1] == f"next: cifar-lightning test --ckpt_path '{tmp_path / 'my run'}'"
    print_fit_summary(None, "trainer.logger is false", {}, None, lab_protocol=False)
    assert capsys.readouterr().out == "no run folder was kept, since trainer.logger is false\n"
