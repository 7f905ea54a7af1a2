"""One run a strategy: what the pictures say of two trained nets. The noise of their seeds is not in it."""

import numpy as np

from cifar_lightning.compare.analysis import Interval


def mcnemar(a: np.ndarray, b: np.ndarray) -> tuple[float, Interval]:
    """Exact p of two nets that are right equally often, and the 95 % interval of their difference that goes with it.

    The p-value is that of the binomial test of the pictures on which exactly one net is right (McNemar 1947, exact).
    Clopper and Pearson's interval of the share of them that are `a`'s, s, gives that of the difference, (2 s - 1) times
    the share of such pictures among all, taken as it is. The interval leaves out 0 exactly where p < 0.05.
    Source: Fay & Lumbard 2021, Statistics in Medicine 40(5).

    Args:
        a: float64 (N,), 1 where the first net is right, else 0.
        b: float64 (N,), of the second.
    """
    # Half a second to import, and only needed here.
    from scipy.stats import binomtest

    only_a, disagreements = int((a > b).sum()), int((a != b).sum())
    if disagreements == 0:
        return 1.0, (0.0, 0.0)
    test = binomtest(only_a, disagreements)
    interval = test.proportion_ci(confidence_level=0.95, method="exact")
    share = disagreements / len(a)
    return float(test.pvalue), (float(2 * interval.low - 1) * share, float(2 * interval.high - 1) * share)
