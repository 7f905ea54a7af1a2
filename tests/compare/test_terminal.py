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


def test_sentences_end_between_words_on_a_terminal_and_are_whole_in_a_pipe(tmp_path, capsys, monkeypatch):
    comparison = compare(write_study(tmp_path, {"maxpool": 0.95, "stride": 0.7}, 3, 60))
    sentences = [comparison.numbers, comparison.sensitivity, *(claim.evidence for claim in comparison.claims)]
    print_comparison(comparison)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert set(sentences) <= set(lines)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    print_comparison(comparison)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(sentence in " ".join(" ".join(lines).split()) for sentence in sentences)


def test_lower_is_better_where_it_is(tmp_path, capsys):
    print_comparison(compare(write_study(tmp_path, {"maxpool": 0.95, "stride": 0.7}, 1, 60), question="loss"))
    assert "test loss; lower is better" in capsys.readouterr().out
