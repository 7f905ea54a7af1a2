"""One run a strategy: what the pictures say of two trained nets. The noise of their seeds is not in it."""

import numpy as np
from scipy.special import bdtr, betaincinv

from cifar_lightning.compare.analysis import Interval

# Probabilities at which the confidence distributions are looked at.
_GRID = 400
_PLACES = (np.arange(_GRID) + 0.5) / _GRID


def mcnemar(a: np.ndarray, b: np.ndarray) -> tuple[float, Interval]:
    """Exact p of two nets that are right equally often, and the 95 % interval of their difference that goes with it.

    The p-value is that of the binomial test of the pictures on which exactly one net is right (McNemar 1947, exact).
    The difference is the share d of such pictures, times 2 s - 1, where s is the share of them that are `a`'s. Each end
    of the interval is a quantile of that product over the confidence distributions of s and d, those of Clopper and
    Pearson's intervals ("melding"). It leaves out 0 exactly where p < 0.05.
    Source: Fay & Lumbard 2021, Statistics in Medicine 40(5).

    Args:
        a: float64 (N,), 1 where the first net is right, else 0.
        b: float64 (N,), of the second.
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
    """The lower end of the interval."""
    share = 2 * betaincinv(only_a, only_b + 1, _PLACES) - 1 if only_a else np.full(_GRID, -1.0)
    few = betaincinv(disagreements, count - disagreements + 1, _PLACES)
    many = betaincinv(disagreements + 1, count - disagreements, _PLACES) if disagreements < count else np.ones(_GRID)
    products = np.where(share[:, None] > 0, share[:, None] * few, share[:, None] * many)
    return float(np.quantile(products, 0.025))
