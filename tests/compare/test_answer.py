"""The headline, for every way that a comparison can end."""

import re
from dataclasses import replace

import numpy as np
import pytest
from simulated_runs import write_run

from cifar_lightning.compare.answer import describe_answer, describe_sensitivity
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Verdict
from cifar_lightning.compare.wording import word_verdict


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


def test_a_winner_is_named_without_numbers_and_the_numbers_follow(tmp_path):
    comparison = compare(write_nets(tmp_path, good=3, bad=30))
    assert comparison.answer == "good beats bad."
    said = (
        r"With 4 seeds and 100 images, good is ahead of bad by ([\d.]+) points \(95 % interval ([\d.]+) to ([\d.]+)\)\."
    )
    found = re.fullmatch(said, comparison.numbers)
    margin, low, high = map(float, found.groups())
    assert 0 < low < margin < high
    assert margin == pytest.approx(27, abs=1)


def test_a_winner_of_many_has_its_lead_over_each(tmp_path):
    comparison = compare(write_nets(tmp_path, good=2, bad=30, worse=60))
    assert comparison.answer == "good beats bad and worse."
    assert re.search(
        r"good is ahead of bad by \S+ points \(95 % interval .*\) and ahead of worse by \S+ points \(\S+ to \S+\)\.",
        comparison.numbers,
    )


def test_where_less_is_better_ahead_is_still_above_zero(tmp_path):
    comparison = compare(write_nets(tmp_path, good=3, bad=30), question="loss")
    assert comparison.answer == "By test loss, good beats bad."
    assert re.search(r"good is ahead of bad by 0\.\d+ \(95 % interval 0\.\d+ to 0\.\d+\)", comparison.numbers), (
        comparison.numbers
    )


def test_a_smaller_gap_is_not_called_better(tmp_path):
    comparison = compare(write_nets(tmp_path, good=3, bad=30), question="gap")
    assert comparison.answer == "By train minus test accuracy, good has a smaller gap than bad."
    assert word_verdict(comparison.pairs[0], comparison.question) == "good has the smaller gap"
    assert "Every training accuracy is 100 %, so the gap says no more than the test accuracy." in comparison.numbers
    assert "good is below bad by 2" in comparison.numbers


def judge_pairs(comparison, *won):
    """The same comparison, where these and no other pairs have a winner: `first>bad`."""
    winners = [name.split(">") for name in won]
    pairs = [
        replace(pair, verdict=Verdict.BETTER, winner=found[0])
        if (found := next((names for names in winners if set(names) == {pair.a, pair.b}), None))
        else replace(pair, verdict=Verdict.NO_DIFFERENCE, winner=None)
        for pair in comparison.pairs
    ]
    return replace(comparison, pairs=pairs).answer


def test_undecided_is_who_neither_beats_nor_is_beaten_and_every_other_win_is_named(tmp_path):
    comparison = compare(write_nets(tmp_path, maxpool=5, avgpool=6, baseline=7, stride=8))
    said = "maxpool beats baseline and stride; avgpool undecided."
    assert judge_pairs(comparison, "maxpool>baseline", "maxpool>stride") == said
    said = "maxpool beats stride; avgpool beats stride; maxpool against avgpool undecided; baseline undecided."
    assert judge_pairs(comparison, "maxpool>stride", "avgpool>stride") == said
    said = "avgpool beats stride; maxpool and baseline undecided."
    assert judge_pairs(comparison, "avgpool>stride") == said
    # Where the first beats all others, nobody is called undecided.
    every = ["maxpool>avgpool", "maxpool>baseline", "maxpool>stride", "avgpool>stride"]
    assert judge_pairs(comparison, *every) == "maxpool beats avgpool, baseline and stride."


def test_numbers_follow_for_every_win_of_the_headline(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6, bad=60))
    assert comparison.answer == "first beats bad; second beats bad; first against second undecided."
    assert re.search(r"first is .* and ahead of bad by 5\d.*; second is ahead of bad by 5\d", comparison.numbers)


def test_the_wins_of_many_are_counted(tmp_path):
    names = {f"net_{place}": 5 for place in range(8)}
    said = answer(write_nets(tmp_path, seeds=3, **names, bad=90))
    assert re.match(r"net_\d beats bad(; net_\d beats bad){5}; 2 more are ahead of others; net_\d against ", said), said


def test_no_difference_between_two(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6))
    assert comparison.answer == "No difference shown between first and second."
    assert comparison.numbers.startswith("With 4 seeds and 100 images, first is ahead of second by ")


def test_no_difference_between_many(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6, last=7))
    assert comparison.answer == "No difference shown between first, second and last."
    assert "first is ahead of second by " in comparison.numbers


def test_names_that_nobody_would_read_are_counted(tmp_path):
    names = {f"net_{place}": 5 + place for place in range(7)}
    assert answer(write_nets(tmp_path, seeds=3, **names)) == "No difference shown between 7 strategies."
    assert answer(write_nets(tmp_path, seeds=3, **names, good=0)).startswith("good beats ")


def test_an_interval_without_zero_of_which_nothing_is_shown_is_explained_by_the_number_of_pairs(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6, last=7))
    pairs = [
        replace(pair, ci95=(0.012, 0.058), p=0.027, p_adjusted=0.081) if {pair.a, pair.b} == {"first", "last"} else pair
        for pair in comparison.pairs
    ]
    said = "(1.2 to 5.8, not enough among 3 pairs: adjusted p 0.081)."
    assert said in replace(comparison, pairs=pairs).numbers
    assert "not enough" not in comparison.numbers


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_nets_that_answer_alike_are_not_ahead_of_each_other(tmp_path, names, seeds):
    # Names of one length make nets of equal answers.
    sentence = compare(write_nets(tmp_path, seeds=seeds, **dict.fromkeys(names, 5))).numbers
    assert "ahead" not in sentence
    assert "a is level with b (95 % interval " in sentence


