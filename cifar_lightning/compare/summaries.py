"""A strategy by itself: its mean, and how sure that is."""

from collections.abc import Sequence
from statistics import median

import numpy as np
from scipy.special import stdtrit

from cifar_lightning.compare.analysis import NO_WIDTH, analyse_crossed, analyse_pictures, find_unseen_interval
from cifar_lightning.compare.comparison import Interval, Summary
from cifar_lightning.compare.questions import SHARE_BOUNDS, Question, stack_correctness
from cifar_lightning.runs.run import Run


def summarise(name: str, runs: Sequence[Run], question: Question) -> Summary:
    """What the runs of one strategy answer to the question.

    Raises:
        ValueError: if a run cannot answer.
    """
    values = question.values(runs)
    right = stack_correctness(runs)
    labels = runs[0].test.labels
    seconds = [run.fit_seconds for run in runs if run.fit_seconds is not None]
    return Summary(
        name=name,
        runs=runs,
        values=values,
        mean=float(values.mean()),
        sd=spread(values),
        ci95=mean_interval(values, question.bounds),
        recall_mean={
            class_name: float(right[:, labels == place].mean()) if (labels == place).any() else None
            for place, class_name in enumerate(runs[0].test.class_names)
        },
        fit_seconds_median=median(seconds) if seconds else None,
        flops_per_image=runs[0].facts["flops_per_image"],
        num_parameters=runs[0].facts["num_parameters"],
    )


def spread(values: np.ndarray) -> float | None:
    """Standard deviation over runs of the means of `values`, float64 (S, N); None with one run."""
    return float(values.mean(axis=1).std(ddof=1)) if len(values) > 1 else None


def mean_interval(values: np.ndarray, bounds: Interval = SHARE_BOUNDS) -> Interval:
    """95 % interval of the mean of `values`, float64 (S, N), for new seeds and pictures; of new pictures if S is 1.

    From the variance V and degrees of freedom of the crossed analysis in `analysis.py`. The mean m of shares has
    Wilson's interval (Wilson 1927), with Student's t and as many pictures as make a binomial share vary like it,
    m (1 - m) / V; near 0 and 1 the plain interval, which other values get, would hold the truth too rarely.
    Source: Dean & Pagano 2015, Journal of Survey Statistics and Methodology 3(4).

    Args:
        values: N at least 2.
        bounds: of a value; (0, 1) for shares.
    """
    contrast = (analyse_crossed if len(values) > 1 else analyse_pictures)([values], [1.0])
    if bounds != SHARE_BOUNDS:
        low, high = contrast.ci95
        if high - low < NO_WIDTH:
            return find_unseen_interval(contrast.value, values.shape[1], bounds)
        return max(low, bounds[0]), min(high, bounds[1])
    mean, variance = contrast.value, contrast.standard_error**2
    # Where all answers of all runs are right, or all wrong, no noise is seen but that of so many pictures.
    count = mean * (1 - mean) / variance if variance > 0 else values.shape[1]
    return wilson(mean, count, float(stdtrit(contrast.degrees_of_freedom, 0.975)))


def wilson(share: float, count: float, quantile: float) -> Interval:
    """Wilson's interval (Wilson 1927) of a share of `count` pictures; `quantile` is that of 97.5 %."""
    squared = quantile**2 / count
    middle, half = share + squared / 2, (squared * (share * (1 - share) + squared / 4)) ** 0.5
    return max((middle - half) / (1 + squared), 0.0), min((middle + half) / (1 + squared), 1.0)
