"""A strategy by itself: means and their intervals."""

import numpy as np
import pytest
from scipy import stats
from simulated_runs import NAMES, write_run

from cifar_lightning.compare.analysis import analyse
from cifar_lightning.compare.questions import parse_question
from cifar_lightning.compare.summaries import mean_interval, summarise
from cifar_lightning.runs.run import Run


def test_a_summary_is_worked_out_by_hand(tmp_path):
    right = np.array([[1, 1, 1, 0, 0, 1], [1, 1, 1, 1, 0, 1]], bool)
    runs = [Run(write_run(tmp_path / str(seed), "stride", seed, row)) for seed, row in enumerate(right)]
    summary = summarise("stride", runs, parse_question("accuracy", runs))
    assert summary.mean == pytest.approx(9 / 12)
    assert summary.sd == pytest.approx(np.std([4 / 6, 5 / 6], ddof=1))
    assert summary.recall_mean == {NAMES[0]: 1.0, NAMES[1]: 0.75, NAMES[2]: 0.5}
    assert (summary.fit_seconds_median, summary.flops_per_image, summary.num_parameters) == (80.5, 2_950_000, 22_659)
    assert summarise("stride", runs[:1], parse_question("accuracy", runs)).sd is None


def test_a_run_that_does_not_know_its_time_is_left_out_of_the_median(tmp_path):
    facts = [{"fit_seconds": 80.0}, {"fit_seconds": None}]
    runs = [Run(write_run(tmp_path / str(k), "stride", k, [1, 0, 1], facts=facts[k])) for k in range(2)]
    assert summarise("stride", runs, parse_question("accuracy", runs)).fit_seconds_median == 80.0
    assert summarise("stride", runs[1:], parse_question("accuracy", runs)).fit_seconds_median is None


@pytest.mark.parametrize(("num_right", "count"), [(255, 300), (300, 300), (0, 40), (3, 1000)])
def test_of_one_run_the_interval_of_an_accuracy_is_nearly_wilsons(num_right, count):
    values = (np.arange(count) < num_right).astype(float)[None]
    wilson = stats.binomtest(num_right, count).proportion_ci(0.95, "wilson")
    # Student's t, and N - 1 images, in place of the normal distribution and N.
    assert mean_interval(values) == pytest.approx(
        (wilson.low, wilson.high), abs=0.1 / count + 0.06 * (wilson.high - wilson.low)
    )


def test_of_values_that_are_no_shares_it_is_the_crossed_interval_within_their_bounds():
    losses = np.random.default_rng(0).exponential(0.3, (4, 50))
    assert mean_interval(losses, (0, np.inf)) == pytest.approx(analyse([losses], [1.0]).ci95)
    assert mean_interval(np.array([[0.0, 0, 0, 0.1], [0, 0, 0, 0.2]]), (0, np.inf))[0] == 0
    low, high = mean_interval(losses[:1], (0, np.inf))
    students = stats.ttest_1samp(losses[0], 0).confidence_interval()
    # Few images of a high loss: the upper end is moved for skewness.
    assert (low, high > students.high) == (pytest.approx(students.low), True)


def test_intervals_contain_the_truth_near_a_hundred_percent_too():
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        # An image is wrong in all runs (1.5 %) or in about half (1 %), so the truth is 0.98.
        wrong, open_ = generator.random((2, 300))
        chance = np.where(wrong < 0.015, 0, np.where(open_ < 0.01 / 0.985, 0.5, 1))
        values = (generator.random((10, 300)) < chance).astype(float)
        low, high = mean_interval(values)
        held += low <= 0.98 <= high
    assert stats.binom.ppf(0.005, 400, 0.94) <= held <= stats.binom.ppf(0.995, 400, 0.98)


def test_where_few_answers_are_wrong_half_of_the_images_that_scatter_alone_would_make_count():
    # Ten runs with three mistakes each, of 100 images: nearly all of them on other images.
    values = np.ones((10, 100))
    values[np.arange(30) % 10, np.arange(30) * 3] = 0
    values[0, 1], values[1, 3] = 0, 1
    contrast = analyse([values], [1.0])
    quantile = stats.t.ppf(0.975, contrast.degrees_of_freedom)
    count = 0.97 * 0.03 / contrast.standard_error**2
    assert count > 200
    count = (count + 100) / 2
    middle, half = 0.97 + quantile**2 / 2 / count, quantile * (0.97 * 0.03 / count + (quantile / 2 / count) ** 2) ** 0.5
    assert mean_interval(values) == pytest.approx(
        ((middle - half) / (1 + quantile**2 / count), (middle + half) / (1 + quantile**2 / count))
    )


def test_one_image_of_a_class_is_too_few(tmp_path):
    runs = [Run(write_run(tmp_path / "two", "stride", 0, [1, 0, 1, 1]))]
    question = parse_question("recall:apple", runs)
    assert question.values(runs).shape == (1, 2)
    runs = [Run(write_run(tmp_path / "one", "stride", 0, [1, 1, 0]))]
    with pytest.raises(ValueError, match=r"at least two test images \(recall of apple\), got 1"):
        question.values(runs)


def test_a_loss_that_is_the_same_on_every_image_may_be_another_on_others():
    low, high = mean_interval(np.full((3, 40), 0.1), (0.0, 744.0))
    unseen = 1 - 0.025 ** (1 / 40)
    assert (low, high) == pytest.approx((0.1 - unseen * 0.1, 0.1 + unseen * 743.9))
