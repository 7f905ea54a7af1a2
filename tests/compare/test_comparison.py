"""Runs in, a comparison out: what it takes, writes and shows."""

import subprocess
import sys

import pytest
from simulated_runs import write_study

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.comparison import Verdict
from cifar_lightning.runs.run import Run, find_runs


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"), {"maxpool": 0.95, "stride": 0.7}, 3, 60)


def test_runs_and_paths_give_the_same_comparison(root):
    expected = compare(root)
    (pair,) = expected.pairs
    assert (pair.verdict, pair.winner) == (Verdict.BETTER, "maxpool")
    for runs in (
        str(root),
        [root / "maxpool", root / "stride"],
        find_runs([root]),
        [root, Run(root / "stride/seed_1")],
    ):
        assert compare(runs).pairs == expected.pairs


def test_the_paths_are_those_that_were_given(root):
    assert compare(root).paths == [root]
    folders = [run.folder for run in find_runs([root])]
    assert compare([Run(folder) for folder in folders]).paths == folders


def test_all_files_are_written(root, tmp_path):
    compare(root).write(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "comparison.json",
        "comparison.csv",
        "comparison.html",
        "figures",
    }
    assert len(list((tmp_path / "figures").iterdir())) == 18


def test_a_notebook_shows_headline_figure_and_tables(root):
    comparison = compare(root)
    html = comparison._repr_html_()
    assert comparison.answer in html.replace("\N{NO-BREAK SPACE}", " ")
    assert html.count("<table>") == 2
    assert 'aria-labelledby="result-finding"' in html
    assert "maxpool is better</td>" in html
    assert "<script" not in html


def test_print_shows_the_answer_and_its_numbers(root):
    comparison = compare(root)
    assert str(comparison) == f"{comparison.answer}\n{comparison.numbers}"
    assert comparison.answer.startswith("maxpool beats stride.")


@pytest.mark.parametrize(("runs", "said"), [([], "none of 0"), ("nowhere", "there is no nowhere")])
def test_without_runs_there_is_nothing_to_compare(runs, said):
    with pytest.raises(ValueError, match=f"expected .*{said}"):
        compare(runs)


def test_a_comparison_needs_no_torch(root):
    code = f"""
import sys
from cifar_lightning.compare.api import compare
compare({str(root)!r})
assert not {{"torch", "lightning", "matplotlib", "pandas"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
