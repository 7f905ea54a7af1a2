"""What `compare` says and shows of runs whose truth is known, made by hand."""

import json
import shutil
from contextlib import redirect_stdout
from html.parser import HTMLParser
from io import StringIO

import insides
import numpy as np
import pytest
from simulated_runs import write_run

from cifar_lightning.cli.main import main

HOSTILE = "<script>alert(1)<!--"


def make_run(folder, strategy, seed, accuracy):
    """A tested run of `strategy`, right in a share `accuracy` of 80 images."""
    generator = np.random.default_rng(1000 * seed + sum(map(ord, strategy)))
    return write_run(folder / strategy / f"seed_{seed}", strategy, seed, generator.random(80) < accuracy)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Five runs each of a good, a fair and an equally fair net, whose name is markup; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    for strategy, accuracy in (("good", 0.97), ("fair", 0.7), (HOSTILE, 0.7)):
        for seed in range(5):
            make_run(folder, strategy, seed, accuracy)
    insides.write_test_images(folder / "good/seed_0", np.zeros((80, 32, 32, 3), np.uint8))
    return folder


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    """Folders with the whole comparison, and with one that leaves images out; and what was printed of the first."""
    folders = [tmp_path_factory.mktemp(name) for name in ("with", "without")]
    with redirect_stdout(StringIO()) as printed:
        assert main(["compare", str(runs), "--output", str(folders[0])]) == 0
    with redirect_stdout(StringIO()):
        assert main(["compare", str(runs), "--output", str(folders[1]), insides.NO_IMAGES]) == 0
    return *folders, printed.getvalue()


def read(folder):
    return json.loads((folder / "comparison.json").read_text())


def test_the_better_net_is_named_and_equal_ones_are_not_told_apart(compared):
    verdicts = {frozenset((pair["a"], pair["b"])): pair["verdict"] for pair in read(compared[0])["pairs"]}
    assert verdicts == {
        frozenset({"good", "fair"}): "good is better",
        frozenset({"good", HOSTILE}): "good is better",
        frozenset({"fair", HOSTILE}): "no difference shown",
    }
    assert "good beats fair and " in compared[2]


def test_the_numbers_follow_from_the_predictions(runs, compared):
    found = {row["name"]: row for row in read(compared[0])["strategies"]}
    for name in ("good", "fair"):
        each = []
        for path in sorted((runs / name).glob("*/test_predictions.csv")):
            rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
            each.append(np.mean([row[1] == row[2] for row in rows]))
        assert found[name]["accuracy_mean"] == pytest.approx(np.mean(each), abs=1e-12)
        assert found[name]["accuracy_sd"] == pytest.approx(np.std(each, ddof=1), abs=1e-12)
    pair = read(compared[0])["pairs"][0]
    difference = found[pair["a"]]["accuracy_mean"] - found[pair["b"]]["accuracy_mean"]
    assert pair["difference"] == pytest.approx(difference, abs=1e-12)


def test_one_seed_per_net_is_too_few_to_say_and_tested_by_mcnemar(tmp_path, command, undrawn):
    for strategy, accuracy in (("good", 0.97), ("fair", 0.7)):
        make_run(tmp_path / "runs", strategy, 0, accuracy)
    assert command("compare", "runs").code == 0
    (pair,) = read(tmp_path / "runs")["pairs"]
    assert (pair["method"], pair["verdict"]) == ("mcnemar", "too few runs to say")


def test_missing_seeds_are_named(runs, tmp_path, command, undrawn):
    shutil.copytree(runs, tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs/fair/seed_2")
    assert command("compare", "runs").code == 0
    assert any("fair" in note and "2" in note for note in read(tmp_path / "runs")["notes"])


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, folder):
        super().__init__()
        self.tags, self.loaded, self.text = [], [], ""
        self.feed((folder / "comparison.html").read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        self.loaded += [named[key] for key in ("src", "srcset") if key in named]
        if tag == "link":
            self.loaded.append(named.get("href"))

    def handle_data(self, data):
        self.text += data


def test_the_page_says_the_answer_and_loads_nothing(compared):
    page = Page(compared[0])
    shown = " ".join(page.text.split())
    assert read(compared[0])["answer"] in shown
    assert "good/seed_4" in shown
    assert all(address.startswith("data:") for address in page.loaded)
    assert "table" in page.tags
    assert (compared[0] / "comparison.html").stat().st_size < 1_500_000


def test_a_name_is_text_on_the_page_whatever_it_holds(compared):
    page = Page(compared[0])
    assert "script" not in page.tags
    assert HOSTILE in page.text


def test_images_are_left_out_where_the_page_is_to_be_passed_on(compared):
    with_images, without = (Page(folder) for folder in compared[:2])
    assert len(with_images.loaded) == 12
    assert without.loaded == []
    assert "Where the nets disagree" not in without.text


def test_every_figure_is_a_png_and_an_svg_and_the_same_for_the_same_runs(compared):
    once, again = (sorted((folder / "figures").iterdir()) for folder in compared[:2])
    names = [path.name for path in once]
    assert {"result.png", "result.svg", "differences.png", "differences.svg", "recall.png", "recall.svg"} <= set(names)
    assert [path.name for path in again] == names
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(once, again, strict=True))
