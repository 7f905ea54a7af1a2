"""How many seeds and images a study needs to show a difference: from a pilot, or from stated assumptions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.compare.analysis import ROUNDING, combine
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.pairs import ENOUGH_SEEDS, LEVEL, MAX_IMAGES, MAX_SEEDS, MIN_SEEDS, find_size, round_up
from cifar_lightning.compare.planning_noise import CHANCE, CONFIDENCE, Noise, assume_noise, find_noise, raise_to_bound
from cifar_lightning.compare.questions import SHARES, Scale
from cifar_lightning.plots.kit import Chart
from cifar_lightning.printing import count
from cifar_lightning.runs.run import Run


@dataclass(frozen=True)
class Plan:
    """What a study needs to show a difference; `print` shows the answer, Jupyter the figure.

    Attributes:
        difference: the difference to be shown, between any two strategies; 0.02 is 2 points.
        power: the share of studies that are to show it.
        num_images: the number of test images.
        noise: that of the difference of each pair of strategies.
        num_strategies: how many strategies are compared; p-values are corrected for all their pairs.
        basis: sentences on what the plan is made from.
        pilot: the fewest seeds of a strategy in the pilot, and its images; None without a pilot.
        seconds_per_seed: the seconds that fitting one seed of every strategy took there; None where unknown.
        scale: how differences are written.
    """

    difference: float
    power: float
    num_images: int
    noise: Sequence[Noise]
    num_strategies: int
    basis: Sequence[str]
    pilot: tuple[int, int] | None = None
    seconds_per_seed: float | None = None
    scale: Scale = SHARES

    def detectable(self, num_seeds: int, num_images: int) -> float:
        """The smallest difference that a study of this size shows, whichever two strategies differ."""
        level = LEVEL / comb(self.num_strategies, 2)
        return max(noise.detectable(num_seeds, num_images, self.power, level) for noise in self.noise)

    @cached_property
    def num_seeds(self) -> int | None:
        """The fewest seeds per strategy that show the difference with `num_images`; None if no number does."""
        found = find_size(lambda seeds: self.detectable(seeds, self.num_images), self.difference, MAX_SEEDS)
        return found and max(found, MIN_SEEDS)

    @cached_property
    def enough(self) -> tuple[int, int] | None:
        """Seeds per strategy and images that show the difference; None if not even ten million images do.

        Where more images are needed, ten seeds are doubled until even more could spare at most half of the images,
        which are rounded up to two digits.
        """
        if self.num_seeds is not None:
            return self.num_seeds, self.num_images
        fewest, seeds = self._find_images(MAX_SEEDS, MAX_IMAGES), ENOUGH_SEEDS
        if fewest is None:
            return None
        while (images := self._find_images(seeds, 2 * fewest)) is None:
            seeds *= 2
        return seeds, round_up(images)

    def _find_images(self, num_seeds: int, most: int) -> int | None:
        return find_size(lambda images: self.detectable(num_seeds, images), self.difference, most)

    def hours(self, num_seeds: int) -> float | None:
        """The hours of fitting, one run after another, on the pilot's machine; None where unknown."""
        return None if self.seconds_per_seed is None else num_seeds * self.seconds_per_seed / 3600

    @property
    def wanted(self) -> str:
        """The difference with its unit, `2 points`."""
        return f"{self.scale.factor * self.difference:g}{self.scale.difference_unit}"

    @property
    def answer(self) -> str:
        """How many seeds, or images, are enough, and how long they take."""
        goal = f"a difference of {self.wanted} in {100 * self.power:g} % of studies"
        if self.enough is None:
            return f"No number of seeds shows {goal}, not even with {MAX_IMAGES:,} images."
        seeds, images = self.enough
        hours = self.hours(seeds)
        cost = f"{seeds * self.num_strategies:,} runs" + ("" if hours is None else f", {hours:,.1f} hours of fitting")
        if self.num_seeds is not None:
            return f"{seeds:,} seeds of every strategy show {goal}, with {images:,} images: {cost}."
        return (
            f"No number of seeds shows {goal} with {self.num_images:,} images."
            f" {seeds:,} seeds and {images:,} images would: {cost}."
        )

    def draw(self) -> Chart:
        """The figure: seeds against images, and lines of equal detectable difference."""
        from cifar_lightning.compare.planning_figure import draw_plan

        return draw_plan(self)

    def write(self, folder: str | Path) -> None:
        """Writes the figure into `folder`, as plan.png and plan.svg."""
        self.draw().write(Path(folder))

    def __str__(self) -> str:
        return self.answer

    def _repr_png_(self) -> bytes:
        return self.draw().png


