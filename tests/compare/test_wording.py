"""Words that the terminal, the figures and the page share."""

import numpy as np
import pytest

from cifar_lightning.compare.wording import keep_together, list_names, name_first, name_some, write_p


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.00002, "< 0.0001"),
        (0.00031, "0.00031"),
        (0.0412, "0.041"),
        (0.0496, "0.0496"),
        (0.049999, "0.049999"),
        (0.0502, "0.0502"),
        (0.05, "0.05"),
        (0.846, "0.85"),
        (0.99, "0.99"),
        (0.991, "> 0.99"),
        (1, "> 0.99"),
    ],
)
def test_a_p_value_never_hides_on_which_side_of_the_threshold_it_is(p, text):
    assert write_p(p) == text
    if text[0] not in "<>":
        assert np.sign(float(text) - 0.05) == np.sign(p - 0.05)


def test_lists_of_names():
    assert [list_names(list("abc"[:number])) for number in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert name_first(list("abcde")) == "a, b, c and 2 more"
    assert name_some(list("abcdefg")) == "a, ..., g"


def test_numbers_stay_beside_their_units():
    assert keep_together("by 3.4 points (95 % interval 1.0 to 5.8), p 0.03").count("\N{NO-BREAK SPACE}") == 6
    assert " " not in keep_together("p < 0.0001")
