"""Pairs of strategies: corrected p-values, verdicts, one seed, power."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from cifar_lightning.compare.analysis import find_components, find_unseen_interval
from cifar_lightning.compare.comparison import Summary
from cifar_lightning.compare.correction import correct_pairs, holm
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.pairs import compare_pairs, find_power, find_size, paired_t_test
from cifar_lightning.compare.questions import Question
from cifar_lightning.compare.wording import word_verdict

SHARES = Question("accuracy", "test accuracy", lambda run: None)
LOSSES = replace(SHARES, higher_is_better=False)


def summary(name, values, seeds=None):
    """A strategy with these values, float64 (S, N), of seeds 0..S-1 unless others are given."""
    values = np.asarray(values, float)
    seeds = range(len(values)) if seeds is None else seeds
    runs = [SimpleNamespace(seed=seed) for seed in seeds]
    return Summary(name, runs, values, None, (0, 1))


def power_of(a, b, question=SHARES, level=0.05):
    return find_power(summary("a", a), summary("b", b), question, level)


def draw(accuracy, seeds, images=300, seed=0):
    """0/1 values with the same hard images for every net that is drawn with the same `seed`."""
    ease = np.random.default_rng(seed).normal(0, 2.5, images)
    generator = np.random.default_rng([seed, seeds, int(1000 * accuracy)])
    return (stats.norm.ppf(accuracy) * 2.7 + ease + generator.normal(0, 1, (seeds, images)) > 0).astype(float)


def test_the_better_strategy_is_named_once_the_adjusted_p_is_small():
    good, bad, same = (summary(name, draw(share, 5)) for name, share in (("good", 0.95), ("bad", 0.8), ("same", 0.801)))
    pairs = compare_pairs([good, bad, same], SHARES)
    assert [(pair.a, pair.b) for pair in pairs if {pair.a, pair.b} != {"bad", "same"}] == [
        ("good", "bad"),
        ("good", "same"),
    ]
    assert [word_verdict(pair, SHARES) for pair in pairs] == ["good is better", "good is better", "no difference shown"]
    assert [pair.p_adjusted for pair in pairs] == pytest.approx(correct_pairs([pair.p for pair in pairs], 3))
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm([pair.p for pair in pairs]))
    assert all(pair.method == "crossed" and pair.power for pair in pairs)


def test_the_verdict_goes_by_the_adjusted_p_whatever_holms_is():
    nets = [summary(str(share), draw(share, 5, seed=14)) for share in (0.95, 0.92, 0.9, 0.89)]
    pairs = [pair for pair in compare_pairs(nets, SHARES) if pair.p < 0.05 <= pair.p_holm]
    undecided = [pair.p_adjusted >= 0.05 for pair in pairs]
    assert [word_verdict(pair, SHARES) == "no difference shown" for pair in pairs] == undecided
    assert set(undecided) == {True, False}


def test_a_strategy_with_too_few_seeds_takes_no_part_in_the_correction():
    good, bad, few = (
        summary(name, draw(share, n)) for name, share, n in [("g", 0.92, 5), ("b", 0.9, 5), ("f", 0.8, 2)]
    )
    judged, *others = compare_pairs([good, bad, few], SHARES)
    assert (judged.a, judged.b, judged.p_adjusted, judged.p_holm) == ("g", "b", judged.p, judged.p)
    assert judged.power == find_power(good, bad, SHARES, 0.05)
    assert [(pair.p_adjusted, pair.p_holm, word_verdict(pair, SHARES)) for pair in others] == [
        (None, None, "too few runs to say")
    ] * 2


def test_where_lower_is_better_the_lower_one_is_named():
    low, high = summary("low", draw(0.8, 4)), summary("high", draw(0.95, 4))
    (pair,) = compare_pairs([low, high], LOSSES)
    assert (pair.a, pair.b, word_verdict(pair, LOSSES)) == ("high", "low", "low is better")
    assert pair.difference > 0


@pytest.mark.parametrize(("seeds", "verdict"), [((2, 2), "too few"), ((2, 9), "too few"), ((3, 3), "good is better")])
def test_fewer_than_three_seeds_are_too_few_however_large_the_difference(seeds, verdict):
    good, bad = summary("good", draw(0.99, seeds[0])), summary("bad", draw(0.6, seeds[1]))
    (pair,) = compare_pairs([good, bad], SHARES)
    assert pair.p < 1e-6
    assert word_verdict(pair, SHARES).startswith(verdict)


def test_one_seed_each_is_mcnemars_test_of_two_nets_and_too_few():
    good, bad = summary("good", draw(0.95, 1)), summary("bad", draw(0.8, 1))
    (pair,) = compare_pairs([good, bad], SHARES)
    assert (pair.method, word_verdict(pair, SHARES), pair.power, pair.training_noise_only) == (
        "mcnemar",
        "too few runs to say",
        None,
        None,
    )
    assert (pair.p, pair.ci95) == mcnemar(good.values[0], bad.values[0])


def test_one_seed_against_many_and_values_that_are_no_answers_are_a_t_test_of_the_images():
    one, many = summary("one", draw(0.95, 1)), summary("many", draw(0.8, 6))
    (pair,) = compare_pairs([one, many], SHARES)
    assert (pair.method, word_verdict(pair, SHARES)) == ("images", "too few runs to say")
    assert pair.p == pytest.approx(stats.ttest_rel(one.values[0], many.values.mean(axis=0)).pvalue)
    losses = [replace(net, values=net.values[:1] * 0.7 + 0.1, runs=net.runs[:1]) for net in (one, many)]
    assert compare_pairs(losses, LOSSES)[0].method == "images"


def test_training_noise_alone_is_scipys_paired_t_test_of_the_common_seeds():
    a, b = summary("a", draw(0.93, 6), [0, 1, 2, 3, 4, 7]), summary("b", draw(0.9, 5), [7, 3, 2, 1, 8])
    noise = paired_t_test(a, b)
    paired = stats.ttest_rel(a.values.mean(axis=1)[[5, 3, 2, 1]], b.values.mean(axis=1)[[0, 1, 2, 3]])
    assert noise.p == pytest.approx(paired.pvalue)
    assert noise.ci95 == pytest.approx(tuple(paired.confidence_interval()))


def test_training_noise_is_not_judged_without_two_common_seeds_or_any_noise():
    a, b = summary("a", draw(0.93, 3), [0, 1, 2]), summary("b", draw(0.9, 3), [2, 3, 4])
    assert paired_t_test(a, b) is None
    constant = summary("b", a.values - 0.01)
    assert paired_t_test(a, constant) is None
    same = paired_t_test(a, a)
    assert (same.p, same.ci95) == (1, (0, 0))


def test_the_seeds_and_images_for_half_are_the_fewest_that_are_enough():
    generator = np.random.default_rng(1)
    nets = [draw(share, 4, seed=8) + generator.normal(0, 0.05, (4, 1)) for share in (0.93, 0.9)]
    power, components = power_of(*nets), find_components(nets, (1, -1))
    half = power.detectable / 2

    def detectable(seeds, images):
        return components.detectable(np.array([seeds, seeds]), images)

    assert power.detectable == pytest.approx(detectable(4, 300))
    assert power.missed_below < power.detectable
    assert detectable(power.seeds_for_half, 300) <= half < detectable(power.seeds_for_half - 1, 300)
    # The noise of four seeds alone is more than half: no number of images takes it away.
    assert power.images_for_half is None
    # And without noise of seeds it is the other way round.
    nets = [np.repeat(draw(share, 1), 4, axis=0) for share in (0.93, 0.9)]
    power, components = power_of(*nets), find_components(nets, (1, -1))
    half = power.detectable / 2
    assert power.seeds_for_half is None
    assert detectable(4, power.images_for_half) <= half < detectable(4, power.images_for_half - 1)


def test_there_is_no_power_to_speak_of_where_nothing_varies():
    assert power_of(np.ones((3, 20)), np.ones((3, 20))) is None


def test_there_is_no_power_to_speak_of_where_no_verdict_is_given():
    assert power_of(draw(0.93, 2), draw(0.9, 10)) is None
    assert power_of(draw(0.93, 3), draw(0.9, 10)) is not None


def test_power_is_that_of_a_verdict_which_the_correction_makes_harder():
    a, b, *others = (summary(str(share), draw(share, 5)) for share in (0.95, 0.93, 0.91, 0.89))
    alone, corrected = (
        next(pair.power for pair in compare_pairs(those, SHARES) if {pair.a, pair.b} == {a.name, b.name})
        for those in ([a, b], [a, b, *others])
    )
    assert alone == find_power(a, b, SHARES, 0.05)
    assert corrected == find_power(a, b, SHARES, 0.05 / 6)
    assert corrected.missed_below > alone.missed_below


def test_a_difference_of_the_size_called_detectable_gets_its_verdict_in_four_of_five_studies():
    power = power_of(draw(0.92, 5, seed=1), draw(0.92, 5, seed=1), level=0.05 / 3)
    winners = []
    for seed in range(2, 152):
        nets = [summary(str(share), draw(share, 5, seed=seed)) for share in (0.92 + power.detectable, 0.92)]
        third = summary("third", draw(0.9201, 5, seed=seed))
        pairs = compare_pairs([*nets, third], SHARES)
        winners += [pair.winner for pair in pairs if "third" not in (pair.a, pair.b)]
    assert 0.75 <= np.mean([winner is not None for winner in winners]) <= 0.97


def test_nets_that_are_right_on_every_image_may_differ_on_others():
    (pair,) = compare_pairs([summary("a", np.ones((3, 60))), summary("b", np.ones((3, 60)))], SHARES)
    assert pair.ci95 == find_unseen_interval(0.0, 60)
    assert (pair.p, word_verdict(pair, SHARES)) == (1, "no difference shown")


@pytest.mark.parametrize("bounds", [(0, 1), (0, 744.0), (-1, 1)])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("values", [(0.3, 0.3), (0.3, 0.1), (0.7, 0.1)])
def test_where_nothing_varies_nothing_is_certain(values, seeds, bounds):
    a, b = (summary(name, np.full((seeds, 40), value)) for name, value in zip("ab", values, strict=True))
    (pair,) = compare_pairs([a, b], replace(SHARES, bounds=bounds))
    difference, most = values[0] - values[1], bounds[1] - bounds[0]
    # A share of 8.8 % of new images may lie anywhere: 0.912 ** 40 is 2.5 %.
    unseen = 1 - 0.025 ** (1 / 40)
    low, high = difference - unseen * (most + difference), difference + unseen * (most - difference)
    assert pair.ci95 == pytest.approx((low, high))
    assert (pair.p < 0.05) == (low > 0)
    assert (pair.p == 1) == (difference < 1e-12 or most > 100)
    assert pair.power is None


def test_images_on_which_one_net_is_always_right_and_the_other_wrong_are_still_few():
    (pair,) = compare_pairs([summary("a", np.ones((3, 4))), summary("b", np.zeros((3, 4)))], SHARES)
    assert pair.p == pytest.approx(2 * 0.5**4)
    assert word_verdict(pair, SHARES) == "no difference shown"


PAIRED = replace(SHARES, paired_seeds=True)


def test_without_noise_from_images_paired_seeds_are_scipys_paired_t_test_over_the_seeds_both_have():
    generator = np.random.default_rng(1)
    of_seed = generator.normal(0.8, 0.05, 8)
    a, b = of_seed[:6] + generator.normal(0.02, 0.01, 6), of_seed[2:] + generator.normal(0, 0.01, 6)
    nets = [
        summary(name, np.repeat(means[:, None], 40, axis=1), seeds)
        for name, means, seeds in (("a", a, range(6)), ("b", b, range(2, 8)))
    ]
    (pair,) = compare_pairs(nets, PAIRED)
    expected = stats.ttest_rel(a[2:], b[:4])
    assert (pair.a, pair.method) == ("a", "crossed")
    assert pair.difference == pytest.approx((a[2:] - b[:4]).mean())
    assert pair.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert pair.ci95 == pytest.approx(tuple(expected.confidence_interval()), rel=1e-6)
    assert pair.p < compare_pairs(nets, SHARES)[0].p


def test_paired_seeds_find_more_where_seeds_share_their_luck_and_keep_the_promise():
    generator = np.random.default_rng(0)
    found, alarms = [], []
    for _ in range(300):
        hard, luck = generator.normal(0, 2, 200), generator.normal(0, 0.5, (5, 1))

        def run(shift, hard=hard, luck=luck):
            own = generator.normal(0, 1, 200)
            return (hard + own + luck + shift + generator.normal(0, 1, (5, 200)) > -2.5).astype(float)

        nets = [summary(name, run(shift)) for name, shift in (("good", 0.6), ("bad", 0), ("same", 0))]
        pairs = {question: compare_pairs([nets[0], nets[1]], question)[0].p < 0.05 for question in (SHARES, PAIRED)}
        found.append(list(pairs.values()))
        alarms.append(compare_pairs(nets[1:], PAIRED)[0].p < 0.05)
    plain, paired = np.mean(found, axis=0)
    assert paired > plain + 0.15
    assert sum(alarms) <= stats.binom.ppf(0.999, 300, 0.05)


def test_the_power_of_paired_seeds_is_that_of_their_difference():
    a, b = draw(0.93, 5), draw(0.9, 5)
    components = find_components([a - b], [1])
    power = power_of(a, b, PAIRED)
    assert power.detectable == pytest.approx(components.detectable(np.array([5]), 300, 0.8, 0.05))


def test_seeds_that_two_strategies_do_not_share_cannot_be_paired():
    nets = [summary("a", draw(0.9, 3)), summary("b", draw(0.9, 3), seeds=[2, 3, 4])]
    with pytest.raises(ValueError, match=r"a and b share 1; compare without --paired_seeds"):
        compare_pairs(nets, PAIRED)


def test_more_images_may_be_enough_and_still_more_not():
    """The sizes 100 to 10 000 alone are enough, as where the noise of few seeds is left at last."""
    sizes = find_size(lambda size: 1 + abs(np.log10(size) - 3), 2, 10_000_000), find_size(lambda size: size, 1, 100)
    assert sizes == (100, None)
    assert find_size(lambda size: 1 / size, 1, 100) == 2
