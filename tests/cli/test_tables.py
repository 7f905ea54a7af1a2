"""Tables on the terminal, with values worked out by hand."""

import pytest
from simulated_runs import write_run

from cifar_lightning.cli.tables import print_scores
from cifar_lightning.printing import count, plain_console
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
