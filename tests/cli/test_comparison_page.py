"""What `compare` says and shows of runs whose truth is known, made by hand."""

import json
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from cifar_lightning.runs.figures import draw_test_pictures
from simulated_runs import write_run


def make_run(folder, strategy, seed, accuracy):
    """A tested run of `strategy`, right in a share `accuracy` of 80 pictures."""
    generator = np.random.default_rng(1000 * seed + sum(map(ord, strategy)))
    write_run(folder / strategy / f"seed_{seed}", strategy, seed, generator.random(80) < accuracy)


@pytest.fixture
def runs(tmp_path):
    """Five runs each of a good, a fair and an equally fair net."""
    for strategy, accuracy in (("good", 0.97), ("fair", 0.7), ("equal", 0.7)):
        for seed in range(5):
            make_run(tmp_path / "runs", strategy, seed, accuracy)
    return tmp_path / "runs"


def read(folder):
    return json.loads((folder / "comparison.json").read_text())


def test_the_better_net_is_named_and_equal_ones_are_not_told_apart(runs, command, undrawn):
    outcome = command("compare", str(runs))
    assert outcome.code == 0
    verdicts = {frozenset((pair["a"], pair["b"])): pair["verdict"] for pair in read(runs)["pairs"]}
    assert verdicts == {
        frozenset({"good", "fair"}): "good is better",
        frozenset({"good", "equal"}): "good is better",
        frozenset({"fair", "equal"}): "no difference shown",
    }
    assert "good is better" in outcome.out


def test_the_numbers_follow_from_the_predictions(runs, command, undrawn):
    command("compare", str(runs))
    found = {row["name"]: row for row in read(runs)["strategies"]}
    for name in ("good", "fair"):
        each = []
        for path in sorted((runs / name).glob("*/test_predictions.csv")):
            rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
            each.append(np.mean([row[1] == row[2] for row in rows]))
        assert found[name]["accuracy_mean"] == pytest.approx(np.mean(each), abs=1e-12)
        assert found[name]["accuracy_sd"] == pytest.approx(np.std(each, ddof=1), abs=1e-12)
    pair = read(runs)["pairs"][0]
    assert pair["difference"] == pytest.approx(
        found[pair["a"]]["accuracy_mean"] - found[pair["b"]]["accuracy_mean"], abs=1e-12
    )


def test_one_seed_a_net_is_too_few_to_say_and_tested_by_mcnemar(tmp_path, command, undrawn):
    for strategy, accuracy in (("good", 0.97), ("fair", 0.7)):
        make_run(tmp_path / "runs", strategy, 0, accuracy)
    outcome = command("compare", "runs")
    (pair,) = read(tmp_path / "runs")["pairs"]
    assert (pair["method"], pair["verdict"]) == ("mcnemar", "too few runs to say")
    assert "differences, points, for new pictures alone;" in outcome.out


def test_scores_that_the_predictions_contradict_are_named(runs, command, undrawn):
    path = runs / "good" / "seed_3" / "scores.json"
    scores = json.loads(path.read_text())
    scores["splits"]["test"]["accuracy"] = 0.5
    path.write_text(json.dumps(scores))
    outcome = command("compare", str(runs))
    assert outcome.code == 0
    assert any("seed_3" in note and "accuracy" in note for note in read(runs)["notes"])


def test_missing_seeds_are_named(runs, command, undrawn):
    shutil.rmtree(runs / "fair" / "seed_2")
    assert command("compare", str(runs)).code == 0
    assert any("fair" in note and "2" in note for note in read(runs)["notes"])


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        self.loaded += [named[key] for key in ("src", "srcset") if key in named]
        if tag == "link":
            self.loaded.append(named.get("href"))

    def handle_data(self, data):
        self.text += data


def test_the_page_says_the_answer_and_loads_nothing(runs, command):
    assert command("compare", str(runs)).code == 0
    page = Page((runs / "comparison.html").read_text())
    shown = " ".join(page.text.split())
    assert read(runs)["answer"] in shown
    for name in ("good", "fair", "equal"):
        assert f"{name}/seed_4" in shown
    assert all(address.startswith("data:") for address in page.loaded)
    assert "script" not in page.tags
    assert "table" in page.tags


def test_pictures_are_left_out_where_the_page_is_to_be_passed_on(runs, command):
    draw_test_pictures(runs / "good/seed_0/test_pictures.png", np.zeros((80, 32, 32, 3), np.uint8))
    assert command("compare", str(runs)).code == 0
    assert len(Page((runs / "comparison.html").read_text()).loaded) == 12
    assert command("compare", str(runs), "--no_pictures").code == 0
    page = Page((runs / "comparison.html").read_text())
    assert page.loaded == []
    assert "The pictures themselves are left out." in page.text


def test_a_name_is_text_on_the_page_whatever_it_holds(tmp_path, command):
    for seed in range(3):
        make_run(tmp_path / "runs", "<script>alert(1)<!--", seed, 0.9)
        make_run(tmp_path / "runs", "fair", seed, 0.7)
    assert command("compare", "runs").code == 0
    page = Page((tmp_path / "runs" / "comparison.html").read_text())
    assert "script" not in page.tags
    assert "<script>alert(1)<!--" in page.text


def test_every_figure_is_a_png_and_an_svg_and_the_same_for_the_same_runs(runs, command, tmp_path):
    for output in ("once", "again"):
        assert command("compare", str(runs), "--output", output).code == 0
    once, again = (sorted((tmp_path / name / "figures").iterdir()) for name in ("once", "again"))
    names = [path.name for path in once]
    assert {"result.png", "result.svg", "differences.png", "differences.svg", "recall.png", "recall.svg"} <= set(names)
    assert [path.name for path in again] == names
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(once, again, strict=True))
    assert (tmp_path / "once/comparison.html").stat().st_size < 1_500_000
