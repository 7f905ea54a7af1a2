"""Seeds by images: how sure a difference of nets is for new seeds and new images.

The field's name is multi-reader multi-case analysis: here seeds are the readers, images the cases, and the images
are the same for all nets. Sources: Obuchowski & Rockette 1995, Communications in Statistics 24(2); Gallas 2006,
Academic Radiology 13(3); degrees of freedom: Satterthwaite 1946, Biometrics Bulletin 2(6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

from cifar_lightning.compare.units import EACH_ALONE, Units, count_strata, find_evenness, pool, sum_groups

Interval = tuple[float, float]
# A smaller difference is rounding: the same right answers, added up in another order.
ROUNDING = 1e-12
# With fewer images that tell two nets apart, the interval is that of a small count (docs/calibration.md).
FEW_IMAGES = 15


@dataclass(frozen=True)
class Components:
    """The variances, none below 0, that make up the noise of a weighted sum of nets' means.

    Attributes:
        images: the variance that a new image brings.
        seeds: float64 (G,), the variance that a new seed of each net brings.
        residual: float64 (G,), the variance of each net that seed and image bring together.
        num_strata: the number of strata that the images are drawn from.
        evenness: see `units.find_evenness`: with groups of unequal size, the large ones alone tell how groups vary.
    """

    images: float
    seeds: np.ndarray
    residual: np.ndarray
    num_strata: int = 1
    evenness: float = 1.0

    def variance(self, num_seeds: np.ndarray, num_images: float) -> float:
        """The variance of the sum, with `num_seeds` (G,) runs of each net and `num_images` shared images."""
        of_seeds = self.seeds / num_seeds + self.residual / (num_seeds * num_images)
        return float(self.images / num_images + of_seeds.sum())

    def degrees_of_freedom(self, num_seeds: np.ndarray, num_images: float) -> float:
        """Satterthwaite's degrees of freedom: V^2 / sum(M^2 / df) over the mean squares M that make up V."""
        residual = self.residual / (num_seeds * num_images)
        images = self.images / num_images + residual.sum()
        seeds = self.seeds / num_seeds + residual
        free_images = max(self.evenness * num_images - self.num_strata, 1)
        # A single run brings no variance of seeds.
        free_seeds = np.maximum(num_seeds - 1, 1)
        spread = (
            images**2 / free_images
            + (seeds**2 / free_seeds).sum()
            + (residual**2 / (free_seeds * (num_images - 1))).sum()
        )
        return self.variance(num_seeds, num_images) ** 2 / spread if spread > 0 else float(free_images)

    def detectable(self, num_seeds: np.ndarray, num_images: float, power: float = 0.8, level: float = 0.05) -> float:
        """The true value that a share `power` of studies tells from 0, two-sided p below `level`: by noncentral t."""
        degrees_of_freedom = self.degrees_of_freedom(num_seeds, num_images)
        critical = stdtrit(degrees_of_freedom, 1 - level / 2)
        noncentrality = nctdtrinc(degrees_of_freedom, 1 - power, critical)
        return float(noncentrality * self.variance(num_seeds, num_images) ** 0.5)


