"""The noise that a plan reckons with: from the values of a pilot, or from assumptions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from cifar_lightning.compare.analysis import Components, combine, find_components
from cifar_lightning.compare.units import EACH_ALONE, Units, pool

# How sure each mean square of a pilot is to be below its upper bound.
CONFIDENCE = 0.8
# The share of an answer's variance that is neither of the image nor of the seed; 0.21 to 0.42 in the lab.
CHANCE = 0.25


@dataclass(frozen=True)
class Noise:
    """The noise of the difference of two strategies: as it is seen or assumed, and each mean square's upper bound.

    `units_per_image` is below 1 where images form groups that count as one each, as more of them are taken to do.
    """

    seen: Components
    upper: Components
    units_per_image: float = 1.0

    def detectable(self, num_seeds: int, num_images: int, power: float, level: float) -> float:
        """As `Components.detectable` with so many seeds of both, from the upper bound of the variance.

        Mean squares are independent: what their bounds add to the variance is the root of the sum of squares. Source:
        Graybill & Wang 1980, Journal of the American Statistical Association 75(372).
        """
        seeds, num_units = np.array([num_seeds, num_seeds]), num_images * self.units_per_image
        of_images = (self.upper.images - self.seen.images) / num_units
        of_seeds = (self.upper.seeds - self.seen.seeds) / seeds
        of_residual = (self.upper.residual - self.seen.residual) / (seeds * num_units)
        added = float(np.linalg.norm([of_images, *of_seeds, *of_residual]))
        raised = 1 + added / self.seen.variance(seeds, num_units)
        return self.seen.detectable(seeds, num_units, power, level) * raised**0.5


def find_noise(nets: Sequence[np.ndarray], units: Units = EACH_ALONE) -> Noise:
    """The noise that a pilot of two strategies shows: `nets` float64 (S_g, N), S_g at least 2, not all images alike.

    A mean square M with f degrees of freedom stands for f M / q at most, with q the quantile 1 - `CONFIDENCE` of
    chi-square. The mean square of the d_i (see `find_components`) scatters as one with f = 2 (N - 1) / (kurtosis - 1).
    """
    seen = find_components(nets, (1, -1), units)
    differences = pool(combine(nets, (1, -1))[None], units)[0]
    num_units = len(differences)
    away = (differences - differences.mean()) ** 2
    kurtosis = float((away**2).mean() / away.mean() ** 2)
    freedom = max(2 * (num_units - 1) / max(kurtosis - 1, 1.0), 1.0)
    num_seeds = np.array([len(values) for values in nets])
    of_seeds = np.array([values.mean(axis=1).var(ddof=1) for values in nets])
    upper = Components(
        float(seen.images + (raise_to_bound(freedom) - 1) * differences.var(ddof=seen.num_strata)),
        seen.seeds + (raise_to_bound(num_seeds - 1) - 1) * of_seeds,
        seen.residual * raise_to_bound((num_seeds - 1) * (num_units - 1)),
    )
    return Noise(seen, upper, num_units / nets[0].shape[1])


def raise_to_bound(freedom: np.ndarray | float) -> np.ndarray | float:
    """What a mean square is multiplied by to reach its upper bound: 4.5 with two degrees of freedom."""
    return freedom / chdtri(freedom, CONFIDENCE)


def assume_noise(accuracy: float, agreement: float, seed_deviation: float, num_images: int) -> Noise:
    """The noise that the assumptions of `plan` amount to, `seed_deviation` 0.01 for one point.

    Of an answer's variance m (1 - m), the share `CHANCE` is the residual and the rest is that of the images, which two
    nets have in common as far as they agree. Seeds have what the residual leaves of their deviation.
    """
    variance = accuracy * (1 - accuracy)
    residual = CHANCE * variance
    seeds = max(seed_deviation**2 - residual / num_images, 0.0)
    assumed = Components(2 * (variance - residual) * (1 - agreement), np.full(2, seeds), np.full(2, residual))
    return Noise(assumed, assumed)
