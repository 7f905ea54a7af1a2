"""The headline, for every way that a comparison can end."""

import re
from dataclasses import replace

import numpy as np
import pytest
from simulated_runs import write_run

from cifar_lightning.compare.answer import describe_answer, describe_sensitivity
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Verdict


def write_nets(root, seeds=4, **num_wrong):
    """Nets by name that answer so many of 100 images wrongly, the same ones and one more or less a seed."""
    for name, count in num_wrong.items():
        for seed in range(seeds if isinstance(seeds, int) else seeds[name]):
            right = np.arange(100) >= count
            right[(37 * seed + len(name)) % 100] ^= True
            write_run(root / name / str(seed), name, seed, right)
    return root


def answer(root, question="accuracy"):
    return compare(root, question=question).answer


def test_a_winner_of_two_is_named_with_margin_interval_and_size(tmp_path):
    sentence = answer(write_nets(tmp_path, good=3, bad=30))
    assert sentence.startswith("good is better than bad: ahead by ")
    assert sentence.endswith("), with 4 seeds and 100 images.")
    numbers = re.search(r"by ([\d.]+) points \(95 % interval ([\d.]+) to ([\d.]+)\)", sentence)
    margin, low, high = map(float, numbers.groups())
    assert 0 < low < margin < high
    assert margin == pytest.approx(27, abs=1)


def test_a_winner_of_many_is_ahead_of_the_next(tmp_path):
    sentence = answer(write_nets(tmp_path, good=2, bad=30, worse=60))
    assert sentence.startswith("good is better than bad and worse: ahead of bad, the next, by ")


def test_where_less_is_better_ahead_is_still_above_zero(tmp_path):
    sentence = answer(write_nets(tmp_path, good=3, bad=30), "loss")
    assert re.match(
        r"By test loss, good is better than bad: ahead by 0\.\d+ \(95 % interval 0\.\d+ to 1\.\d+\), with",
        sentence,
    ), sentence


def test_strategies_that_do_not_differ_from_the_first_are_named(tmp_path):
    sentence = answer(write_nets(tmp_path, first=5, second=6, bad=60))
    assert sentence.startswith("first is better than bad, ahead of it by 5")
    assert "but no difference from second is shown, with 4 seeds" in sentence


def test_no_difference_between_two(tmp_path):
    sentence = answer(write_nets(tmp_path, first=5, second=6))
    assert sentence.startswith("No difference between first and second is shown: first is ahead by ")


def test_no_difference_between_many(tmp_path):
    sentence = answer(write_nets(tmp_path, first=5, second=6, last=7))
    assert sentence.startswith(
        "No difference between the 3 strategies is shown: the first, first, is ahead of the last, last, by "
    )


def test_an_interval_without_zero_of_which_nothing_is_shown_is_explained_by_the_number_of_pairs(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6, last=7))
    pairs = [
        replace(pair, ci95=(0.012, 0.058), p=0.027, p_holm=0.081) if {pair.a, pair.b} == {"first", "last"} else pair
        for pair in comparison.pairs
    ]
    said = ", not enough among 3 pairs (Holm's p 0.081), with 4 seeds and 100 images."
    assert said in describe_answer(replace(comparison, pairs=pairs))
    assert "not enough" not in comparison.answer


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_nets_that_answer_alike_are_not_ahead_of_each_other(tmp_path, names, seeds):
    # Names of one length make nets of equal answers.
    sentence = answer(write_nets(tmp_path, seeds=seeds, **dict.fromkeys(names, 5)))
    assert "ahead" not in sentence
    second = names[-1] if seeds > 1 else "b"
    assert f" has the same mean as {second} (95 % interval of the difference " in sentence


def test_one_seed_each_is_too_few_and_says_what_is_not_in_it(tmp_path):
    sentence = answer(write_nets(tmp_path, seeds=1, good=3, bad=40))
    assert sentence.startswith(
        "Too few runs to say which is better, at least 3 seeds per strategy are needed: good is ahead by 3"
    )
    assert ", seed noise left out), with" in sentence
    assert sentence.endswith("with 1 seed and 100 images.")


def test_strategies_with_enough_seeds_are_judged_beside_one_with_too_few(tmp_path):
    sentence = answer(write_nets(tmp_path, seeds={"one": 1, "good": 4, "bad": 4}, one=1, good=4, bad=50))
    assert re.match(
        r"good is better than bad, ahead by \S+ points \(.*\); one, which comes first, is ahead of good by \S+ points"
        r" \(95 % interval .*\), but there are too few runs to say so of ",
        sentence,
    ), sentence


def test_what_would_be_missed_is_said_by_pair(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=9, third=12))
    sentence = describe_sensitivity(comparison)
    pattern = (
        r"With 4 seeds x 100 images a difference below [\d.]+ to [\d.]+ points \(by pair\) would probably be missed"
    )
    assert re.match(pattern, sentence), sentence
    assert sentence == comparison.sensitivity
    low, high = (100 * edge(pair.power.missed_below for pair in comparison.pairs) for edge in (min, max))
    assert f"below {low:.1f} to {high:.1f} points" in sentence


def test_what_would_be_missed_is_said_of_the_strategies_that_have_a_verdict(tmp_path):
    runs = [write_nets(tmp_path / "many", seeds=4, first=5, second=9), write_nets(tmp_path / "one", seeds=1, third=12)]
    assert compare(runs).sensitivity.startswith("With 4 seeds x 100 images a difference below ")


def test_without_power_nothing_is_said(tmp_path):
    assert compare(write_nets(tmp_path, seeds=1, first=5, second=9)).sensitivity == ""


def test_the_answer_is_made_from_verdicts_alone(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6))
    judged = [replace(pair, verdict=Verdict.BETTER, winner="second") for pair in comparison.pairs]
    assert describe_answer(replace(comparison, pairs=judged)).startswith("second is better than first, ahead by ")
