"""How numbers of a comparison are written for people, the same in figures and on the page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cifar_lightning.compare.comparison import Comparison, Interval, Summary

MINUS = "\N{MINUS SIGN}"
# More numbers than these in one sentence are no longer read.
MOST_NAMED = 6
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Scale:
    """How values of one kind are written.

    Attributes:
        factor: that a value is multiplied by.
        digits: after the point, more where these would show a zero that is none.
        unit: of a value, with the space before it: " %", " points" or "".
        difference_unit: of a difference of two values.
    """

    factor: float
    digits: int
    unit: str
    difference_unit: str

    def number(self, value: float, sign: str = "") -> str:
        """`value` without its unit; `sign` "+" shows it for positive numbers too."""
        scaled, digits = self.factor * value, self.digits
        # What rounds to zero would hide on which side of it it is; below is the error of the arithmetic.
        while round(scaled, digits) == 0 and round(scaled, _MOST_DIGITS) != 0:
            digits += 1
        # Never minus zero.
        return f"{round(scaled, digits) + 0.0:{sign}.{digits}f}".replace("-", MINUS)

    def value(self, value: float) -> str:
        """`94.1 %`"""
        return self.number(value) + self.unit

    def difference(self, value: float) -> str:
        """`+3.4 points`"""
        return self.number(value, "+") + self.difference_unit

    def interval(self, interval: Interval) -> str:
        """`91.5 to 96.1`"""
        return f"{self.number(interval[0])} to {self.number(interval[1])}"

    def difference_interval(self, interval: Interval) -> str:
        """`+0.1 to +6.8`"""
        return f"{self.number(interval[0], '+')} to {self.number(interval[1], '+')}"


SHARES = Scale(100, 1, " %", " points")
COMPUTE = Scale(1e-6, 2, " MFLOP", " MFLOP")
_GAPS = Scale(100, 1, " points", " points")
_LOSSES = Scale(1, 3, "", "")


def scale_of(comparison: Comparison) -> Scale:
    """How the values of the comparison's question are written."""
    if comparison.unit != "points":
        return _LOSSES
    return _GAPS if comparison.question == "gap" else SHARES


def write_p(p: float) -> str:
    """Two digits of a p-value, more where two would hide on which side of 0.05 it is."""
    if p < 0.0001:
        return "< 0.0001"
    texts = (f"{p:.{digits}g}" for digits in range(2, 18))
    return next(text for text in texts if float(text) != 0.05 or p == 0.05)


def keep_together(text: str) -> str:
    """The same for a page, where no line ends between a number and its unit or within an interval."""
    text = re.sub(r"(?<=\d) (to) (?=[+\N{MINUS SIGN}]?\d)", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text)
    text = re.sub(r"(?<=\d) (?=%|points|pixels|pictures|seeds?\b|grey|MFLOP|s\b)", "\N{NO-BREAK SPACE}", text)
    text = text.replace("% interval", "%\N{NO-BREAK SPACE}interval")
    return re.sub(r"\bp (?=\d|<)", "p\N{NO-BREAK SPACE}", text)


def count(number: int, noun: str) -> str:
    """`1 seed`, `10 seeds`, `20,000 epochs`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def capitalise(text: str) -> str:
    """The first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def count_runs(strategies: Sequence[Summary]) -> str:
    """`10 seeds`, or `3 to 10 seeds` where their numbers differ."""
    numbers = sorted({len(summary.runs) for summary in strategies})
    return count(numbers[0], "seed") if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def has_several_runs(strategies: Sequence[Summary]) -> bool:
    """Whether a strategy has more than one run."""
    return any(len(summary.runs) > 1 for summary in strategies)


def mark_of(strategies: Sequence[Summary]) -> str:
    """What the mark of a strategy in a figure is."""
    return "mean over seeds" if has_several_runs(strategies) else "the one run"


def interval_of(strategies: Sequence[Summary]) -> str:
    """What the interval of a mean covers."""
    if all(len(summary.runs) > 1 for summary in strategies):
        return "95 % interval for new seeds and new pictures"
    if has_several_runs(strategies):
        return "95 % interval for new seeds and new pictures (of one seed: for new pictures alone)"
    return "95 % interval for new pictures (one seed: its noise is not in it)"


def covered_by(methods: Sequence[str]) -> str:
    """What the intervals of differences found by these methods are for."""
    if set(methods) == {"crossed"}:
        return "new seeds and pictures"
    return "new seeds and pictures, with one seed new pictures alone" if "crossed" in methods else "new pictures alone"


def in_unit(unit: str) -> str:
    """The end of an axis label."""
    return f",{unit}" if unit else ""


def list_names(names: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def name_first(names: Sequence[str], most: int = 3) -> str:
    """All of a few; of many the first, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def name_some(named: Sequence[str], separator: str = ", ") -> str:
    """All of a few; of many the first and the last."""
    if len(named) <= MOST_NAMED:
        return separator.join(named)
    return f"{named[0]}{separator}...{separator}{named[-1]}"


def better(comparison: Comparison) -> str:
    """Which values are the better ones."""
    return "higher is better" if comparison.higher_is_better else "lower is better"