@dataclass(frozen=True)
class Contrast:
    """An estimated weighted sum of nets' means.

    Attributes:
        degrees_of_freedom: those of the standard error.
        skewness: that of the estimate, as far as it comes from the images.
        steps: where few images tell the nets apart, what one more of them would add to the value, and take from it.
        num_units: the number of images, or groups of them.
        num_differing: on how many of these the nets differ.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    skewness: float = 0.0
    steps: tuple[float, float] | None = None
    num_units: int = 0
    num_differing: int = 0

    @cached_property
    def ci95(self) -> Interval:
        """The 95 % interval: Student's, which excludes 0 where p is below 5 %, with ends beyond 0 moved outwards.

        A sample with too few of the few images that tell two nets apart makes value and standard error too small
        (coverage in docs/calibration.md). With skewness k the quantile q becomes q + k (2 q^2 + 1) / 6 on that side,
        unless the end would move across 0. Source: Hall 1992, The Bootstrap and Edgeworth Expansion, chapter 2.6.

        Fewer than 15 such images cannot show the skewness either. The end is then that of a score interval, as
        Wilson's: with the step s that one more image makes, and a = 1.96^2 s, it is (a + sqrt(a^2 + 4 h^2)) / 2 from
        the value in place of Student's h.
        """
        quantile = float(stdtrit(self.degrees_of_freedom, 0.975))
        half = quantile * self.standard_error
        low, high = self.value - half, self.value + half
        if self.steps:
            up, down = (_score_half(half, step) for step in self.steps)
            return (self.value - down if low < 0 else low), (self.value + up if high > 0 else high)
        farther = abs(self.skewness) * (2 * quantile**2 + 1) / 6 * self.standard_error
        if self.skewness > 0 and high > 0:
            high += farther
        elif self.skewness < 0 and low < 0:
            low -= farther
        return low, high

    @cached_property
    def p(self) -> float:
        """The two-sided p-value of a true value of 0."""
        return self.p_of(0.0)

    def p_of(self, truth: float) -> float:
        """The two-sided p-value of this true value."""
        away = abs(self.value - truth)
        if self.standard_error == 0:
            return float(away < ROUNDING)
        return float(2 * stdtr(self.degrees_of_freedom, -away / self.standard_error))


def find_components(nets: Sequence[np.ndarray], weights: Sequence[float], units: Units = EACH_ALONE) -> Components:
    """The variance components of sum_g w_g mean(x_g), by the analysis of variance.

    With x_g the values of net g, float64 (S_g, N), images shared, and d_i = sum_g w_g mean_s(x_g,si):

        residual_g = w_g^2 mse_g              (seeds-by-images residual mean square)
        seeds_g    = w_g^2 var_s(mean_i x_g,si) - residual_g / N
        images   = var_i(d) - sum_g residual_g / S_g

    where a component below 0 becomes 0. A net with a single run brings neither seeds nor residual. With groups or
    strata, the values are those of `units.pool`, an image is a group, and var_i has N minus the number of strata
    degrees of freedom.
    """
    pooled = [pool(values, units) for values in nets]
    num_images, num_strata = pooled[0].shape[1], count_strata(units.strata)
    residual, seeds = [], []
    for values, weight in zip(pooled, weights, strict=True):
        of_run, of_image = values.mean(axis=1), values.mean(axis=0)
        left = values - of_run[:, None] - of_image + of_run.mean()
        mean_square = weight**2 * (left**2).sum() / max((len(values) - 1) * (num_images - 1), 1)
        residual.append(mean_square)
        of_seeds = of_run.var(ddof=1) if len(values) > 1 else 0.0
        seeds.append(max(weight**2 * of_seeds - mean_square / num_images, 0))
    num_seeds = np.array([len(values) for values in nets])
    images = combine(pooled, weights).var(ddof=num_strata) - (np.array(residual) / num_seeds).sum()
    evenness = find_evenness(units.groups)
    return Components(max(float(images), 0.0), np.array(seeds), np.array(residual), num_strata, evenness)


def combine(nets: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted sum d_i of the nets' mean values, per image; float64 (N,)."""
    return np.sum([weight * values.mean(axis=0) for values, weight in zip(nets, weights, strict=True)], axis=0)


