"""How numbers are written."""

import re

from cifar_lightning.compare.scale import COMPUTE, GAPS, LOSSES, SHARES


def test_each_kind_of_number_has_its_digits_and_units():
    assert (SHARES.value(0.941), GAPS.value(0.06), LOSSES.value(0.35)) == ("94.1 %", "6.0 points", "0.350")
    assert COMPUTE.value(9_520_000) == "9.52 MFLOP"


def test_what_rounds_to_zero_shows_its_side_and_zero_has_no_minus():
    assert SHARES.number(-1e-17) == SHARES.number(-0.0) == "0.0"
    assert SHARES.difference(-1e-17) == "+0.0 points"
    assert SHARES.difference_interval((-0.0003, 0.0004)) == "\N{MINUS SIGN}0.03 to +0.04"
    assert SHARES.number(0.000021) == "0.002"
    assert re.sub("\N{MINUS SIGN}", "-", SHARES.difference(-0.034)) == "-3.4 points"
