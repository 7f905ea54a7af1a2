"""What a table of predictions says, and what is refused with its place."""

import numpy as np
import pytest

from cifar_lightning.compare.prediction_table import read_table


def table(models="aabb", examples="xyxy", values=(1, 0, 1, 1), **more):
    return {"model": list(models), "example": list(examples), "value": list(values), **more}


def test_rows_may_come_in_any_order():
    rows = table(seed=[0, 0, 0, 0])
    backwards = {name: column[::-1] for name, column in rows.items()}
    first, second = read_table(rows, False), read_table(backwards, False)
    assert list(first.models) == list(second.models) == ["a", "b"]
    # Examples are numbered as they first appear.
    assert first.models["a"][0].values.tolist() == [1, 0]
    assert second.models["a"][0].values.tolist() == [0, 1]
    assert (first.has_seeds, first.num_lost, first.units) == (True, 0, (None, None))


def test_seeds_are_ordered_as_numbers_and_models_may_have_different_ones():
    rows = table("aabbbb", "xyxyxy", (1, 0, 1, 1, 0, 0), seed=["2", "2", "10", "10", "9", "9"])
    found = read_table(rows, False).models
    assert [(run.strategy, run.seed) for run in found["a"]] == [("a", 2)]
    assert [run.seed for run in found["b"]] == [9, 10]
    assert [run.values.tolist() for run in found["b"]] == [[0, 0], [1, 1]]


def test_groups_and_strata_belong_to_the_examples_that_are_kept():
    examples = {"group": ["p", "p", "q", "r"], "stratum": [7, 8, 7, 8]}
    rows = table("aaaabbb", "xyzwyzw", (1, 0, 1, 1, 1, 0, 0), **{name: of[:] + of[1:] for name, of in examples.items()})
    found = read_table(rows, True)
    assert found.num_lost == 1
    assert found.models["a"][0].values.tolist() == [0, 1, 1]
    assert found.units.groups.tolist() == [0, 1, 2]
    assert found.units.strata.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (table("aaabb", "xyxxy", (1, 0, 1, 1, 1)), ["once per model, but a on example x is in row 0", "in row 2"]),
        (
            table("aaabb", "xyxxy", (1, 0, 1, 1, 1), seed=[3, 3, 3, 3, 3]),
            ["once per model and seed, but a, seed 3, on example x is in row 0", "in row 2"],
        ),
        (
            table("aaaabb", "xyxyxy", (1, 0, 1, 1, 1, 0), seed=["2", "2", "02", "02", "2", "2"]),
            ["but a, seed 2, on example x is in row 0", "in row 2"],
        ),
        (table("aaab", "xyzx", (1, 0, 1, 1)), ["2 are missing, the first of b on example y;", "--shared_only"]),
        (table(values=(1, 0, None, 1)), ["1 are missing, the first of b on example x (row 2 of the table is empty)"]),
        (table(values=(1, float("nan"), 1, 1)), ["the first of a on example y (row 1 of the table is empty)"]),
        (table(values=(1, "no", 1, 1)), ["expected a number as value, got 'no' in row 1 of the table"]),
        (table(values=(1, float("inf"), 1, 1)), ["expected a finite number", "in row 1 of the table"]),
        (table(["a", None, "b", "b"]), ["expected a model in every row, got none in row 1"]),
        (table(seed=[0, 0, "first", 0]), ["expected whole numbers as seeds, got 'first' in row 2"]),
        (table(group=["p", "p", "p", "q"]), ["expected one group per example, but example y has another one in row 3"]),
        (
            table("aaaabbbb", "xyzwxyzw", range(8), group=list("ppqqppqq"), stratum=list("ppqqppqq")),
            ["expected strata with several examples or groups each"],
        ),
        (table("aaaa", "xyzw"), ["expected at least two models to compare, got a"]),
        ({"model": [], "example": [], "value": []}, ["expected a table with rows"]),
        ({"model": ["a"], "value": [1]}, ["example is not among model, value"]),
        ({**table(), "value": [[1, 0]] * 4}, ["expected one number per row as value, got an array (4, 2)"]),
        ({**table(), "value": [1]}, ["expected columns of equal length", "4 of example, 1 of value"]),
    ],
)
def test_a_table_that_cannot_be_compared_is_refused_with_its_place(rows, parts):
    with pytest.raises(ValueError, match="expected") as raised:
        read_table(rows, False)
    assert not [part for part in parts if part not in str(raised.value)], raised.value


def test_with_shared_only_models_need_two_examples_in_common():
    with pytest.raises(ValueError, match="at least two examples that every model has, got 1"):
        read_table(table("aab", "xyx", (1, 0, 1)), True)


def test_values_may_be_words_of_a_csv_file():
    found = read_table(table(values=("True", "false", "1", "0.5")), False)
    assert np.concatenate([run.values for runs in found.models.values() for run in runs]).tolist() == [1, 0, 1, 0.5]
