"""A comparison on the terminal."""

from simulated_runs import write_study

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.terminal import print_comparison


def test_the_answer_comes_first_then_tables_claims_and_limits(tmp_path, capsys):
    comparison = compare(write_study(tmp_path, {"maxpool": 0.95, "stride": 0.7}, 3, 60))
    print_comparison(comparison)
    lines = capsys.readouterr().out.splitlines()
    text = " ".join(" ".join(lines).split())
    assert text.startswith(comparison.answer)
    parts = ["test accuracy, %", "differences, points, for new seeds and images", "what the lab says", "does not say"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert max(map(len, lines)) <= 80


def test_lower_is_better_where_it_is(tmp_path, capsys):
    print_comparison(compare(write_study(tmp_path, {"maxpool": 0.95, "stride": 0.7}, 1, 60), question="loss"))
    assert "test loss; lower is better" in capsys.readouterr().out
