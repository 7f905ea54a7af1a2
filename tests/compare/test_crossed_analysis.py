"""The statistics of `compare` against direct computation, SciPy, and studies whose truth is known."""

from operator import eq, ne

import numpy as np
import pytest
from scipy import stats

from cifar_lightning.compare.analysis import analyse_crossed, find_components
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.pairs import holm


def simulate(rng, num_seeds, num_pictures, accuracy=0.92, lead=0.0, seed_noise=0.15):
    """Correctness of two nets: pictures of shared difficulty, each net's own taste in pictures, and noise of seeds."""
    difficulty = rng.normal(0, 2, num_pictures)
    nets = []
    for num, shift in zip(num_seeds, (lead, 0), strict=True):
        ability = stats.norm.ppf(accuracy) * np.sqrt(1 + 4 + 1) + shift
        own = rng.normal(0, 1, num_pictures)
        score = (
            ability + difficulty + own + rng.normal(0, seed_noise, num)[:, None] + rng.normal(0, 1, (num, num_pictures))
        )
        nets.append((score > 0).astype(float))
    return nets


def mean_product(x, y, seeds, pictures):
    """The mean of x[s, i] y[t, j] over those pairs of runs s, t and of pictures i, j that the two predicates accept."""
    runs = [(s, t) for s in range(len(x)) for t in range(len(y)) if seeds(s, t)]
    places = [(i, j) for i in range(x.shape[1]) for j in range(x.shape[1]) if pictures(i, j)]
    return np.mean([x[s, i] * y[t, j] for s, t in runs for i, j in places])


def test_the_variance_equals_a_direct_sum_over_pairs_of_seeds_and_pictures():
    # Gallas 2006: the variance of a mean over all seeds and pictures, by means of products of two of its terms that
    # have the seed, the picture, both or nothing in common.
    a, b = nets = simulate(np.random.default_rng(4), (4, 4), 20, seed_noise=1.5)
    assert (find_components(nets, (1, -1)).seeds > 0).all()
    share = {eq: (1 / 4, 1 / 20), ne: (3 / 4, 19 / 20)}
    variance = 0.0
    for net in nets:
        variance += sum(share[s][0] * share[i][1] * mean_product(net, net, s, i) for s in (eq, ne) for i in (eq, ne))
        variance -= mean_product(net, net, ne, ne)
    # Two nets have pictures in common, and no seeds.
    shared = sum(share[i][1] * mean_product(a, b, lambda s, t: True, i) for i in (eq, ne))
    variance -= 2 * (shared - mean_product(a, b, lambda s, t: True, ne))
    assert analyse_crossed(nets).standard_error ** 2 == pytest.approx(variance, rel=1e-9)


def test_equal_nets_are_called_different_in_about_a_twentieth_of_studies():
    rng = np.random.default_rng(1)
    alarms = sum(analyse_crossed(simulate(rng, (5, 5), 300)).p < 0.05 for _ in range(600))
    assert 0.02 * 600 < alarms < 0.07 * 600


def test_a_paired_t_test_over_seeds_raises_far_more_false_alarms():
    rng = np.random.default_rng(1)
    alarms = sum(
        stats.ttest_rel(*(net.mean(axis=1) for net in simulate(rng, (5, 5), 300))).pvalue < 0.05 for _ in range(600)
    )
    assert alarms > 0.12 * 600


def test_a_true_lead_is_inside_its_interval_in_about_95_percent_of_studies():
    rng = np.random.default_rng(2)
    spread = np.sqrt(1 + 4 + 1 + 0.15**2)
    ability = stats.norm.ppf(0.92) * np.sqrt(6)
    truth = stats.norm.cdf((ability + 0.8) / spread) - stats.norm.cdf(ability / spread)
    intervals = [analyse_crossed(simulate(rng, (10, 4), 300, lead=0.8)).ci95 for _ in range(600)]
    covered = sum(low <= truth <= high for low, high in intervals)
    assert 0.93 * 600 < covered < 0.985 * 600


def test_the_same_nets_twice_differ_in_nothing():
    a, _ = simulate(np.random.default_rng(3), (3, 3), 50)
    contrast = analyse_crossed([np.ones((3, 50)), np.ones((3, 50))])
    assert (contrast.value, contrast.p, contrast.ci95) == (0, 1, (0, 0))
    contrast = analyse_crossed([a, a])
    assert contrast.value == 0
    assert contrast.p == pytest.approx(1)


def test_holm_gives_the_values_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_mcnemar_is_the_exact_binomial_test_of_the_disagreements():
    a = np.array([1.0] * 12 + [0.0] * 3 + [1.0] * 85)
    b = np.array([0.0] * 12 + [1.0] * 3 + [1.0] * 85)
    p, (low, high) = mcnemar(a, b)
    assert p == pytest.approx(2 * stats.binom.cdf(3, 15, 0.5))
    assert low > 0
    assert low < 0.09 < high
