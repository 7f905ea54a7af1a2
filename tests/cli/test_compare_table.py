"""`compare` of a table of predictions on the command line."""

import json
import sys

import numpy as np
import pytest
from checks import assert_one_sentence

from cifar_lightning.runs.disk import write_csv


def write_table(path, seeds=(0, 1, 2), lost=(), values=lambda right: right.astype(int)):
    """Three models of 60 examples; `lost`: the examples that the last model lacks."""
    generator = np.random.default_rng(0)
    rows = [
        (model, seed, f"q{example}", value)
        for model, share in (("large", 0.9), ("medium", 0.7), ("small", 0.2))
        for seed in seeds
        for example, value in enumerate(values(generator.random(60) < share))
        if not (model == "small" and example in lost)
    ]
    write_csv(path, ["model", "seed", "example", "value"], rows)
    return path


def test_a_table_is_compared_and_the_files_are_named_as_it(command, tmp_path):
    write_table(tmp_path / "predictions.csv")
    outcome = command("compare", "predictions.csv", "--question=exact_match")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("By exact_match, large beats ")
    assert "next: open predictions/comparison.html" in outcome.out
    assert all(word not in outcome.out for word in ("MFLOP", "image", "lab"))
    content = json.loads((tmp_path / "predictions/comparison.json").read_text())
    assert [strategy["seeds"] for strategy in content["strategies"]] == [[0, 1, 2]] * 3
    page = (tmp_path / "predictions/comparison.html").read_text()
    assert "<code>cifar-lightning compare predictions.csv --question exact_match</code>" in page


def test_the_page_repeats_the_options_that_read_the_table(command, tmp_path, undrawn):
    write_table(tmp_path / "loss.csv", lost=(3, 4), values=lambda right: 0.25 + 0.5 * right)
    options = ["--question", "loss", "--bounds", "0", "1", "--lower_is_better", "--shared_only"]
    outcome = command("compare", "loss.csv", "--output", "out", *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("By loss, small beats ")
    assert "Left out, since not every model and seed has them: 2 of 60 examples." in " ".join(outcome.out.split())
    page = (tmp_path / "out/comparison.html").read_text()
    assert f"<code>cifar-lightning compare loss.csv --output out {' '.join(options)}</code>" in page


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["none.csv"], ["there is no file none.csv"]),
        (["lacking.csv"], ["the first of small, seed 0, on example q3;", "--shared_only"]),
        (["whole.csv", "lacking.csv"], ["expected one table, or run folders, got whole.csv, lacking.csv"]),
        (["whole.csv", "--bounds", "2", "3"], ["expected values within the bounds 2 and 3, got 0"]),
        (["predictions.csv", "--without_duplicates"], ["expected run folders for allow_mixed or without_duplicates"]),
        ([".", "--shared_only"], ["expected a table for bounds, lower_is_better or shared_only, got run folders"]),
        (["whole.csv", "--output", "whole.csv"], ["expected a folder for --output"]),
    ],
)
def test_a_mistake_is_told_in_one_sentence(command, tmp_path, arguments, parts):
    write_table(tmp_path / "whole.csv")
    write_table(tmp_path / "lacking.csv", lost=(3,))
    assert_one_sentence(command("compare", *arguments), 2, *parts)


def test_a_parquet_file_without_pyarrow_is_told_with_the_command_that_installs_it(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    outcome = command("compare", "predictions.parquet")
    assert_one_sentence(outcome, 2, "predictions.parquet", "pip install pyarrow")
