"""Two trained nets by the images alone: McNemar's exact test and the interval that matches it."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from cifar_lightning.compare.one_seed import mcnemar


def test_the_exact_mcnemar_test_matches_statsmodels_and_its_interval_matches_p():
    generator = np.random.default_rng(0)
    sides = set()
    for _ in range(200):
        a, b = ((generator.random(120) < share).astype(float) for share in generator.uniform(0.75, 0.98, 2))
        p, (low, high) = mcnemar(a, b)
        table = [[((a == x) & (b == y)).sum() for y in (1, 0)] for x in (1, 0)]
        assert p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
        assert low <= a.mean() - b.mean() <= high
        assert (low > 0 or high < 0) == (p < 0.05)
        sides.add(p < 0.05)
    assert sides == {True, False}


@pytest.mark.parametrize(
    ("only_a", "only_b", "count"), [(95, 0, 300), (6, 1, 300), (30, 25, 100), (0, 3, 40), (7, 5, 12)]
)
def test_the_interval_melds_those_of_two_binomial_shares(only_a, only_b, count):
    draws = np.random.default_rng(0)
    away, both = only_a + only_b, 400_000
    few = draws.beta(away, count - away + 1, both)
    many = draws.beta(away + 1, count - away, both) if away < count else np.ones(both)
    least = 2 * draws.beta(only_a, only_b + 1, both) - 1 if only_a else -np.ones(both)
    most = 2 * draws.beta(only_a + 1, only_b, both) - 1 if only_b else np.ones(both)
    expected = (
        np.quantile(least * np.where(least > 0, few, many), 0.025),
        np.quantile(most * np.where(most > 0, many, few), 0.975),
    )
    a, b = np.zeros(count), np.zeros(count)
    a[:only_a], b[only_a:away] = 1, 1
    assert mcnemar(a, b)[1] == pytest.approx(expected, abs=0.003)


def test_the_interval_contains_the_truth_where_all_disagreements_are_one_sided():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(150):
        place = generator.random(300)
        low, high = mcnemar((place < 0.99).astype(float), (place < 0.9).astype(float))[1]
        held += low <= 0.09 <= high
    assert held >= stats.binom.ppf(0.005, 150, 0.95)


def test_two_nets_that_answer_alike_do_not_differ_by_mcnemar():
    assert mcnemar(np.array([1.0, 0, 1]), np.array([1.0, 0, 1])) == (1.0, (0.0, 0.0))
