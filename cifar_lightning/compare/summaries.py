"""A strategy by itself: its mean, how sure that is, and whether its training had finished."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from scipy.special import stdtrit

from cifar_lightning.compare.analysis import FEW_IMAGES, ROUNDING, Interval, analyse, find_unseen_interval
from cifar_lightning.compare.comparison import Summary
from cifar_lightning.compare.questions import SHARE_BOUNDS, Question, stack_correctness
from cifar_lightning.compare.units import EACH_ALONE, Units
from cifar_lightning.runs.folder import CURVES, GROUPS
from cifar_lightning.runs.predictions import wilson_interval
from cifar_lightning.runs.run import Run

_FALL_THAT_COUNTS, _LEARNT = 0.005, 0.95


def summarise(name: str, runs: Sequence[Run], question: Question) -> Summary:
    """The answers of one strategy's runs to the question."""
    right = stack_correctness(runs)
    test = runs[0].predictions("test")
    seconds = [run.facts.fit_seconds for run in runs if run.facts.fit_seconds is not None]
    return replace(
        estimate(name, runs, question.values(runs), question.bounds, find_units(runs, question.find_places(runs[0]))),
        recall_mean={
            class_name: float(right[:, test.labels == place].mean()) if (test.labels == place).any() else None
            for place, class_name in enumerate(test.class_names)
        },
        fit_seconds_median=median(seconds) if seconds else None,
        flops_per_image=runs[0].facts.flops_per_image,
        num_parameters=runs[0].facts.num_parameters,
    )


def estimate(name: str, runs: Sequence[Run], values: np.ndarray, bounds: Interval, units: Units) -> Summary:
    """A summary of `values`, float64 (S, N), without what run folders alone tell."""
    return Summary(name, runs, values, spread(values), mean_interval(values, bounds, units), units)


def find_units(runs: Sequence[Run], places: np.ndarray | slice = slice(None)) -> Units:
    """The groups of near-duplicate test images, from the first run that knows them, and the classes as strata.

    `places`: bool (N,), which of the test images are asked for.
    """
    groups = next((run.groups[places] for run in runs if run.has(GROUPS)), None)
    return Units(groups, runs[0].predictions("test").labels[places])


def spread(values: np.ndarray) -> float | None:
    """The standard deviation over runs of the means of `values`, float64 (S, N); None with one run."""
    return float(values.mean(axis=1).std(ddof=1)) if len(values) > 1 else None


def mean_interval(values: np.ndarray, bounds: Interval = SHARE_BOUNDS, units: Units = EACH_ALONE) -> Interval:
    """The 95 % interval of the mean of `values`, float64 (S, N), for new seeds and images; if S is 1, new images alone.

    With the variance V and degrees of freedom of `analysis.py`, the mean m of shares gets Wilson's interval, with
    Student's t and as many images as make a binomial share vary like it, m (1 - m) / V; other values get Student's.
    With fewer than 15 mistakes per run (or right answers) V is often too small by chance: of the images that it makes
    more than there are, half count. Source: Dean & Pagano 2015, Journal of Survey Statistics and Methodology 3(4).
    No interval reaches beyond `bounds`, the lowest and the highest possible value, (0, 1) for shares.
    """
    contrast = analyse([values], [1.0], units)
    if bounds != SHARE_BOUNDS:
        low, high = contrast.ci95
        if high - low < ROUNDING:
            return find_unseen_interval(contrast.value, contrast.num_units, bounds)
        return max(low, bounds[0]), min(high, bounds[1])
    mean, error, num_units = contrast.value, contrast.standard_error, contrast.num_units
    # Where all answers of all runs are right, or all wrong, the only noise is that of so few images.
    count = mean * (1 - mean) / error**2 if error > ROUNDING else num_units
    if min(mean, 1 - mean) * num_units < FEW_IMAGES:
        count = min(count, (count + num_units) / 2)
    return wilson_interval(mean, count, float(stdtrit(contrast.degrees_of_freedom, 0.975)))


def is_unfinished(runs: Sequence[Run]) -> bool:
    """Whether these runs of one strategy were still improving at their last epoch. Runs without curves do not count.

    They were if, averaged over the runs, the training loss of the last fifth of the epochs is at least 0.5 % below that
    of the fifth before, and the training accuracy of the last fifth is below 95 %. The loss alone would not do: it
    still falls long after all training images are right (docs/calibration.md, "Unfinished training").
    """
    falls, accuracies = [], []
    for curves in (run.curves for run in runs if run.has(CURVES) and len(run.curves.epochs)):
        fifth = max(1, len(curves.epochs) // 5)
        before, last = curves.train_loss[-2 * fifth : -fifth], curves.train_loss[-fifth:]
        # A single epoch has no loss before it.
        falls.append(1 - last.mean() / before.mean() if len(before) else 1.0)
        accuracies.append(curves.train_accuracy[-fifth:].mean())
    return bool(falls) and bool(np.mean(falls) >= _FALL_THAT_COUNTS and np.mean(accuracies) < _LEARNT)