def plan(
    runs: str | Path | Run | Iterable[str | Path | Run] = (),
    *,
    difference: float,
    power: float = 0.8,
    images: int | None = None,
    accuracy: float | None = None,
    agreement: float | None = None,
    seed_deviation: float | None = None,
    strategies: int | None = None,
) -> Plan:
    """Plans a study that is to show a difference of accuracy between any two strategies, as `compare` judges it.

    Each mean square of a pilot is taken at its upper 80 % bound: with few seeds it is often far too small by chance. A
    pilot with more seeds gives a cheaper plan (docs/calibration.md).

    Args:
        runs: the pilot: runs, or folders above run folders, with two seeds or more of every strategy. Without, the
            plan is made from the assumptions below.
        difference: the difference to be shown, in points.
        power: the share of studies that are to show it.
        images: the number of test images; None: those of the pilot, or 300.
        accuracy: assumed of every net; None: 0.9.
        agreement: the assumed correlation of two nets' hard images, 0.4 to 0.9 in the lab; None: 0.6.
        seed_deviation: the assumed standard deviation over seeds of a run's accuracy, in points, as `compare` prints it
            with that many images; None: 1.
        strategies: the assumed number of strategies; None: 2.

    Raises:
        ValueError: if the pilot cannot be compared or has one seed of a strategy, there are assumptions beside a pilot,
            or a number is out of range.
    """
    _check(difference, 0, 100, "a difference in points", 2)
    _check(power, 0.5, 1, "a power", 0.8)
    if images is not None:
        _check(images, 1, MAX_IMAGES, "a number of images", 300)
    runs = [runs] if isinstance(runs, str | Path | Run) else list(runs)
    assumed = {"accuracy": accuracy, "agreement": agreement, "seed_deviation": seed_deviation, "strategies": strategies}
    given: dict[str, Any] = {name: value for name, value in assumed.items() if value is not None}
    if not runs:
        return _plan_from_assumptions(difference, power, images or 300, **given)
    if given:
        raise ValueError(f"expected a pilot or assumptions, got a pilot and {next(iter(given))}; leave out one of them")
    return _plan_from_pilot(compare(runs), difference, power, images)


def _check(value: float, low: float, high: float, what: str, example: float) -> None:
    if not low < value < high:
        raise ValueError(f"expected {what} above {low:g} and below {high:,}, got {value:g}; {example:g} is usual")


def _plan_from_assumptions(
    difference: float,
    power: float,
    num_images: int,
    accuracy: float = 0.9,
    agreement: float = 0.6,
    seed_deviation: float = 1.0,
    strategies: int = 2,
) -> Plan:
    _check(accuracy, 0, 1, "an accuracy", 0.9)
    _check(agreement, -1, 1, "an agreement", 0.6)
    _check(seed_deviation, 0, 50, "a seed deviation in points", 1)
    _check(strategies, 1, 1000, "a number of strategies", 2)
    assumed = [
        f"{strategies} strategies, each with an accuracy of {100 * accuracy:g} % (--strategies, --accuracy)",
        f"a correlation of {agreement:g} between the hard images of two nets (--agreement; 0.4 to 0.9 in the lab)",
        f"accuracies of a net that differ from seed to seed by {seed_deviation:g} points, standard deviation,"
        f" with {num_images:,} images (--seed_deviation; 0.6 to 1.4 in the lab)",
        f"of an answer's variance, {100 * CHANCE:g} % change with every run (21 to 42 % in the lab)",
    ]
    basis = [*(f"assumed: {said}" for said in assumed), _describe_verdicts(strategies)]
    noise = assume_noise(accuracy, agreement, seed_deviation / 100, num_images)
    return Plan(difference / 100, power, num_images, [noise], strategies, basis)


def _describe_verdicts(num_strategies: int) -> str:
    return f"verdicts are those of `compare`: p below {LEVEL:g}, corrected for {count(comb(num_strategies, 2), 'pair')}"


def _plan_from_pilot(pilot: Comparison, difference: float, power: float, images: int | None) -> Plan:
    for summary in pilot.strategies:
        if len(summary.runs) < 2:
            raise ValueError(
                f"expected at least two seeds of every strategy in a pilot, got one of {summary.name}, which does not"
                " show how much seeds differ; fit and test one more"
            )
    for a, b in combinations(pilot.strategies, 2):
        if np.ptp(combine([a.values, b.values], (1, -1))) < ROUNDING:
            raise ValueError(
                f"expected a pilot whose strategies differ on some images, but {a.name} and {b.name} answer all of them"
                " alike; test them on more or harder images"
            )
    fewest = min(len(summary.runs) for summary in pilot.strategies)
    seconds = [summary.fit_seconds_median for summary in pilot.strategies]
    named = ", ".join(f"{summary.name} ({len(summary.runs)})" for summary in pilot.strategies)
    basis = [
        f"pilot: {pilot.num_images:,} images, seeds of {named}",
        f"its noise is taken at the upper {100 * CONFIDENCE:g} % bound: that of {fewest} seeds at"
        f" {raise_to_bound(fewest - 1):.1f} times the variance they show",
        _describe_verdicts(len(pilot.strategies)),
    ]
    return Plan(
        difference / pilot.question.scale.factor,
        power,
        images or pilot.num_images,
        [find_noise([a.values, b.values], a.units) for a, b in combinations(pilot.strategies, 2)],
        len(pilot.strategies),
        basis,
        (fewest, pilot.num_images),
        None if None in seconds else sum(each for each in seconds if each is not None),
        pilot.question.scale,
    )