def test_one_seed_each_is_too_few_and_says_what_is_not_in_it(tmp_path):
    comparison = compare(write_nets(tmp_path, seeds=1, good=3, bad=40))
    assert comparison.answer == "Too few runs to say which is better."
    assert comparison.numbers.startswith("With 1 seed and 100 images, good is ahead of bad by 3")
    assert comparison.numbers.endswith(", seed noise left out). At least 3 seeds per strategy are needed.")


def test_strategies_with_enough_seeds_are_judged_beside_one_with_too_few(tmp_path):
    comparison = compare(write_nets(tmp_path, seeds={"one": 1, "good": 4, "bad": 4}, one=1, good=4, bad=50))
    assert comparison.answer == "good beats bad; too few runs of one."
    assert "With 1 to 4 seeds and 100 images, good is ahead of bad by " in comparison.numbers


def test_few_images_that_tell_nets_apart_are_counted(tmp_path):
    for seed in range(3):
        for name, wrong in (
            ("one", [2, 3]),
            ("two", [2, 3, 4, 5 + seed]),
            ("bad", range(20, 60)),
            ("like_one", [2, 3]),
        ):
            write_run(tmp_path / name / str(seed), name, seed, ~np.isin(np.arange(100), list(wrong)))
    said = compare(tmp_path).numbers
    # Image 4, and one that differs from seed to seed.
    assert "Few of the 100 images tell nets apart (" in said
    assert "one and two on 4" in said
    assert re.search("(one and like_one|like_one and one) on none", said)
    assert "bad on" not in said
    assert "and bad" not in said


@pytest.mark.parametrize(
    ("seeds", "said", "is_rough"), [(3, True, True), (9, True, True), (10, True, False), (2, False, False)]
)
def test_runs_that_scatter_much_more_are_said_to(tmp_path, seeds, said, is_rough):
    for seed in range(seeds):
        for name, wrong in (("calm", 20 + seed % 2), ("wild", 20 + 7 * (seed % 2))):
            write_run(tmp_path / name / str(seed), name, seed, np.arange(200) >= wrong)
    caution = "wild scatters 7.0 times as much over seeds as calm, so false alarms may reach 9 %, mostly in its favour"
    numbers = compare(tmp_path).numbers
    assert (caution in numbers) is said
    assert ("; with so few seeds, its scatter is a rough estimate." in numbers) is is_rough
    for seed in range(seeds):
        write_run(tmp_path / "wilder" / str(seed), "wilder", seed, np.arange(200) >= 20 + 14 * (seed % 2))
    caution = "wild and wilder scatter 7.0 to more than 10 times as much over seeds as calm, so false alarms may reach"
    assert (caution in compare(tmp_path).numbers) is said


def test_training_that_had_not_finished_is_said_in_the_answer(tmp_path):
    comparison = compare(write_nets(tmp_path, good=3, bad=30))
    every = replace(comparison, still_improving=["good", "bad"])
    assert every.answer == (
        "good beats bad. But training had not finished: all nets were still improving on the training images at the"
        " last epoch."
    )
    assert "But training had not finished: bad was still" in replace(comparison, still_improving=["bad"]).answer


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


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([(None, 3171)], "about 3,200 images; more seeds alone won't do."),
        ([(37, None)], "about 37 seeds per strategy; more images alone won't do."),
        ([(37, 3171)], "about 3,200 images or about 37 seeds per strategy."),
        ([(None, None)], "more seeds and more images; either alone won't do."),
        (
            [(None, 1214), (None, 2238), (None, None)],
            "about 1,300 to 2,300 images (in 2 of 3 pairs); more seeds alone won't do; 1 pair needs more of both.",
        ),
        (
            [(37, None), (None, 900), (52, 1214)],
            "about 900 to 1,300 images (in 2 of 3 pairs) or about 37 to 52 seeds per strategy (in 2 of 3 pairs).",
        ),
    ],
)
def test_what_it_takes_to_see_half_of_that_is_said(tmp_path, sizes, said):
    comparison = compare(write_nets(tmp_path, first=5, second=9))
    (pair,) = comparison.pairs
    powers = [replace(pair.power, seeds_for_half=seeds, images_for_half=images) for seeds, images in sizes]
    sentence = replace(comparison, pairs=[replace(pair, power=power) for power in powers]).sensitivity
    assert sentence.endswith(f"To detect a difference half as large you need {said}")


def test_what_would_be_missed_is_said_of_the_strategies_that_have_a_verdict(tmp_path):
    runs = [write_nets(tmp_path / "many", seeds=4, first=5, second=9), write_nets(tmp_path / "one", seeds=1, third=12)]
    assert compare(runs).sensitivity.startswith("With 4 seeds x 100 images a difference below ")


def test_without_power_nothing_is_said(tmp_path):
    assert compare(write_nets(tmp_path, seeds=1, first=5, second=9)).sensitivity == ""


def test_the_answer_is_made_from_verdicts_alone(tmp_path):
    comparison = compare(write_nets(tmp_path, first=5, second=6))
    judged = [replace(pair, verdict=Verdict.BETTER, winner="second") for pair in comparison.pairs]
    assert describe_answer(replace(comparison, pairs=judged)).startswith("second beats first.")
