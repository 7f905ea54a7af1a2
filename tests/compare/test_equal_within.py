"""Strategies that are equal within a margin: verdict, p, words and refusals."""

import json

import numpy as np
import pytest
from scipy import stats
from simulated_runs import write_run, write_study
from statsmodels.stats.weightstats import DescrStatsW

from cifar_lightning.compare.analysis import analyse, find_equal_p, find_unseen_interval
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Verdict
from cifar_lightning.compare.page import write_page
from cifar_lightning.compare.terminal import print_comparison
from cifar_lightning.compare.wording import word_verdict


def write_nets(root, **num_wrong):
    """Nets by name, four seeds each, that answer so many of 400 images wrongly, another one each seed."""
    for name, count in num_wrong.items():
        for seed in range(4):
            right = np.arange(400) >= count
            right[(97 * seed + len(name)) % 400] ^= True
            write_run(root / name / str(seed), name, seed, right)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_nets(tmp_path_factory.mktemp("nets"), one=20, other=21, behind=27, worse=100)


def verdicts(comparison):
    return {frozenset((pair.a, pair.b)): word_verdict(pair, comparison.question) for pair in comparison.pairs}


def test_p_is_that_of_two_one_sided_tests_doubled():
    differences = np.random.default_rng(0).normal(0.01, 0.1, 60)
    differences = np.concatenate([differences, 2 * differences.mean() - differences])
    contrast = analyse([differences[None], np.zeros((1, 120))])
    by_statsmodels = DescrStatsW(differences).ttost_mean(-0.03, 0.03)[0]
    assert find_equal_p(contrast, 0.03, 1.0) == pytest.approx(2 * by_statsmodels)
    assert find_equal_p(contrast, abs(contrast.value) / 2, 1.0) == 1
    # Below 5 % exactly where Student's interval is within the margin.
    end = stats.ttest_1samp(differences, 0).confidence_interval().high
    assert find_equal_p(contrast, end, 1.0) == pytest.approx(0.05)


def test_nets_that_answer_alike_are_equal_as_far_as_so_many_images_can_tell():
    alike = analyse([np.ones((1, 200)), np.ones((1, 200))])
    unseen = find_unseen_interval(0.0, 200)[1]
    assert find_equal_p(alike, unseen, 1.0) == pytest.approx(0.05)
    assert find_equal_p(alike, 2 * unseen, 1.0) < 0.05
    assert find_equal_p(alike, 1.5, 1.0) == 0


def test_without_a_margin_no_two_are_called_equal(root):
    comparison = compare(root)
    assert {pair.verdict for pair in comparison.pairs} == {Verdict.BETTER, Verdict.NO_DIFFERENCE}
    assert {pair.p_equal for pair in comparison.pairs} == {None}
    assert "points or more</th>" not in page_of(comparison, root)


def page_of(comparison, folder):
    write_page(comparison, folder, [])
    return (folder / "comparison.html").read_text().replace("\N{NO-BREAK SPACE}", " ")


def test_equal_better_and_both_together(root):
    comparison = compare(root, equal_within=5)
    found = verdicts(comparison)
    assert found[frozenset({"one", "other"})] == "equal within 5 points"
    assert found[frozenset({"one", "behind"})] == "one is better, but by less than 5 points"
    assert found[frozenset({"one", "worse"})] == "one is better"
    for pair in comparison.pairs:
        if pair.verdict in (Verdict.EQUAL, Verdict.SLIGHTLY_BETTER):
            assert pair.differs_by_at_most < 0.05
            assert pair.p_equal < 0.05
    assert comparison.answer == (
        "one beats worse; one beats behind, but by less than 5 points; one and other are equal within 5 points."
    )


def test_an_interval_within_the_margin_is_not_enough_among_many_pairs(tmp_path):
    write_study(tmp_path, dict.fromkeys("abcd", 0.9), 3)
    margin = min(pair.differs_by_at_most for pair in compare(tmp_path).pairs) + 1e-6
    closest = min(compare(tmp_path, equal_within=100 * margin).pairs, key=lambda pair: pair.differs_by_at_most)
    assert closest.differs_by_at_most < margin
    assert closest.p_equal > 0.05
    assert closest.verdict is Verdict.NO_DIFFERENCE


def test_page_terminal_and_files_say_it(root, tmp_path, capsys):
    comparison = compare(root, equal_within=5)
    comparison.write(tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["equal_within"] == 5
    assert [pair["verdict"] for pair in content["pairs"]] == [
        word_verdict(pair, comparison.question) for pair in comparison.pairs
    ]
    assert [pair["p_equal"] for pair in content["pairs"]] == [pair.p_equal for pair in comparison.pairs]
    text = page_of(comparison, tmp_path)
    assert "p of 5 points or more</th>" in text
    assert "“Equal within 5 points”" in text
    assert "--equal_within 5</code>" in text
    print_comparison(comparison)
    printed = capsys.readouterr().out
    assert "by less than 5" in " ".join(printed.replace("│", " ").split())
    assert f"at most {100 * comparison.pairs[0].differs_by_at_most:.1f}" in printed


def test_the_margin_of_a_loss_is_in_its_own_unit(root):
    comparison = compare(root, question="loss", equal_within=0.5)
    assert "equal within 0.5" in verdicts(comparison).values()


@pytest.mark.parametrize("margin", [0, -1, float("nan")])
def test_a_margin_that_is_none_is_refused(root, margin):
    with pytest.raises(ValueError, match="above 0 for equal_within"):
        compare(root, equal_within=margin)
