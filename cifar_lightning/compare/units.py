"""Images that do not count one by one: near-duplicates, which count as one unit, and images in strata."""

from typing import NamedTuple

import numpy as np

# With fewer groups, a few more false alarms than 5 % (docs/calibration.md).
ENOUGH_GROUPS = 20


class Units(NamedTuple):
    """What N images count as.

    Attributes:
        groups: int (N,), images with the same number are one unit; None: each image is one.
        strata: int (N,), the stratum of each image, such as its class; None: all are in one.
    """

    groups: np.ndarray | None = None
    strata: np.ndarray | None = None


EACH_ALONE = Units()


def count_units(num_images: int, groups: np.ndarray | None) -> int:
    """The number G of groups; without groups, each of the N images is one."""
    return num_images if groups is None else len(np.unique(groups))


def find_evenness(groups: np.ndarray | None) -> float:
    """The effective number of groups, (sum n)^2 / sum n^2, as a share of their number: 1 where all are of one size n.

    Source: Kish 1965, Survey Sampling, chapter 8.2.
    """
    if groups is None:
        return 1.0
    sizes = np.unique(groups, return_counts=True)[1]
    return float(sizes.sum() ** 2 / (len(sizes) * (sizes**2).sum()))


def count_strata(strata: np.ndarray | None) -> int:
    """The number of strata. Without any, or with fewer than two images per stratum, all images are in one."""
    number = 1 if strata is None else len(np.unique(strata))
    return number if strata is None or 2 * number <= len(strata) else 1


def pool(values: np.ndarray, units: Units) -> np.ndarray:
    """One value per group for the values x of a net, float64 (S, N) -> (S, G): the mean of every seed stays the same.

    With m the mean of the net, a group gets x_g = (G / N) sum over its images of (x - m) + m. With strata, m in the sum
    is the net's mean in the stratum of the image: the spread between strata is then in no variance.
    """
    groups, strata = units
    mean = values.mean()
    if strata is not None and count_strata(strata) > 1:
        places = np.unique(strata, return_inverse=True)[1]
        of_stratum = np.bincount(places, values.mean(axis=0)) / np.bincount(places)
        values = values - of_stratum[places] + mean
    if count_units(len(values[0]), groups) == len(values[0]):
        return values
    return sum_groups(values - mean, groups) + mean


def sum_groups(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """(G / N) times the sum over each group, float64 (..., N) -> (..., G): the mean over all stays the same."""
    if groups is None:
        return values
    order = np.argsort(groups, kind="stable")
    starts = np.unique(groups[order], return_index=True)[1]
    if len(starts) == len(groups):
        return values
    return np.add.reduceat(values[..., order], starts, axis=-1) * (len(starts) / len(groups))
