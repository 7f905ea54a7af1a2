"""The figures of a comparison: which there are, what they say, names and colours. How they look is for people."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from contrast import contrast
from PIL import Image
from simulated_runs import NAMES, write_run, write_study

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.figures import draw_differences, draw_result, strategy_looks, write_figures
from cifar_lightning.compare.plane_figures import draw_compute, draw_curves
from cifar_lightning.compare.wording import word_verdict
from cifar_lightning.plots.kit import INK, MUTED, PAPER, STRATEGY_COLOURS
from cifar_lightning.runs.folder import CURVES, PROBES, predictions_name

SVG = "{http://www.w3.org/2000/svg}"
EVERY_FIGURE = [
    "result",
    "differences",
    "recall",
    "loss_curves",
    "accuracy_curves",
    "shift",
    "noise",
    "compute",
    "fit_time",
]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    root = write_study(tmp_path_factory.mktemp("study"), {"maxpool": 0.95, "avgpool": 0.9, "stride": 0.8}, 3, 120)
    return compare(root)


@pytest.fixture(scope="module")
def drawn(comparison, tmp_path_factory):
    """The charts by name, and the folder that they lie in."""
    folder = tmp_path_factory.mktemp("figures")
    return {chart.name: chart for chart in write_figures(comparison, folder)}, folder


def texts_of(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_every_figure_is_there_as_png_and_as_svg(drawn):
    charts, folder = drawn
    assert list(charts) == EVERY_FIGURE
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in EVERY_FIGURE for kind in ("png", "svg")
    }
    for name, chart in charts.items():
        with Image.open(folder / f"{name}.png") as image:
            image.load()
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("L")))) > 20
        assert (folder / f"{name}.svg").read_text() == chart.svg
        assert ET.fromstring(chart.svg).find(f"{SVG}title").text == chart.finding


def test_figures_of_an_earlier_comparison_do_not_stay(tmp_path):
    root = write_study(tmp_path / "runs", {"maxpool": 0.9, "stride": 0.8}, 2, 30)
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in ("of mine.png", "shift.png", "noise.svg"):
        (folder / name).write_text("")
    for path in root.rglob(PROBES):
        path.unlink()
    charts = write_figures(compare(root), folder)
    assert [chart.name for chart in charts] == [name for name in EVERY_FIGURE if name not in ("shift", "noise")]
    left = {path.stem for path in folder.iterdir()}
    assert left == {*EVERY_FIGURE, "of mine"} - {"shift", "noise"}


def test_the_same_comparison_gives_the_same_bytes(comparison, drawn, tmp_path):
    _, folder = drawn
    write_figures(comparison, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_result_shows_each_mean_and_interval_and_a_dot_per_seed(comparison, drawn):
    chart = drawn[0]["result"]
    texts = texts_of(chart.svg)
    for summary in comparison.strategies:
        low, high = summary.ci95
        assert summary.name in texts
        assert f"{100 * summary.mean:.1f} %" in texts
        assert f"{100 * low:.1f} to {100 * high:.1f}" in texts
        assert f"{summary.name} {100 * summary.mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})" in chart.finding
    root = ET.fromstring(chart.svg)
    assert len(list(root.iter(f"{SVG}use"))) >= 3 * (3 + 1)
    assert "new seeds and images" in chart.reading


def test_the_differences_are_those_of_the_pairs(comparison, drawn):
    chart = drawn[0]["differences"]
    texts = [text.replace("\N{MINUS SIGN}", "-") for text in texts_of(chart.svg)]
    for pair in comparison.pairs:
        low, high = pair.ci95
        assert f"{100 * pair.difference:+.1f}" in texts
        assert f"{100 * low:+.1f} to {100 * high:+.1f}" in texts
        assert f"{pair.a} minus {pair.b} {100 * pair.difference:+.1f} points" in chart.finding
        assert word_verdict(pair, comparison.question) in chart.finding


def test_the_finding_of_the_probes_goes_from_the_plain_images_to_the_hardest(comparison, drawn):
    for summary in comparison.strategies:
        hardest = np.mean([run.probes.shares["noise_32"].mean() for run in summary.runs])
        assert f"{summary.name} {100 * summary.mean:.1f} % to {100 * hardest:.1f} %" in drawn[0]["noise"].finding


def test_the_class_with_the_lowest_recall_is_named_with_its_numbers(comparison, drawn):
    recall = {name: [summary.recall_mean[name] for summary in comparison.strategies] for name in NAMES}
    hardest = min(NAMES, key=lambda name: np.mean(recall[name]))
    assert f"lowest recall is {hardest}: maxpool {100 * recall[hardest][0]:.1f} %" in drawn[0]["recall"].finding


def test_what_the_runs_do_not_have_is_not_drawn(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.9, "b": 0.8}, 2, 60, facts={"fit_seconds": None})
    for run in root.glob("*/*"):
        for name in (PROBES, CURVES, predictions_name("train")):
            (run / name).unlink()
    charts = write_figures(compare(root), tmp_path / "figures")
    assert [chart.name for chart in charts] == ["result", "differences", "recall", "compute"]


def test_no_epoch_of_a_short_training_is_off_the_axes(drawn):
    assert not any("Off the axes" in drawn[0][name].reading for name in ("loss_curves", "accuracy_curves"))


def test_what_the_marks_and_bars_mean_follows_from_how_many_seeds_there_are(tmp_path):
    readings = {}
    for seeds in (1, 3, {"a": 1, "b": 3}, {"a": 2, "b": 3}):
        folder = tmp_path / str(len(readings))
        comparison = compare(write_study(folder, {"a": 0.95, "b": 0.6}, seeds, 200))
        draw = (draw_result, draw_differences)
        readings[str(seeds)] = [one(comparison, strategy_looks(comparison)).reading for one in draw]
    assert readings["1"][0].startswith("Large mark: the one run. Bar: 95 % interval for new images alone, not")
    assert "Thin bar" not in readings["1"][1]
    assert readings["3"][0].startswith("Large mark: mean over seeds. Bar: 95 % interval for new seeds and images.")
    # One pair alone needs no correction.
    assert "Filled mark: a difference that is shown. Dashed line" in readings["3"][1]
    assert "Thin bar: for new seeds on these same images, from the seeds that both have." in readings["3"][1]
    mixed = readings[str({"a": 1, "b": 3})]
    assert "new seeds and images, with one seed new images alone" in mixed[0]
    assert mixed[1].startswith("Thick bar: 95 % interval for new images alone, not new seeds.")


def test_one_seed_says_that_its_noise_is_not_covered(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.9, "b": 0.7}, 1, 90)
    comparison = compare(root)
    looks = strategy_looks(comparison)
    result = draw_result(comparison, looks)
    assert "for new images alone, not new seeds" in result.reading
    assert "one per seed" not in result.reading
    assert "for new images alone" in draw_differences(comparison, looks).reading


def test_loss_has_three_digits_no_unit_and_is_better_when_lower(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.95, "b": 0.7}, 2, 60)
    comparison = compare(root, question="loss")
    chart = draw_result(comparison, strategy_looks(comparison))
    texts = texts_of(chart.svg)
    assert "test loss (lower is better)" in texts
    assert [summary.name for summary in comparison.strategies] == ["a", "b"]
    for summary in comparison.strategies:
        assert f"{summary.mean:.3f}" in texts


def test_many_strategies_are_compared_with_the_best(tmp_path):
    for place in range(8):
        for seed in range(2):
            right = np.arange(40) >= place + seed
            write_run(tmp_path / f"net{place}" / str(seed), f"net{place}", seed, right)
    comparison = compare(tmp_path)
    assert len(comparison.pairs) == 28
    chart = draw_differences(comparison, strategy_looks(comparison))
    assert "net0 against each of the others" in texts_of(chart.svg)
    rows = [text for text in texts_of(chart.svg) if text.startswith("\N{MINUS SIGN} net")]
    assert rows == [f"\N{MINUS SIGN} net{place}" for place in range(1, 8)]


@pytest.mark.parametrize("count", [5, 12])
def test_strategies_of_equal_cost_are_drawn_apart_and_near_their_cost(tmp_path, count):
    accuracies = {f"net{place}": 0.7 + 0.02 * place for place in range(count)}
    comparison = compare(write_study(tmp_path, accuracies, 2, 60))
    chart = draw_compute(comparison, strategy_looks(comparison))
    assert "Lines of equal cost are drawn side by side; their marks may overlap." in chart.reading
    root = ET.fromstring(chart.svg)
    (axes,) = (group for group in root.iter(f"{SVG}g") if group.get("id") == "axes_1")
    # Marks are its own lines; those of the legend and the ticks lie deeper.
    marks = [
        float(use.get("x"))
        for line in axes.iterfind(f"{SVG}g")
        if "line2d" in line.get("id")
        for use in line.iter(f"{SVG}use")
    ]
    (ticks,) = (group for group in axes if group.get("id") == "matplotlib.axis_1")
    *_, of_one = (float(use.get("x")) for use in ticks.iter(f"{SVG}use"))
    assert len(marks) == count
    # Points; the last tick is at 1.0 MFLOP.
    assert max(abs(mark - of_one) for mark in marks) <= 2 * (count - 1) + 0.02
    # Wider than a line, which is 2.2.
    assert min(np.diff(sorted(marks))) > 2.5


def test_names_are_drawn_as_text_whatever_is_in_them(comparison, tmp_path):
    names = ["<script>x</script>", "a $b$ & -->", "the same long beginning, but its own end"]
    strategies = [replace(summary, name=name) for summary, name in zip(comparison.strategies, names, strict=True)]
    nasty = replace(comparison, strategies=strategies, pairs=comparison.pairs[:1])
    nasty = replace(nasty, pairs=[replace(nasty.pairs[0], a=names[0], b=names[1])])
    for draw in (draw_result, draw_differences):
        chart = draw(nasty, strategy_looks(nasty))
        texts = texts_of(chart.svg)
        assert names[0] in texts
        assert any(names[1] in text for text in texts)
        assert not list(ET.fromstring(chart.svg).iter(f"{SVG}script"))
    assert strategy_looks(nasty)[names[2]].label.startswith("the same ")
    assert strategy_looks(nasty)[names[2]].label.endswith(" own end")


def test_a_strategy_keeps_its_colour_when_another_question_orders_them_otherwise(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.95, "b": 0.7, "c": 0.8}, 2, 60)
    accuracy, gap = compare(root), compare(root, question="loss")
    turned = replace(gap, strategies=gap.strategies[::-1])
    assert strategy_looks(accuracy) == strategy_looks(turned)


def test_lines_and_words_stand_out_from_white():
    assert all(contrast(colour, PAPER) >= 3 for colour in STRATEGY_COLOURS)
    assert contrast(INK, PAPER) >= 7
    assert contrast(MUTED, PAPER) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_coordinates_of_a_long_training_do_not_make_the_figure_heavy(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.95, "b": 0.7}, 2, 60, epochs=3000)
    comparison = compare(root)
    chart = draw_curves(comparison, strategy_looks(comparison), "loss", 1, "loss", "{:.2f}")
    assert len(chart.svg) < 250_000
    assert chart.reading.endswith(" Off the axes: a few epochs, mostly the first.")
