"""Two strategies against each other: difference, interval, p-value, power and verdict."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from cifar_lightning.compare import analysis
from cifar_lightning.compare.comparison import Pair, Power, Summary, TrainingNoiseOnly, Verdict
from cifar_lightning.compare.correction import correct_pairs, holm
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.questions import MIN_SEEDS, Question
from cifar_lightning.compare.units import count_units, sum_groups

# Where one strategy scatters so many times as much as another over seeds, there are more false alarms than 5 %: up to
# so many if the runs show it, or in all (docs/calibration.md). With fewer seeds than enough, they often do not.
UNEQUAL, SEEN_ALARMS, MOST_ALARMS, ENOUGH_SEEDS = 3, 9, 19, 10
# The p-value below which a difference is shown.
LEVEL = 0.05
_WITH_WINNER = (Verdict.BETTER, Verdict.SLIGHTLY_BETTER)
# Means that differ by less are the same count of right answers, added up in another order.
_SAME = 1e-12
# Larger studies are not looked at.
MAX_SEEDS, MAX_IMAGES = 10_000, 10_000_000


class _Estimate(NamedTuple):
    """Four attributes of a `Pair`, the p-values not yet corrected."""

    method: str
    ci95: analysis.Interval
    p: float
    p_equal: float | None


def compare_pairs(strategies: Sequence[Summary], question: Question) -> list[Pair]:
    """Compares every two strategies.

    Pairs with fewer than three seeds on a side get no verdict and take no part in the correction of p-values. Raises
    ValueError if seeds are to be paired, but two strategies share too few.
    """
    pairs = [_share_seeds(*pair) if question.paired_seeds else pair for pair in combinations(strategies, 2)]
    combos = [sorted(pair, key=lambda summary: -summary.mean) for pair in pairs]
    estimates = [_estimate(a, b, question) for a, b in combos]
    judged = [place for place, pair in enumerate(combos) if all(len(each.runs) >= question.min_seeds for each in pair)]
    p_values = [estimates[place].p for place in judged]
    num_judged = sum(len(summary.runs) >= question.min_seeds for summary in strategies)
    adjusted = dict(zip(judged, correct_pairs(p_values, num_judged), strict=True))
    by_holm = dict(zip(judged, holm(p_values), strict=True))
    p_equal = [p for place in judged if (p := estimates[place].p_equal) is not None]
    equal = dict(zip(judged, holm(p_equal), strict=True)) if p_equal else {}
    return [
        Pair(
            a=a.name,
            b=b.name,
            difference=a.mean - b.mean,
            ci95=estimate.ci95,
            num_differing=analysis.count_differing(
                sum_groups(analysis.combine((a.values, b.values), (1, -1)), a.groups)
            ),
            p=estimate.p,
            p_adjusted=adjusted.get(place),
            p_holm=by_holm.get(place),
            p_equal=equal.get(place),
            training_noise_only=paired_t_test(a, b),
            method=estimate.method,
            # The correction asks this of the smallest p.
            power=find_power(
                a.values,
                b.values,
                LEVEL / max(len(judged), 1),
                _most(question),
                groups=a.groups,
                strata=a.strata,
                paired_seeds=question.paired_seeds,
                min_seeds=question.min_seeds,
            ),
            verdict=(verdict := _judge(estimate.ci95, adjusted.get(place), equal.get(place), _margin(question))),
            winner=(a if question.higher_is_better else b).name if verdict in _WITH_WINNER else None,
        )
        for place, ((a, b), estimate) in enumerate(zip(combos, estimates, strict=True))
    ]


def _share_seeds(a: Summary, b: Summary) -> list[Summary]:
    """Both strategies with those runs alone whose seed the other has too."""
    seeds = {run.seed for run in a.runs} & {run.seed for run in b.runs}
    if len(seeds) < min(len(a.runs), len(b.runs), MIN_SEEDS):
        raise ValueError(
            f"expected runs of the same seeds to pair, but {a.name} and {b.name} share {len(seeds)}; compare without"
            " --paired_seeds"
        )
    shared = []
    for summary in (a, b):
        places = [place for place, run in enumerate(summary.runs) if run.seed in seeds]
        shared.append(replace(summary, runs=[summary.runs[place] for place in places], values=summary.values[places]))
    return shared


def _nets(a: np.ndarray, b: np.ndarray, paired_seeds: bool) -> tuple[list[np.ndarray], list[float]]:
    """What is analysed, and its weights: two nets, or with paired seeds their difference as if it were one net."""
    return ([a - b], [1]) if paired_seeds else ([a, b], [1, -1])


def _judge(ci95: analysis.Interval, p_adjusted: float | None, p_equal: float | None, margin: float) -> Verdict:
    if p_adjusted is None:
        return Verdict.TOO_FEW_RUNS
    is_equal = p_equal is not None and p_equal < LEVEL and -margin < ci95[0] and ci95[1] < margin
    if p_adjusted < LEVEL:
        return Verdict.SLIGHTLY_BETTER if is_equal else Verdict.BETTER
    return Verdict.EQUAL if is_equal else Verdict.NO_DIFFERENCE


def _margin(question: Question) -> float:
    return (question.equal_within or 0.0) / question.scale.factor


def _most(question: Question) -> float:
    """The largest possible difference between two values."""
    return question.bounds[1] - question.bounds[0]


def _estimate(a: Summary, b: Summary, question: Question) -> _Estimate:
    """Several seeds of both give the crossed analysis.

    With one seed of each there is only McNemar's test of right and wrong answers; a single seed on one side, or other
    values, leave the images alone.
    """
    nets, weights = _nets(a.values, b.values, question.paired_seeds)
    num_units = count_units(a.values.shape[1], a.groups)
    method = "crossed" if min(len(a.values), len(b.values)) > 1 else "images"
    analyse = analysis.analyse_crossed if method == "crossed" else analysis.analyse_images
    contrast = analyse(nets, weights, a.groups, a.strata)
    ci95, p = contrast.ci95, contrast.p
    is_single = len(a.values) == len(b.values) == 1 and num_units == a.values.shape[1]
    if is_single and np.isin((a.values, b.values), (0, 1)).all():
        method = "mcnemar"
        p, ci95 = mcnemar(a.values[0], b.values[0])
    p_equal = None
    if question.equal_within:
        p_equal = analysis.find_equal_p(contrast, _margin(question), num_units, _most(question))
    ci95, p = analysis.judge(a.mean - b.mean, ci95, p, num_units, _most(question))
    return _Estimate(method, ci95, p, p_equal)


def paired_t_test(a: Summary, b: Summary) -> TrainingNoiseOnly | None:
    """The paired t-test over the seeds that both have, on these very images, as `scipy.stats.ttest_rel`.

    None with fewer than two seeds in common, or where all of them differ by the same amount other than 0, which no
    t-test can judge.
    """
    means_a, means_b = _means_by_seed(a), _means_by_seed(b)
    differences = np.array([means_a[seed] - means_b[seed] for seed in means_a if seed in means_b])
    if len(differences) < 2:
        return None
    mean, error = float(differences.mean()), 0.0
    if np.ptp(differences) > _SAME:
        error = float(differences.std(ddof=1) / len(differences) ** 0.5)
    elif abs(mean) >= _SAME:
        return None
    contrast = analysis.Contrast(mean, error, len(differences) - 1)
    return TrainingNoiseOnly(contrast.ci95, contrast.p)


def _means_by_seed(summary: Summary) -> dict[int, float]:
    return dict(zip((run.seed for run in summary.runs), summary.values.mean(axis=1), strict=True))


def find_power(
    a: np.ndarray,
    b: np.ndarray,
    level: float = LEVEL,
    max_difference: float = np.inf,
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    paired_seeds: bool = False,
    min_seeds: int = MIN_SEEDS,
) -> Power | None:
    """The differences that a study of this size can see, and the sizes that would see half of that.

    None where there are fewer than `min_seeds` seeds, or the nets' values do not vary at all.

    Args:
        a: float64 (S_a, N), N at least 2.
        b: float64 (S_b, N).
        level: the level that p has to be below.
        max_difference: the largest possible difference between two values.
        groups: int (N,), see `units.pool`; more images are taken to form groups as these do.
        strata: int (N,), see `units.pool`.
        paired_seeds: whether the s-th runs of both are compared with one another.
        min_seeds: the number of seeds that a verdict takes.
    """
    nets, weights = _nets(a, b, paired_seeds)
    num_seeds, num_images = np.array([len(values) for values in nets]), count_units(a.shape[1], groups)
    if num_seeds.min() < min_seeds:
        return None
    components = analysis.find_components(nets, weights, groups, strata)

    def detectable(seeds: np.ndarray, images: int, power: float = 0.8) -> float:
        return components.detectable(seeds, images, power, level)

    found = detectable(num_seeds, num_images)
    if found < analysis.NO_WIDTH:
        return None
    images_for_half = find_size(lambda images: detectable(num_seeds, images), found / 2, MAX_IMAGES)
    return Power(
        detectable=min(found, max_difference),
        seeds_for_half=find_size(lambda seeds: detectable(np.full(len(nets), seeds), num_images), found / 2, MAX_SEEDS),
        images_for_half=images_for_half and images_for_half * a.shape[1] // num_images,
        missed_below=min(detectable(num_seeds, num_images, power=0.5), max_difference),
    )


def round_up(size: int) -> int:
    """`size` to two digits."""
    unit = 10 ** max(len(str(size)) - 2, 0)
    return -(-size // unit) * unit


def find_size(detectable: Callable[[int], float], wanted: float, max_size: int) -> int | None:
    """The smallest size, 2..`max_size`, at which `detectable` is at most `wanted`.

    It falls with the size, but may rise again: with many images, few seeds alone tell how sure a difference is. So some
    sizes are tried first, from small to large.
    """
    tried = np.unique(np.geomspace(2, max_size, 60).round().astype(int)).tolist()
    place = next((place for place, size in enumerate(tried) if detectable(size) <= wanted), None)
    if not place:
        return None if place is None else tried[0]
    sizes = range(tried[place - 1], tried[place])
    return sizes.start + bisect_left(sizes, True, key=lambda size: detectable(size) <= wanted)
