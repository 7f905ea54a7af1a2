"""One run per strategy: what the images say about two trained nets. The noise of their seeds is not covered."""

import numpy as np
from scipy.special import bdtr, betainc, betaincinv

from cifar_lightning.compare.analysis import Interval

# The probabilities at which the confidence distribution of the share is evaluated.
_GRID = 1000
_PLACES = (np.arange(_GRID) + 0.5) / _GRID


def mcnemar(a: np.ndarray, b: np.ndarray) -> tuple[float, Interval]:
    """The exact p of two nets being right equally often, and the 95 % interval of their difference that matches it.

    The p-value is that of the binomial test of the images on which exactly one net is right (McNemar 1947, exact).
    The difference is the share d of such images, times 2 s - 1, where s is the share of them that are `a`'s. Each end
    of the interval is a quantile of that product over Clopper and Pearson's confidence distributions of s and d
    ("melding"). It excludes 0 exactly where p < 0.05. Source: Fay & Lumbard 2021, Statistics in Medicine 40(5).

    `a` and `b`: float64 (N,), 1 where that net is right, else 0.
    """
    only_a, disagreements, count = int((a > b).sum()), int((a != b).sum()), len(a)
    if disagreements == 0:
        return 1.0, (0.0, 0.0)
    only_b = disagreements - only_a
    p = min(1.0, 2 * float(bdtr(min(only_a, only_b), disagreements, 0.5)))
    # The other end is the mirror image.
    low = _meld(only_a, only_b, disagreements, count)
    high = -_meld(only_b, only_a, disagreements, count)
    # The quantiles are of a grid, too coarse where p is next to 5 %.
    if p >= 0.05:
        return p, (min(low, 0.0), max(high, 0.0))
    return p, (max(low, 0.0), high) if only_a > only_b else (low, min(high, 0.0))


def _meld(only_a: int, only_b: int, disagreements: int, count: int) -> float:
    """The lower end of the interval: the product is below it with a probability of 2.5 %."""
    from scipy.optimize import brentq

    share = 2 * betaincinv(only_a, only_b + 1, _PLACES) - 1 if only_a else np.full(_GRID, -1.0)
    # Where both are ahead as often, the product is next to 0 as well as 0.
    share[share == 0] = 1e-300

    def find_probability(end: float) -> float:
        """Of a product below `end`: few disagreements where `a` is ahead, many where it is behind."""
        most = np.clip(end / share, 0, 1)
        few = betainc(disagreements, count - disagreements + 1, most)
        many = betainc(disagreements + 1, count - disagreements, most) if disagreements < count else most == 1
        return float(np.where(share > 0, few, 1.0 - many).mean())

    return float(brentq(lambda end: find_probability(end) - 0.025, -1.0, 1.0))
