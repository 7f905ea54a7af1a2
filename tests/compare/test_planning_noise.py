"""The noise of a pilot: upper bounds that hold, and assumptions that say what they mean."""

import numpy as np
import pytest
from scipy import stats

from cifar_lightning.compare.analysis import Components, find_components
from cifar_lightning.compare.comparison import Summary
from cifar_lightning.compare.pairs import find_power
from cifar_lightning.compare.planning_noise import Noise, assume_noise, find_noise, raise_to_bound
from cifar_lightning.compare.questions import Question
from cifar_lightning.compare.units import Units


def draw(generator, images, seeds, residual, num_seeds, num_images):
    """Values of two nets with these standard deviations, float64 (S, N) each."""
    return [
        generator.normal(0, images, num_images)
        + generator.normal(0, seeds, (num_seeds, 1))
        + generator.normal(0, residual, (num_seeds, num_images))
        for _ in range(2)
    ]


def test_an_upper_bound_is_that_of_scipys_chi_square():
    assert raise_to_bound(2) == pytest.approx(2 / stats.chi2.ppf(0.2, 2))
    a, b = draw(np.random.default_rng(0), 1, 0.3, 0.5, 4, 60)
    seen, upper = find_components([a, b], (1, -1)), find_noise([a, b]).upper
    expected = [(3 / stats.chi2.ppf(0.2, 3) - 1) * values.mean(axis=1).var(ddof=1) for values in (a, b)]
    assert upper.seeds - seen.seeds == pytest.approx(expected)
    assert upper.residual / seen.residual == pytest.approx([177 / stats.chi2.ppf(0.2, 177)] * 2)
    differences = a.mean(axis=0) - b.mean(axis=0)
    freedom = 2 * 59 / (stats.kurtosis(differences, fisher=False) - 1)
    raised = (freedom / stats.chi2.ppf(0.2, freedom) - 1) * differences.var(ddof=1)
    assert upper.images - seen.images == pytest.approx(raised)


@pytest.mark.parametrize("with_strata", [False, True])
def test_without_bounds_a_study_as_large_as_the_pilot_shows_what_the_pilot_says_of_itself(with_strata):
    generator = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 3)
    a, b = ((generator.random((4, 40))[:, groups] < share).astype(float) for share in (0.8, 0.7))
    units = Units(groups, groups % 4 if with_strata else None)
    noise = find_noise([a, b], units)
    shown = Noise(noise.seen, noise.seen, noise.units_per_image).detectable(4, 120, 0.8, 0.05)
    pilot = [Summary(name, [], values, None, (0, 1), units) for name, values in (("a", a), ("b", b))]
    question = Question("accuracy", "test accuracy", lambda run: None)
    assert shown == pytest.approx(find_power(*pilot, question).detectable)


def test_one_raised_mean_square_raises_the_variance_by_as_much_and_two_by_less_than_both():
    seen = Components(0.04, np.array([0.0, 0.0]), np.array([0.01, 0.01]))
    more_images = Components(0.08, seen.seeds, seen.residual)
    more_seeds = Components(0.04, np.array([0.0004, 0.0]), seen.residual)
    both = Components(0.08, more_seeds.seeds, seen.residual)
    alone, by_images, by_seeds, by_both = (
        Noise(seen, upper).detectable(5, 100, 0.8, 0.05) ** 2 for upper in (seen, more_images, more_seeds, both)
    )
    variance = seen.variance(np.array([5, 5]), 100)
    assert by_images / alone == pytest.approx((variance + 0.04 / 100) / variance)
    assert by_seeds / alone == pytest.approx((variance + 0.0004 / 5) / variance)
    assert (by_both - alone) ** 2 == pytest.approx((by_images - alone) ** 2 + (by_seeds - alone) ** 2)


def test_the_bound_is_above_the_truth_in_at_least_75_of_100_pilots():
    generator = np.random.default_rng(1)
    truth = Components(2 * 0.2**2, np.full(2, 0.02**2), np.full(2, 0.15**2))
    for seeds, images in ((3, 100), (10, 1000), (40, 100)):
        needed = truth.detectable(np.array([seeds, seeds]), images)
        pilots = [find_noise(draw(generator, 0.2, 0.02, 0.15, 4, 100)) for _ in range(300)]
        found = np.array([pilot.detectable(seeds, images, 0.8, 0.05) for pilot in pilots])
        assert 0.75 < (found >= needed).mean() < 0.99


def test_assumptions_are_those_of_answers_drawn_with_them():
    noise = assume_noise(accuracy=0.9, agreement=0.6, seed_deviation=0.02, num_images=300)
    seen = noise.seen
    # Of right and wrong answers m (1 - m) is all the variance; two nets share 60 % of that of the images.
    of_images = seen.images / (2 * (1 - 0.6))
    assert of_images + seen.residual[0] == pytest.approx(0.9 * 0.1)
    assert seen.residual[0] == pytest.approx(0.25 * 0.09)
    # The deviation of a run's accuracy over seeds, with 300 images.
    assert seen.seeds[0] + seen.residual[0] / 300 == pytest.approx(0.02**2)
    assert assume_noise(0.9, 1.0, 0.0, 300).seen.images == assume_noise(0.9, 1.0, 0.0, 300).seen.seeds[0] == 0
