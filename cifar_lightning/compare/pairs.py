"""Two strategies against each other: difference, interval, p-value, power and verdict."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from cifar_lightning.compare import analysis
from cifar_lightning.compare.comparison import Pair, Power, Summary, TrainingNoiseOnly, Verdict
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.questions import Question

# With one seed there are more than 6 % false alarms, and with two little is found (docs/calibration.md).
MIN_SEEDS = 3
# No study has more than these.
_MOST_SEEDS, _MOST_IMAGES = 10_000, 10_000_000


def compare_pairs(strategies: Sequence[Summary], question: Question) -> list[Pair]:
    """Every two strategies, with p-values corrected for the number of pairs (Holm) and verdicts at 5 %."""
    several = list(combinations(strategies, 2))
    # The level that Holm's correction asks of the smallest p: what a difference that stands alone must reach.
    level = 0.05 / len(several)
    pairs = []
    for two in several:
        a, b = sorted(two, key=lambda summary: -summary.mean)
        pairs.append(_compare(a, b, level, question.bounds[1] - question.bounds[0]))
    seeds = {summary.name: len(summary.runs) for summary in strategies}
    judged = []
    for pair, p_holm in zip(pairs, holm([pair.p for pair in pairs]), strict=True):
        verdict, winner = Verdict.NO_DIFFERENCE, None
        if min(seeds[pair.a], seeds[pair.b]) < MIN_SEEDS:
            verdict = Verdict.TOO_FEW_RUNS
        elif p_holm < 0.05:
            verdict = Verdict.BETTER
            winner = pair.a if (pair.difference > 0) == question.higher_is_better else pair.b
        judged.append(replace(pair, p_holm=p_holm, verdict=verdict, winner=winner))
    return judged


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number m: the k-th smallest times m - k + 1, never falling, at most 1.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    order = np.argsort(p_values)
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]


def _compare(a: Summary, b: Summary, level: float, most: float) -> Pair:
    """The pair before its correction and verdict. `most`: the largest possible difference between two values."""
    nets, power = (a.values, b.values), None
    if min(len(a.values), len(b.values)) > 1:
        method, estimate = "crossed", analysis.analyse_crossed(nets)
        p, ci95 = estimate.p, estimate.ci95
        power = find_power(a.values, b.values, level, most)
    elif len(a.values) == len(b.values) == 1 and np.isin(nets, (0, 1)).all():
        method = "mcnemar"
        p, ci95 = mcnemar(a.values[0], b.values[0])
    else:
        method, estimate = "images", analysis.analyse_images(nets)
        p, ci95 = estimate.p, estimate.ci95
    difference = a.mean - b.mean
    ci95, p = analysis.judge(difference, ci95, p, a.values.shape[1], most)
    return Pair(
        a=a.name,
        b=b.name,
        difference=difference,
        ci95=ci95,
        p=p,
        p_holm=p,
        training_noise_only=find_training_noise(a, b),
        method=method,
        power=power,
        verdict=Verdict.NO_DIFFERENCE,
    )


def find_training_noise(a: Summary, b: Summary) -> TrainingNoiseOnly | None:
    """The paired t-test over the seeds that both have (`scipy.stats.ttest_rel`), on these very images.

    None with fewer than two seeds in common. None too where all of them differ by the same amount: that happens by
    chance with few images, and no t-test can judge it.
    """
    means_a, means_b = (
        dict(zip((run.seed for run in summary.runs), summary.values.mean(axis=1), strict=True)) for summary in (a, b)
    )
    differences = np.array([means_a[seed] - means_b[seed] for seed in means_a if seed in means_b])
    if len(differences) < 2:
        return None
    # Equal counts of right answers differ in their last bits once they are means.
    error = float(differences.std(ddof=1) / len(differences) ** 0.5) if np.ptp(differences) > 1e-12 else 0.0
    contrast = analysis.Contrast(float(differences.mean()), error, len(differences) - 1)
    return TrainingNoiseOnly(contrast.ci95, contrast.p) if error or abs(contrast.value) < 1e-12 else None


def find_power(a: np.ndarray, b: np.ndarray, level: float = 0.05, most: float = np.inf) -> Power | None:
    """What a study of this size can see, and what would see half of it, by its own variance components.

    Args:
        a: float64 (S_a, N), N at least 2.
        b: float64 (S_b, N).
        level: the level that p has to be below.
        most: the largest possible difference between two values.

    Returns:
        None where there are too few seeds for a verdict, or the nets' values do not vary at all.
    """
    num_seeds, num_images = np.array([len(a), len(b)]), a.shape[1]
    if num_seeds.min() < MIN_SEEDS:
        return None
    components = analysis.find_components([a, b], (1, -1))

    def detectable(seeds: np.ndarray, images: int, power: float = 0.8) -> float:
        return components.detectable(seeds, images, power, level)

    found = detectable(num_seeds, num_images)
    if found < analysis.NO_WIDTH:
        return None
    return Power(
        min(found, most),
        _smallest(lambda seeds: detectable(np.array([seeds, seeds]), num_images), found / 2, _MOST_SEEDS),
        _smallest(lambda images: detectable(num_seeds, images), found / 2, _MOST_IMAGES),
        min(detectable(num_seeds, num_images, power=0.5), most),
    )


def _smallest(detectable: Callable[[int], float], wanted: float, most: int) -> int | None:
    """The smallest size, 2..most, at which `detectable` has fallen to `wanted`; None if there is none."""
    if detectable(most) > wanted:
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(middle) <= wanted else (middle, high)
    return high
