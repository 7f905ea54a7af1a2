"""What is compared, and how its numbers are written. To add a question, add it to `_list_questions`.

Each question asks something of every test image, and its mean over images is a run's value.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.folder import PROBES, predictions_name
from cifar_lightning.runs.run import Run

MINUS = "\N{MINUS SIGN}"
_MOST_DIGITS = 9
# With one seed there are more than 6 % false alarms, and with two little is found (docs/calibration.md).
MIN_SEEDS = 3
SHARE_BOUNDS = (0.0, 1.0)
_LEARNT_ALL = 0.9995
# The loss of the smallest probability that a float can hold (`Predictions.losses`).
_LOSS_BOUNDS = (0.0, -math.log(5e-324))

_PROBE_LABELS = {
    "noise": "accuracy under noise of {} grey levels",
    "shift": "accuracy under shifts of {} px",
    "consistency": "answers kept under shifts of {} px",
}


@dataclass(frozen=True)
class Scale:
    """How values of one kind are written.

    Attributes:
        factor: what a value is multiplied by.
        digits: the digits after the point, more where these would show a zero that is none.
        unit: the unit of a value, with the space before it: " %", " points" or "".
        difference_unit: the unit of a difference of two values.
    """

    factor: float
    digits: int
    unit: str
    difference_unit: str

    def number(self, value: float, sign: str = "") -> str:
        """`value` without its unit; with `sign` "+" positive numbers get a sign too."""
        scaled, digits = self.factor * value, self.digits
        # A number rounded to zero would hide its sign; anything smaller than the last digit is rounding error.
        while round(scaled, digits) == 0 and round(scaled, _MOST_DIGITS) != 0:
            digits += 1
        # Adding 0.0 turns minus zero into zero.
        return f"{round(scaled, digits) + 0.0:{sign}.{digits}f}".replace("-", MINUS)

    def value(self, value: float) -> str:
        """A value with its unit, `94.1 %`."""
        return self.number(value) + self.unit

    def difference(self, value: float) -> str:
        """A difference with its sign and unit, `+3.4 points`."""
        return self.number(value, "+") + self.difference_unit

    def interval(self, interval: Interval) -> str:
        """An interval of values, `91.5 to 96.1`."""
        return f"{self.number(interval[0])} to {self.number(interval[1])}"

    def difference_interval(self, interval: Interval) -> str:
        """An interval of differences, `+0.1 to +6.8`."""
        return f"{self.number(interval[0], '+')} to {self.number(interval[1], '+')}"


SHARES = Scale(100, 1, " %", " points")
GAPS = Scale(100, 1, " points", " points")
LOSSES = Scale(1, 3, "", "")
SECONDS = Scale(1, 0, " s", " s")
COMPUTE = Scale(1e-6, 2, " MFLOP", " MFLOP")


@dataclass(frozen=True)
class Words:
    """What the strategies and the images are called."""

    strategy: str = "strategy"
    strategies: str = "strategies"
    image: str = "image"
    images: str = "images"
    nets: str = "nets"


TABLE_WORDS = Words("model", "models", "example", "examples", "models")


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        text: what the user types, `noise:16`.
        label: the same in words, `accuracy under noise of 16 grey levels`.
        ask: the answer of a run, float64 (N,), one value per test image.
        bounds: the lowest and the highest possible value.
        verdict: what is said of the better of two strategies.
        beats: the same, followed by the names of those that it is better than.
        ahead: the same, followed by the name of one and the difference.
        about: bool (N,) from the labels: the images that the question is about; None: all.
        equal_within: the difference below which strategies count as equal, as it is written: 2.0 is 2 points. None: not
            asked for.
        paired_seeds: whether runs of the same seed are compared with one another.
        scope: "strategies", or "models" where these very models are the question, each with one row of answers.
    """

    text: str
    label: str
    ask: Callable[[Run], np.ndarray]
    scale: Scale = SHARES
    bounds: Interval = SHARE_BOUNDS
    higher_is_better: bool = True
    better: str = "higher is better"
    verdict: str = "is better"
    beats: str = "beats"
    ahead: str = "ahead of"
    about: Callable[[np.ndarray], np.ndarray] | None = None
    equal_within: float | None = None
    paired_seeds: bool = False
    scope: str = "strategies"
    words: Words = Words()

    @property
    def min_seeds(self) -> int:
        """How many seeds of each strategy a verdict takes."""
        return MIN_SEEDS if self.scope == "strategies" else 1

    @property
    def span(self) -> float:
        """The largest possible difference between two values."""
        return self.bounds[1] - self.bounds[0]

    @property
    def margin(self) -> str:
        """`equal_within` with its unit."""
        return f"{self.equal_within:g}{self.scale.difference_unit}"

    def values(self, runs: Sequence[Run]) -> np.ndarray:
        """The answers of S runs for the N images that the question is about, float64 (S, N)."""
        values = np.stack([self.ask(run) for run in runs])[:, self.find_places(runs[0])]
        if values.shape[1] < 2:
            raise ValueError(
                f"expected at least two test images ({self.label}), got {values.shape[1]};"
                " ask another question, or test on more images"
            )
        return values

    def find_places(self, run: Run) -> np.ndarray:
        """bool (M,): which of a run's test images the question is about."""
        labels = run.predictions("test").labels
        return self.about(labels) if self.about else np.full(len(labels), True)