def analyse(nets: Sequence[np.ndarray], weights: Sequence[float] = (1, -1), units: Units = EACH_ALONE) -> Contrast:
    """Estimates sum_g w_g mean(x_g) for new seeds and new images; `nets` float64 (S_g, N), N at least 2.

    V = var_i(d)/N + sum_g w_g^2 (var_s(g)/S_g - mse_g/(N S_g)), from components that are 0 or above. With a single run
    of some net, the estimate is for new images and these very runs, without seed noise: the t-test of the d_i.
    """
    differences, num_seeds = combine(nets, weights), np.array([len(values) for values in nets])
    # The sums are not centred: 0 where two nets answer alike.
    pooled, sums = pool(differences[None], units)[0], sum_groups(differences, units.groups)
    value, num_units, num_differing = float(pooled.mean()), len(pooled), count_differing(sums)
    if num_seeds.min() > 1:
        components = find_components(nets, weights, units)
        standard_error = components.variance(num_seeds, num_units) ** 0.5
        degrees_of_freedom = components.degrees_of_freedom(num_seeds, num_units)
    else:
        num_strata = count_strata(units.strata)
        standard_error = float((pooled.var(ddof=num_strata) / num_units) ** 0.5)
        degrees_of_freedom = max(find_evenness(units.groups) * num_units - num_strata, 1)
    skewness, steps = 0.0, None
    if standard_error > ROUNDING:
        # The third central moment of a mean is that of the d_i over N^2.
        skewness = float(((pooled - value) ** 3).mean()) / (num_units**2 * standard_error**3)
        if num_differing < min(FEW_IMAGES, num_units):
            steps = (_find_step(sums), _find_step(-sums))
    return Contrast(value, standard_error, degrees_of_freedom, skewness, steps, num_units, num_differing)


def count_differing(differences: np.ndarray) -> int:
    """On how many images two nets differ, given the d_i, float64 (N,)."""
    return int((np.abs(differences) > ROUNDING).sum())


def _find_step(differences: np.ndarray) -> float:
    """What one more image above 0 would add to the mean: as much as those above 0 do; without any, all of it."""
    above = differences[differences > ROUNDING]
    return float((above**2).sum() / above.sum() if len(above) else 1.0) / len(differences)


def _score_half(half: float, step: float) -> float:
    added = 1.96**2 * step
    return (added + (added**2 + 4 * half**2) ** 0.5) / 2


def judge(value: float, ci95: Interval, p: float, num_images: int, most: float) -> tuple[Interval, float]:
    """The interval and the p of a difference that is at most `most` either way.

    Where nothing varies, they are what so many images may have failed to show.
    """
    if ci95[1] - ci95[0] >= ROUNDING:
        return (max(ci95[0], -most), min(ci95[1], most)), p
    return find_unseen_interval(value, num_images, (-most, most)), find_unseen_p(value, num_images, (-most, most))


def find_equal_p(contrast: Contrast, margin: float, most: float) -> float:
    """The p-value of a true difference of `margin` or more, either way; at most `most` is possible.

    Of the two ends, the one that is harder to exclude counts ("two one-sided tests"). Its p is doubled: it is below 5 %
    where Student's 95 % interval is within the margin. The 90 % one would call too many nets equal
    (docs/calibration.md). Source: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15(6).
    """
    margin = min(margin, most)
    if abs(contrast.value) >= margin:
        return 1.0
    if contrast.standard_error > ROUNDING:
        return max(contrast.p_of(-margin), contrast.p_of(margin))
    ends = (-margin, margin)
    return max(find_unseen_p(contrast.value - end, contrast.num_units, (-most - end, most - end)) for end in ends)


def find_unseen_interval(value: float, num_images: int, bounds: Interval = (-1.0, 1.0)) -> Interval:
    """The 95 % interval of a mean, within `bounds`, where all of `num_images` images show the same `value`.

    A share of u = 1 - 0.025^(1/N) of all images may behave in another way, and N images miss it with a chance of 2.5 %.
    At worst, all of that share is at one of the bounds. Source: Hanley & Lippman-Hand 1983, JAMA 249(13).
    """
    unseen = 1 - 0.025 ** (1 / num_images)
    return value - unseen * (value - bounds[0]), value + unseen * (bounds[1] - value)


def find_unseen_p(value: float, num_images: int, bounds: Interval = (-1.0, 1.0)) -> float:
    """The two-sided p of a true mean of 0: twice the level at which the interval above reaches 0."""
    bound = bounds[0] if value > 0 else bounds[1]
    # The share of images that would have to be at that bound is u = value / (value - bound).
    return min(2 * (bound / (bound - value)) ** num_images, 1.0)
