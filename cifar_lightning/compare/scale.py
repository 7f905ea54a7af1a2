"""How numbers of one kind are written for people: on the terminal, in figures and on the page."""

from dataclasses import dataclass

from cifar_lightning.compare.analysis import Interval

MINUS = "\N{MINUS SIGN}"
_MOST_DIGITS = 9


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