def correctness(run: Run) -> np.ndarray:
    """1 where a run answers a test image correctly, else 0; float64 (N,)."""
    return run.predictions("test").is_right.astype(np.float64)


def stack_correctness(runs: Sequence[Run]) -> np.ndarray:
    """The correctness of S runs, float64 (S, N)."""
    return np.stack([correctness(run) for run in runs])


def gap(run: Run) -> np.ndarray:
    """The train accuracy of a run, minus 1 for each test image that it answers correctly; float64 (N,).

    The mean over test images is train minus test accuracy.
    """
    return run.predictions("train").is_right.mean() - correctness(run)


def learnt_all(runs: Iterable[Run]) -> bool:
    """Whether all runs have a train accuracy of 1, to three digits."""
    return all(run.predictions("train").is_right.mean() >= _LEARNT_ALL for run in runs)


def probe_shares(run: Run, names: Sequence[str]) -> np.ndarray:
    """The mean of a run's shares over the named probes, float64 (N,), 0..1."""
    return np.mean([run.probes.shares[name] for name in names], axis=0)


def parse_question(text: str, runs: Sequence[Run]) -> Question:
    """The question `text`; ValueError if there is none, or some of `runs` cannot answer it."""
    answerable = [{question.text: question for question in _list_questions(run)} for run in runs]
    unable = [run for run, questions in zip(runs, answerable, strict=True) if text not in questions]
    if not unable:
        return answerable[0][text]
    everywhere = [asked for asked in answerable[0] if all(asked in questions for questions in answerable)]
    hint = f"; {did_you_mean(text, everywhere, 'ask one of those')}"
    if len(unable) < len(runs):
        hint = f", which {unable[0].folder} cannot answer; test that run again"
    raise ValueError(f"expected a question that these runs can answer, {', '.join(everywhere)}, got {text!r}{hint}")


def _list_questions(run: Run) -> Iterator[Question]:
    """All questions that a run can answer."""
    yield Question("accuracy", "test accuracy", correctness)
    for place, name in enumerate(run.predictions("test").class_names):
        yield Question(f"recall:{name}", f"recall of {name}", correctness, about=partial(np.equal, place))
    for probe in run.probes.probes if run.has(PROBES) else ():
        label = _PROBE_LABELS[probe.kind].format(probe.level)
        yield Question(f"{probe.kind}:{probe.level}", label, partial(probe_shares, names=[str(probe)]))
    lower: dict[str, Any] = {"higher_is_better": False, "better": "lower is better"}
    yield Question("loss", "test loss", lambda run: run.predictions("test").losses(), LOSSES, _LOSS_BOUNDS, **lower)
    if run.has(predictions_name("train")):
        lower |= {"better": "smaller: less overfitting", "verdict": "has the smaller gap"}
        lower |= {"beats": "has a smaller gap than", "ahead": "below"}
        yield Question("gap", "train minus test accuracy", gap, GAPS, (-1.0, 1.0), **lower)
