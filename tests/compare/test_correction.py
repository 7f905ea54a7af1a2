"""P-values of pairs corrected by closed testing, Shaffer's and Holm's method."""

import time
from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from cifar_lightning.compare import correction
from cifar_lightning.compare.correction import correct_pairs, holm

# The pairs of maxpool, avgpool, baseline and stride in docs/results/lab, as they were when Holm's p decided.
LAB = [0.0125609, 0.00161636, 0.00381867, 0.20732977, 0.26180341, 0.91679560]
# Friedman's test of C4.5, 1-NN, naive Bayes, Kernel and CN2 on 30 data sets (Garcia & Herrera 2008), as scmamp's
# documentation prints it (friedmanPost).
GARCIA_HERRERA = [
    *(0.004848763, 0.8064959, 4.486991e-08, 0.012763008),
    *(0.01011233, 0.007963489, 0.743971478),
    *(1.736118e-07, 0.024744672),
    0.002880485,
]


def close_by_enumeration(p_values, count):
    """The closed test of every set of pairs, where a set stands for all equalities that follow from it."""
    pairs = list(combinations(range(count), 2))
    adjusted = np.array(p_values, float)
    for chosen in range(1, 2 ** len(pairs)):
        equal = np.eye(count, dtype=bool)
        for place, (first, second) in enumerate(pairs):
            if chosen >> place & 1:
                equal[first, second] = equal[second, first] = True
        for _ in range(count):
            equal = equal @ equal
        implied = [place for place, pair in enumerate(pairs) if equal[pair]]
        p = min(1.0, len(implied) * min(p_values[place] for place in implied))
        adjusted[implied] = np.maximum(adjusted[implied], p)
    return adjusted


@pytest.mark.parametrize(
    "p_values",
    [[0.01], [0.04, 0.01, 0.03], [0.5, 0.001, 0.02, 0.02, 0.9, 0.3], [1.0, 1.0], [0.0, 0.0, 0.6], [0.02, 0.013, 0.012]],
)
def test_holms_correction_matches_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_closed_testing_matches_the_enumeration_of_every_set_of_pairs(count):
    generator = np.random.default_rng(count)
    for _ in range(30 if count < 5 else 2):
        p_values = generator.random(count * (count - 1) // 2) ** 3
        assert correct_pairs(p_values, count) == pytest.approx(close_by_enumeration(p_values, count))


def test_the_labs_pairs_by_holm_shaffer_and_closed_testing(monkeypatch):
    assert holm(LAB)[0] == pytest.approx(0.0502, abs=5e-5)
    assert correct_pairs(LAB, 4)[0] == pytest.approx(0.0251, abs=5e-5)
    monkeypatch.setattr(correction, "_MAX_PARTITIONED", 3)
    assert correct_pairs(LAB, 4)[0] == pytest.approx(0.0377, abs=5e-5)


def test_closed_testing_of_a_published_example_is_as_worked_by_hand():
    adjusted = correct_pairs(GARCIA_HERRERA, 5)
    c45_nn, c45_kernel, nn_nb, nn_kernel, nb_kernel, nb_cn2 = (adjusted[place] for place in (0, 2, 4, 5, 7, 8))
    # All ten pairs; all six among four of them without C4.5; and so on.
    assert c45_kernel == pytest.approx(10 * 4.486991e-08)
    assert nb_kernel == pytest.approx(6 * 1.736118e-07)
    assert adjusted[9] == pytest.approx(4 * 0.002880485)
    assert c45_nn == pytest.approx(6 * 0.004848763)
    assert (nn_kernel, nn_nb) == pytest.approx((4 * 0.007963489, 3 * 0.01011233))
    assert (adjusted[3], nb_cn2) == pytest.approx((3 * 0.012763008, 3 * 0.012763008))
    assert (adjusted[1], adjusted[6]) == (1, 1)


def test_shaffers_multipliers_of_four_strategies_are_those_of_her_paper(monkeypatch):
    monkeypatch.setattr(correction, "_MAX_PARTITIONED", 3)
    p_values = np.array([1, 10, 100, 1000, 10_000, 100_000]) * 1e-7
    assert correct_pairs(p_values, 4) == pytest.approx(p_values * [6, 3, 3, 3, 2, 1])


def test_closed_testing_is_never_weaker_than_shaffers_correction_nor_that_than_holms(monkeypatch):
    generator = np.random.default_rng(0)
    for count in (3, 6, 9):
        p_values = generator.random(count * (count - 1) // 2) ** 4
        closed = np.array(correct_pairs(p_values, count))
        monkeypatch.setattr(correction, "_MAX_PARTITIONED", 2)
        by_shaffer = np.array(correct_pairs(p_values, count))
        monkeypatch.undo()
        assert (p_values <= closed).all()
        assert (closed <= by_shaffer + 1e-12).all()
        assert (by_shaffer <= np.array(holm(p_values)) + 1e-12).all()


@pytest.mark.parametrize("count", [9, 40])
def test_many_strategies_take_no_time(count):
    begun = time.perf_counter()
    assert len(correct_pairs(np.linspace(0, 1, count * (count - 1) // 2), count)) == count * (count - 1) // 2
    assert time.perf_counter() - begun < 2


def test_without_a_pair_there_is_nothing_to_correct():
    assert correct_pairs([], 1) == correct_pairs([], 0) == holm([]) == []
