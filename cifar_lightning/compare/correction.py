"""P-values corrected for their number: one in twenty studies, not one in twenty p-values, is a false alarm."""

from collections.abc import Callable, Sequence
from math import comb

import numpy as np

# 21,147 partitions, which take a few hundredths of a second; ten strategies have 115,975.
_MAX_PARTITIONED = 9


def correct_pairs(p_values: Sequence[float], num_strategies: int) -> list[float]:
    """Corrects the p-values of all pairs of strategies, in the order of `itertools.combinations`, by closed testing.

    If a equals b and b equals c, then a equals c. So what can be true together is a partition of the strategies into
    blocks of equal ones, and H, the pairs within its blocks. Such an H has the p-value min(1, |H| min(p over H)), and a
    pair gets the largest p of all H that contain it. With more than nine strategies, Shaffer's correction knows how
    many pairs can be true together, not which.
    Sources: Bergmann & Hommel 1988, in Multiple Hypothesenpruefung, Springer; Garcia & Herrera 2008, JMLR 9; Shaffer
    1986, Journal of the American Statistical Association 81(395).
    """
    if num_strategies > _MAX_PARTITIONED:
        return _shaffer(p_values, num_strategies)
    blocks = _list_partitions(num_strategies)
    first, second = np.triu_indices(num_strategies, 1)
    # bool (B, P): whether the pair is within a block.
    within = blocks[:, first] == blocks[:, second]
    smallest = np.where(within, p_values, 1.0).min(axis=1, initial=1.0)
    of_partition = np.minimum(within.sum(axis=1) * smallest, 1)
    return [float(p) for p in np.where(within, of_partition[:, None], 0.0).max(axis=0)]


def _list_partitions(count: int) -> np.ndarray:
    """All partitions of `count` things; int (B, count), the block of each, numbered in the order they first appear."""
    blocks = np.zeros((1, count), int)
    for place in range(1, count):
        num_blocks = blocks[:, :place].max(axis=1) + 1
        blocks = np.repeat(blocks, num_blocks + 1, axis=0)
        blocks[:, place] = np.concatenate([np.arange(number + 1) for number in num_blocks])
    return blocks


def _shaffer(p_values: Sequence[float], num_strategies: int) -> list[float]:
    """Holm's correction, but the k-th smallest p times the most pairs that can be equal when k - 1 are not."""
    possible = _count_possible(num_strategies)
    return _step_down(p_values, lambda left: max(number for number in possible if number <= left))


def _count_possible(num_strategies: int) -> set[int]:
    """How many pairs can be equal: 0, 1, 2, 3 or 6 of four strategies."""
    possible: list[set[int]] = [{0}]
    for count in range(1, num_strategies + 1):
        possible.append({comb(size, 2) + more for size in range(1, count + 1) for more in possible[count - size]})
    return possible[num_strategies]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number m: the k-th smallest times m - k + 1, never falling, at most 1.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    return _step_down(p_values, lambda left: left)


def _step_down(p_values: Sequence[float], multiplier: Callable[[int], int]) -> list[float]:
    """Each p times the multiplier of how many are left from it on, smallest first."""
    order = np.argsort(p_values)
    multipliers = [multiplier(left) for left in range(len(p_values), 0, -1)]
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values, float)[order] * multipliers), 1)
    return [float(p) for p in corrected]
