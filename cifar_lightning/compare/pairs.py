"""Two strategies against each other: difference, interval, p-value, power and verdict."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np

from cifar_lightning.compare import analysis
from cifar_lightning.compare.comparison import Pair, Power, Summary, TrainingNoiseOnly, Verdict
from cifar_lightning.compare.correction import correct_pairs, holm
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.questions import MIN_SEEDS, Question
from cifar_lightning.compare.units import count_units

# Where one strategy scatters so many times as much as another over seeds, there are more false alarms than 5 %: up to
# so many if the runs show it, or in all (docs/calibration.md). With fewer seeds than enough, they often do not.
UNEQUAL, SEEN_ALARMS, MOST_ALARMS, ENOUGH_SEEDS = 3, 9, 19, 10
# The p-value below which a difference is shown.
LEVEL = 0.05
# Larger studies are not looked at.
MAX_SEEDS, MAX_IMAGES = 10_000, 10_000_000


def compare_pairs(strategies: Sequence[Summary], question: Question) -> list[Pair]:
    """Compares every two strategies.

    Pairs with fewer than three seeds on a side get no verdict and take no part in the correction of p-values. Raises
    ValueError if seeds are to be paired, but two strategies share too few.
    """
    num_judged = sum(len(summary.runs) >= question.min_seeds for summary in strategies)
    # The correction asks this of the smallest p.
    level = LEVEL / max(comb(num_judged, 2), 1)
    found = []
    for pair in combinations(strategies, 2):
        shared = _share_seeds(*pair) if question.paired_seeds else pair
        a, b = sorted(shared, key=lambda summary: -summary.mean)
        found.append(_compare(a, b, question, level))
    judged = [place for place, pair in enumerate(found) if pair.verdict is not Verdict.TOO_FEW_RUNS]
    p_values = [found[place].p for place in judged]
    within_margin = [p for place in judged if (p := found[place].p_equal) is not None]
    equal = holm(within_margin) if within_margin else [None] * len(judged)
    for place, p_adjusted, p_holm, p_equal in zip(
        judged, correct_pairs(p_values, num_judged), holm(p_values), equal, strict=True
    ):
        found[place] = _judge(found[place], question, p_adjusted, p_holm, p_equal)
    return found


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


def _compare(a: Summary, b: Summary, question: Question, level: float) -> Pair:
    """A pair whose p-values are not yet corrected for their number; `_judge` gives it its verdict if seeds are enough.

    Several seeds of both give the crossed analysis. With one seed of each there is only McNemar's test of right and
    wrong answers; a single seed on one side, or other values, leave the images alone.
    """
    nets, weights = _nets(a, b, question)
    method = "crossed" if min(len(a.values), len(b.values)) > 1 else "images"
    contrast = analysis.analyse(nets, weights, a.units)
    ci95, p = contrast.ci95, contrast.p
    is_single = len(a.values) == len(b.values) == 1 and contrast.num_units == a.values.shape[1]
    if is_single and np.isin((a.values, b.values), (0, 1)).all():
        method = "mcnemar"
        p, ci95 = mcnemar(a.values[0], b.values[0])
    difference = a.mean - b.mean
    ci95, p = analysis.judge(difference, ci95, p, contrast.num_units, question.span)
    is_judged = min(len(a.runs), len(b.runs)) >= question.min_seeds
    p_equal = None
    if question.equal_within and is_judged:
        p_equal = analysis.find_equal_p(contrast, _margin(question), question.span)
    return Pair(
        a=a.name,
        b=b.name,
        difference=difference,
        ci95=ci95,
        num_differing=contrast.num_differing,
        p=p,
        p_equal=p_equal,
        training_noise_only=paired_t_test(a, b),
        method=method,
        power=find_power(a, b, question, level),
        verdict=Verdict.NO_DIFFERENCE if is_judged else Verdict.TOO_FEW_RUNS,
    )


def _nets(a: Summary, b: Summary, question: Question) -> tuple[list[np.ndarray], list[float]]:
    """What is analysed, and its weights: two nets, or with paired seeds their difference as if it were one net."""
    return ([a.values - b.values], [1]) if question.paired_seeds else ([a.values, b.values], [1, -1])


def _judge(pair: Pair, question: Question, p_adjusted: float, p_holm: float, p_equal: float | None) -> Pair:
    margin = _margin(question)
    is_equal = p_equal is not None and p_equal < LEVEL and -margin < pair.ci95[0] and pair.ci95[1] < margin
    verdict, winner = Verdict.EQUAL if is_equal else Verdict.NO_DIFFERENCE, None
    if p_adjusted < LEVEL:
        verdict = Verdict.SLIGHTLY_BETTER if is_equal else Verdict.BETTER
        winner = pair.a if question.higher_is_better else pair.b
    return replace(pair, p_adjusted=p_adjusted, p_holm=p_holm, p_equal=p_equal, verdict=verdict, winner=winner)


def _margin(question: Question) -> float:
    return (question.equal_within or 0.0) / question.scale.factor


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
    if np.ptp(differences) > analysis.ROUNDING:
        error = float(differences.std(ddof=1) / len(differences) ** 0.5)
    elif abs(mean) >= analysis.ROUNDING:
        return None
    contrast = analysis.Contrast(mean, error, len(differences) - 1)
    return TrainingNoiseOnly(contrast.ci95, contrast.p)


def _means_by_seed(summary: Summary) -> dict[int, float]:
    return dict(zip((run.seed for run in summary.runs), summary.values.mean(axis=1), strict=True))


def find_power(a: Summary, b: Summary, question: Question, level: float = LEVEL) -> Power | None:
    """The differences that a study of this size can see with p below `level`, and the sizes that would see half of it.

    None where there are too few seeds for a verdict, or the nets' values do not vary at all. More images are taken to
    form groups as these do.
    """
    nets, weights = _nets(a, b, question)
    num_seeds, num_images = np.array([len(values) for values in nets]), count_units(a.values.shape[1], a.units.groups)
    if num_seeds.min() < question.min_seeds:
        return None
    components = analysis.find_components(nets, weights, a.units)

    def detectable(seeds: np.ndarray, images: int, power: float = 0.8) -> float:
        return components.detectable(seeds, images, power, level)

    found = detectable(num_seeds, num_images)
    if found < analysis.ROUNDING:
        return None
    images_for_half = find_size(lambda images: detectable(num_seeds, images), found / 2, MAX_IMAGES)
    return Power(
        detectable=min(found, question.span),
        seeds_for_half=find_size(lambda seeds: detectable(np.full(len(nets), seeds), num_images), found / 2, MAX_SEEDS),
        images_for_half=images_for_half and images_for_half * a.values.shape[1] // num_images,
        missed_below=min(detectable(num_seeds, num_images, power=0.5), question.span),
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
