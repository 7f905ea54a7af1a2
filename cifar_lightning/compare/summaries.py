"""A strategy by itself: its mean, and how sure that is."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from cifar_lightning.compare.analysis import analyse_crossed, analyse_pictures
from cifar_lightning.compare.comparison import Interval, Summary
from cifar_lightning.compare.questions import Question, stack_correctness
from cifar_lightning.compare.reading import Run
from cifar_lightning.runs.scores import wilson_interval


def summarise(name: str, runs: Sequence[Run], question: Question) -> Summary:
    """What the runs of one strategy answer to the question.

    Raises:
        ValueError: if a run cannot answer.
    """
    values = question.values(runs)
    right = stack_correctness(runs)
    labels = runs[0].test.labels
    seconds = [run.facts["fit_seconds"] for run in runs if isinstance(run.facts.get("fit_seconds"), int | float)]
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


def mean_interval(values: np.ndarray, bounds: Interval = (-np.inf, np.inf)) -> Interval:
    """95 % interval of the mean of `values`, float64 (S, N), for new seeds and pictures; of new pictures if S is 1.

    The crossed analysis of `analysis.py`, held within `bounds`. Wilson's interval for one run's right and wrong
    answers, and where all answers of all runs are right, or all wrong, and so nothing is left to see noise in.
    """
    num_right, num_pictures = int(values[0].sum()), values.shape[1]
    if (len(values) == 1 and np.isin(values, (0, 1)).all()) or (values == 1).all() or (values == 0).all():
        low, high = wilson_interval(num_right, num_pictures) or bounds
    else:
        low, high = (analyse_crossed if len(values) > 1 else analyse_pictures)([values], [1.0]).ci95
    return max(low, bounds[0]), min(high, bounds[1])
