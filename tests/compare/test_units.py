"""Groups of images that count as one, and strata: by hand, by statsmodels' clustered errors, and by simulation."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from simulated_runs import write_run

from cifar_lightning.compare.analysis import analyse
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.summaries import mean_interval
from cifar_lightning.compare.units import Units, count_strata, count_units, find_evenness, pool

SIZES = [1, 2, 3, 5] * 10
GROUPS = np.repeat(np.arange(40), SIZES)


@pytest.fixture
def nets():
    """Two nets of 4 seeds by 110 images; images of a group are equally hard."""
    generator = np.random.default_rng(0)
    hard = generator.normal(0, 1, (2, 1, 40))[..., GROUPS]
    return list((hard + generator.normal(0, 0.5, (2, 4, 110)) > -1).astype(float))


def test_a_group_becomes_one_value_and_the_mean_of_each_seed_stays(nets):
    pooled = pool(nets[0], Units(GROUPS))
    assert pooled.mean(axis=1) == pytest.approx(nets[0].mean(axis=1))
    mean = nets[0].mean()
    assert pooled[2, 3] == pytest.approx(40 / 110 * sum(nets[0][2, 6:11] - mean) + mean)
    assert count_units(110, GROUPS) == pooled.shape[1] == 40


def test_the_order_and_the_numbers_of_groups_do_not_matter(nets):
    order = np.random.default_rng(1).permutation(110)
    expected = analyse(nets, (1, -1), Units(GROUPS))
    shuffled = analyse([net[:, order] for net in nets], (1, -1), Units(1000 - 7 * GROUPS[order]))
    assert shuffled.ci95 == pytest.approx(expected.ci95)


def test_the_error_of_one_run_is_the_cluster_robust_one_of_statsmodels(nets):
    differences = nets[0][0] - nets[1][0]
    fitted = sm.OLS(differences, np.ones(110)).fit(cov_type="cluster", cov_kwds={"groups": GROUPS})
    # Its correction for few clusters is G / (G - 1) (N - 1) / (N - 1).
    contrast = analyse([nets[0][:1], nets[1][:1]], (1, -1), Units(GROUPS))
    assert (contrast.value, contrast.standard_error) == pytest.approx((fitted.params[0], fitted.bse[0]))


def test_each_image_in_a_group_of_its_own_changes_nothing(nets):
    alone = Units(np.arange(110)[::-1])
    assert analyse(nets, (1, -1), alone) == analyse(nets)
    assert mean_interval(nets[0], units=alone) == mean_interval(nets[0])


def test_every_image_twice_is_as_sure_as_every_image_once(nets):
    once = analyse(nets)
    copies = Units(np.repeat(np.arange(110), 2))
    twice = analyse([np.repeat(net, 2, axis=1) for net in nets], (1, -1), copies)
    assert (*twice.ci95, twice.p) == pytest.approx((*once.ci95, once.p))


def test_the_error_of_strata_is_that_of_a_stratified_sample(nets):
    # Three strata, 40, 40 and 30 images, in which the nets differ in opposite ways.
    strata = np.repeat([5, 2, 9], [40, 40, 30])
    differences = (nets[0][0] - nets[1][0]) + np.repeat([0.5, -0.5, 0], [40, 40, 30])
    within = [differences[strata == stratum] for stratum in (5, 2, 9)]
    squares = sum(((values - values.mean()) ** 2).sum() for values in within)
    contrast = analyse([differences[None], np.zeros((1, 110))], (1, -1), Units(strata=strata))
    assert contrast.standard_error == pytest.approx((squares / (110 - 3) / 110) ** 0.5)
    assert contrast.degrees_of_freedom == 107
    assert contrast.value == pytest.approx(differences.mean())
    assert contrast.standard_error < 0.8 * stats.sem(differences)


def test_strata_of_single_images_are_not_used(nets):
    assert count_strata(np.arange(110)) == 1
    assert analyse(nets, (1, -1), Units(strata=np.arange(110))) == analyse(nets)


def draw(generator, copies, shifts=(0, 0)):
    """Two equal nets of 5 seeds by 150 images, of which `copies` share an image; `shifts` moves the classes apart."""
    hard = generator.normal(0, 2, (2, 1, 150 // copies)) + generator.normal(0, 2, 150 // copies)
    classes = np.arange(150) // copies % 2
    return [
        (net.repeat(copies, 2)[0] + np.where(classes, shift, -shift) + generator.normal(0, 1, (5, 150)) > -3) * 1.0
        for net, shift in zip(hard[:, None], shifts, strict=True)
    ], classes


def test_copies_and_classes_get_the_promised_share_of_false_alarms():
    generator = np.random.default_rng(0)
    groups = np.arange(150) // 3
    found = []
    for _ in range(400):
        copied, _ = draw(generator, 3)
        opposite, classes = draw(generator, 1, (2, -2))
        contrasts = [
            analyse(copied),
            analyse(copied, (1, -1), Units(groups)),
            analyse(opposite),
            analyse(opposite, (1, -1), Units(strata=classes)),
        ]
        found.append([contrast.p < 0.05 for contrast in contrasts])
    naive, grouped, plain, stratified = np.sum(found, axis=0)
    assert naive > 60
    assert plain <= 6
    assert stats.binom.ppf(0.001, 400, 0.05) <= stratified
    assert max(grouped, stratified) <= stats.binom.ppf(0.999, 400, 0.05)


# One group has as many images as thirty others: 1 / (0.5^2 + 30 (1 / 60)^2) = 3.9 of equal size (Kish 1965).
UNEVEN = np.repeat(np.arange(31), [150] + [5] * 30)


def test_groups_of_unequal_size_count_as_fewer():
    assert find_evenness(None) == find_evenness(np.repeat(np.arange(20), 4)) == 1
    assert 31 * find_evenness(UNEVEN) == pytest.approx(1 / (0.25 + 30 / 60**2))
    values = np.random.default_rng(0).random((1, 300))
    assert analyse([values], [1], Units(UNEVEN)).degrees_of_freedom == pytest.approx(1 / (0.25 + 30 / 60**2) - 1)


@pytest.mark.parametrize("num_seeds", [1, 5])
def test_groups_of_very_unequal_size_get_few_more_false_alarms_than_promised(num_seeds):
    generator = np.random.default_rng(4)
    alarms = []
    for _ in range(300):
        hard = generator.normal(0, 1, 31)[UNEVEN] + generator.normal(0, 0.5, 300)
        nets = [
            (hard + generator.normal(0, 1, 31)[UNEVEN] + generator.normal(0, 1, (num_seeds, 300)) > -0.5).astype(float)
            for _ in range(2)
        ]
        contrast = analyse(nets, units=Units(UNEVEN))
        alarms.append(contrast.p < 0.05)
    assert np.mean(alarms) < 0.1


@pytest.fixture
def study(tmp_path):
    """Two strategies of 3 seeds; the first 40 of 60 test images are 20 pairs of near-duplicates."""
    generator = np.random.default_rng(2)
    for strategy, share in (("maxpool", 0.9), ("stride", 0.6)):
        easy = generator.random(60) < share
        easy[1:40:2] = easy[:40:2]
        for seed in range(3):
            right = easy ^ (generator.random(60) < 0.05)
            groups = np.where(np.arange(60) < 40, np.arange(60) // 2 * 2, np.arange(60))
            write_run(tmp_path / strategy / str(seed), strategy, seed, right, groups=groups * 7 + 1)
    return tmp_path


def test_runs_whose_test_images_are_copies_are_compared_by_groups_and_it_is_said(study):
    comparison = compare(study)
    assert (comparison.num_images, comparison.num_groups) == (60, 40)
    assert any("The 60 test images are 40 groups" in said for said in comparison.does_not_say)
    assert comparison.numbers.startswith("With 3 seeds and 60 images (40 groups that count as one each), maxpool")
    width = np.diff(comparison.pairs[0].ci95)
    for run in study.glob("*/*"):
        (run / "groups.csv").write_text("index,group\n")
    alone = compare(study)
    assert alone.num_groups == 60
    assert "groups" not in alone.numbers + " ".join(alone.does_not_say)
    assert width > 1.1 * np.diff(alone.pairs[0].ci95)


def test_runs_that_do_not_know_near_duplicates_within_the_test_split_say_so(study):
    for run in study.glob("*/*"):
        (run / "groups.csv").unlink()
    comparison = compare(study)
    assert comparison.num_groups == 60
    assert any("groups.csv" in note for note in comparison.notes)
