"""The page of a comparison, read as a browser reads it."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest
from contrast import contrast
from simulated_runs import write_run, write_study

from cifar_lightning import __version__
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.disagreements import find_disagreements
from cifar_lightning.compare.figures import strategy_looks, write_figures
from cifar_lightning.compare.page import PAGE, write_page
from cifar_lightning.compare.plane_figures import draw_compute, draw_fit_time
from cifar_lightning.compare.wording import word_verdict
from cifar_lightning.plots.image_sheet import draw_test_images
from cifar_lightning.plots.kit import STRATEGY_COLOURS

# Elements without an end, of HTML and as they stand in SVG.
VOID = {"meta", "img", "br", "link", "input", "hr", "wbr"}


class Page(HTMLParser):
    """Tags with their attributes, words by tag, and whatever was not closed as it was opened."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.misplaced, self.words = [], [], [], []
        # An option within a sentence is a part of it.
        self.feed(re.sub(r'<span class="option">(.*?)</span>', r"\1", text))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misplaced.append(tag)

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def make_page(comparison, folder, **options):
    """The text of a page without figures, which take most of the time."""
    write_page(comparison, folder, [], **options)
    return (folder / PAGE).read_text()


def cells_of(text, heading):
    """Rows of the table whose caption starts with `heading`, as texts."""
    table = next(part for part in text.split("<table>") if re.match(rf"\s*<caption[^>]*><span>{heading}", part))
    rows = re.findall(r"<tr>(.*?)</tr>", table.split("</table>")[0], re.DOTALL)
    strip = re.compile(r"<[^>]*>")
    return [
        [strip.sub("", cell).replace("\N{MINUS SIGN}", "-") for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows[1:]
    ]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    root = write_study(tmp_path_factory.mktemp("a study"), {"maxpool": 0.95, "avgpool": 0.9, "stride": 0.75}, 3, 120)
    draw_test_images(root / "stride/seed_1/test_images.png", np.zeros((120, 32, 32, 3), np.uint8))
    return compare(root)


@pytest.fixture(scope="module")
def text(comparison, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_page(comparison, folder, write_figures(comparison, folder))
    return (folder / PAGE).read_text()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_tag_is_closed_and_no_id_appears_twice(page):
    assert page.misplaced == []
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 10
    named = [attributes[name] for _, attributes in page.tags for name in ("aria-labelledby",) if name in attributes]
    inner = [attributes["href"][1:] for attributes in page.all("a") if attributes["href"].startswith("#")]
    used = [attributes["xlink:href"][1:] for attributes in page.all("use")]
    assert set(named + inner + used) <= set(ids)
    assert named
    assert used


def test_the_page_loads_nothing(page, text):
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("iframe")
    assert all(attributes["src"].startswith("data:image/png;base64,") for attributes in page.all("img"))
    assert not re.search(r"url\((?!#)|@import", text)
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            if value and value.startswith("http"):
                assert (tag, name) == ("a", "href")
                assert value.startswith("https://doi.org/")
    policy = next(attributes["content"] for attributes in page.all("meta") if "http-equiv" in attributes)
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_answer_comes_first_then_figure_table_pairs_and_method(comparison, text):
    parts = [
        f"<h1>{comparison.answer}</h1>",
        comparison.numbers,
        'aria-labelledby="result-finding"',
        "The strategies (higher is better)",
        "Differences of test accuracy",
        "How it was computed",
        "What the verdict does not say",
        "Where the nets disagree",
        "All runs of this page",
    ]
    places = [text.replace("\N{NO-BREAK SPACE}", " ").index(part) for part in parts]
    assert places == sorted(places)


def test_the_numbers_of_the_strategies_are_those_of_the_comparison(comparison, text):
    rows = cells_of(text, "The strategies")
    assert len(rows) == 3
    for row, summary in zip(rows, comparison.strategies, strict=True):
        low, high = summary.ci95
        assert row == [
            summary.name,
            "3",
            f"{100 * summary.mean:.1f} %",
            f"{100 * low:.1f} to {100 * high:.1f}",
            f"{100 * summary.sd:.1f}",
            "22,659",
            f"{summary.flops_per_image / 1e6:.2f}",
            f"{summary.fit_seconds_median:.0f}",
        ]


def test_the_numbers_of_the_pairs_are_those_of_the_comparison(comparison, text):
    rows = cells_of(text, "Differences of")
    assert len(rows) == 3
    for row, pair in zip(rows, comparison.pairs, strict=True):
        noise = pair.training_noise_only
        assert row[0] == f"{pair.a} minus {pair.b}"
        assert row[1] == word_verdict(pair, comparison.question)
        assert row[2] == f"{100 * pair.difference:+.1f}"
        ends = f"{100 * pair.ci95[0]:+.1f} to {100 * pair.ci95[1]:+.1f}"
        assert row[3] == f"{ends}at most {100 * max(map(abs, pair.ci95)):.1f}"
        same_images, same_images_p = row[6].split("p ")
        adjusted, by_holm = row[5].split("Holm ")
        assert same_images == f"{100 * noise.ci95[0]:+.1f} to {100 * noise.ci95[1]:+.1f}"
        p_values = (pair.p, pair.p_adjusted, pair.p_holm, noise.p)
        for cell, p in zip((row[4], adjusted, by_holm, same_images_p), p_values, strict=True):
            assert cell == "&lt; 0.0001" if p < 0.0001 else float(cell) == pytest.approx(p, rel=0.05)


def test_coverage_is_claimed_only_for_pairs_with_several_seeds(page, tmp_path):
    assert ": an interval made in this way contains it in about 95 of 100 studies (in 81 to 95 if one" in page.text
    paired = compare(write_study(tmp_path / "ten", {"a": 0.9, "b": 0.8}, 10, 60), paired_seeds=True)
    assert "in about 95 of 100 studies." in Page(make_page(paired, tmp_path)).text
    assert "With one seed on a side" not in page.text
    comparison = compare(write_study(tmp_path / "two", {"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 2, "b": 2, "c": 1}, 60))
    text = Page(make_page(comparison, tmp_path)).text
    assert "made in this way from two seeds or more on both sides contains it" in text
    assert "With one seed on a side it covers new images alone" in text


def test_power_recall_claims_and_limits_are_on_the_page(comparison, page, text):
    for row, pair in zip(cells_of(text, "Differences this study"), comparison.pairs, strict=True):
        assert row[1:3] == [f"{100 * pair.power.missed_below:.1f}", f"{100 * pair.power.detectable:.1f}"]
    for row, name in zip(cells_of(text, "Recall"), comparison.classes, strict=True):
        assert row == [name, *(f"{100 * summary.recall_mean[name]:.1f} %" for summary in comparison.strategies)]
    assert comparison.claims
    for claim in comparison.claims:
        assert claim.evidence in page.text
    assert re.search(r'<li class="supported"><strong>Supported: ', text)
    assert ".claims .supported strong" in text
    for sentence in (*comparison.does_not_say, comparison.sensitivity):
        assert sentence in page.text


def test_every_run_is_there_with_the_commands_that_reproduce_it(comparison, text):
    rows = cells_of(text, "All runs")
    assert len(rows) == 9
    for row, run in zip(rows, [run for summary in comparison.strategies for run in summary.runs], strict=True):
        accuracy = run.scores["splits"]["test"]["accuracy"]
        seconds = f"{run.facts.fit_seconds:.0f}"
        assert row == [run.strategy, str(run.seed), f"{100 * accuracy:.1f} %", "cpu", "5", seconds, str(run.folder)]
        # The folder has a space in its name.
        assert f"cifar-lightning fit --config &#39;{run.folder}/config.yaml&#39;\n" in text
        assert f"cifar-lightning test --ckpt_path &#39;{run.folder}&#39;\n" in text


def test_every_figure_has_a_name_with_numbers_and_every_table_headers(page, text):
    figures = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert len(figures) == 9
    for attributes in figures:
        finding = re.search(rf'id="{attributes["aria-labelledby"]}"[^>]*>(.*?)</p>', text)[1]
        assert re.search(r"\d", finding)
    assert all(attributes["scope"] in ("col", "row") for attributes in page.all("th"))
    assert text.count("<table>") == text.count("<caption")
    assert all("alt" in attributes for attributes in page.all("img"))


def test_figures_take_their_colours_from_the_page(page, text):
    inlined = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"#[0-9a-f]{6}[;\"]", inlined)
    assert {"var(--strategy-0)", "var(--paper)", "currentColor"} <= set(
        re.findall(r"var\([\w-]+\)|currentColor", inlined)
    )
    assert "font-family" not in inlined


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(text, scheme):
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    for behind in ("paper", "wash"):
        for word in ("ink", "muted", "link", "good", "bad"):
            # The stricter of the two levels of WCAG 2.
            assert contrast(colours[word], colours[behind]) >= 7, (word, behind)
    for place in range(len(STRATEGY_COLOURS)):
        assert contrast(colours[f"strategy-{place}"], colours["paper"]) >= 3


def test_names_are_never_taken_for_tags(tmp_path):
    bad = "<script>alert(1)</script>"
    for name in (bad, 'b"onload="x'):
        for seed in range(2):
            run = write_run(
                tmp_path / "runs" / str(len(name)) / str(seed), name, seed, np.arange(40) > len(name) + seed
            )
            for file in run.glob("*"):
                file.write_text(file.read_text().replace("apple", "<b>apple</b>&amp;"))
    nasty = compare(tmp_path / "runs")
    write_page(nasty, tmp_path, write_figures(nasty, tmp_path))
    page = Page((tmp_path / PAGE).read_text())
    assert not page.all("script")
    assert not page.all("b")
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert page.misplaced == page.open == []
    assert f"{bad} minus" in page.text or f"minus {bad}" in page.text
    assert "<b>apple</b>&amp;" in page.text


def test_the_same_runs_give_the_same_page(comparison, tmp_path):
    assert make_page(comparison, tmp_path) == make_page(comparison, tmp_path)


def test_loss_has_no_unit_and_each_run_shows_loss_and_accuracy(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.95, "b": 0.7}, 2, 60)
    comparison = compare(root, question="loss")
    text = make_page(comparison, tmp_path)
    for row, summary in zip(cells_of(text, "The strategies"), comparison.strategies, strict=True):
        assert row[2] == f"{summary.mean:.3f}"
    runs = cells_of(text, "All runs")
    assert runs[0][2] == f"{comparison.strategies[0].values[0].mean():.3f}"
    assert runs[0][3] == f"{100 * comparison.strategies[0].runs[0].scores['splits']['test']['accuracy']:.1f} %"
    assert "lower is better" in text
    assert f"cifar-lightning compare {root} --output {tmp_path} --question loss</code>" in text


def test_one_seed_is_explained_and_nothing_is_claimed_of_seeds(tmp_path):
    comparison = compare(write_study(tmp_path / "study", {"a": 0.95, "b": 0.7}, 1, 60))
    page = Page(make_page(comparison, tmp_path))
    assert "McNemar" in page.text
    assert "in about 95 of 100 studies" not in page.text
    assert "With one seed on a side it covers new images alone" in page.text
    assert "Satterthwaite" not in page.text
    assert "probably missed below" not in page.text
    assert "too few runs to say" in page.text


def test_notes_come_after_figure_and_table_and_one_line_leads_there(comparison, tmp_path):
    text = make_page(replace(comparison, mixed=True, notes=["Seed 3 of <stride> is missing.", "More."]), tmp_path)
    parts = [
        "</h1>",
        "Mixed runs.",
        '<a href="#notes">2 notes</a> on these runs, below.',
        '<div class="lead">',
        "The strategies (higher is better)",
        'id="notes"',
        "<li>Seed 3 of &lt;stride&gt; is missing.</li>",
        '<h2 id="pairs">',
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    page = Page(text)
    assert page.misplaced == page.open == []


def test_without_notes_nothing_is_said_of_notes(comparison, tmp_path):
    text = make_page(comparison, tmp_path)
    assert "Mixed runs." not in text
    assert "on these runs, below" not in text
    assert 'id="notes"' not in text


def write_opposites(root):
    """Two nets, two seeds each, 45 images: `b` is wrong on 10 to 14, `a` on 44 and in one seed on 3, from 0."""
    for name, wrong in (("a", [[44], [44, 3]]), ("b", [range(10, 15)] * 2)):
        for seed, places in enumerate(wrong):
            write_run(root / name / str(seed), name, seed, ~np.isin(np.arange(45), list(places)))
    return root


@pytest.mark.parametrize("sheet", ["none", "of other images", "no image", "half an image"])
def test_without_a_fitting_sheet_nothing_is_said_of_single_images(tmp_path, sheet):
    root = write_opposites(tmp_path)
    path = root / "a" / "0" / "test_images.png"
    if sheet == "of other images":
        draw_test_images(path, np.zeros((61, 32, 32, 3), np.uint8))
    if sheet == "no image":
        path.write_text("hello")
    if sheet == "half an image":
        draw_test_images(path, np.random.default_rng(0).integers(0, 256, (45, 32, 32, 3), np.uint8))
        path.write_bytes(path.read_bytes()[:2000])
    page = Page(make_page(compare(root), tmp_path))
    assert not page.all("img")
    assert "Where the nets disagree" not in page.text


def test_each_strategy_has_the_mark_of_the_figures_in_its_colour_beside_its_name(comparison, page):
    marks = [
        attributes["d"] + attributes["style"]
        for tag, attributes in page.tags
        if tag == "path" and attributes.get("style", "").startswith("fill: var(--strategy")
    ]
    # In the table, and beside each image on which they disagree.
    assert len(set(marks[:3])) == len(comparison.strategies) == 3
    assert set(marks) == set(marks[:3])
    assert len(marks) == 3 * (1 + len(find_disagreements(comparison)))


def test_no_line_of_the_page_ends_between_a_number_and_its_unit(text):
    prose = "".join(re.findall(r"<h1.*?</h1>|<p .*?</p>|<p>.*?</p>|<li.*?</li>", text, re.DOTALL))
    assert not re.search(r"\d (%|points|seeds?\b|to [+\N{MINUS SIGN}]?\d)", prose)
    assert "95\N{NO-BREAK SPACE}%\N{NO-BREAK SPACE}interval" in text


def test_one_pair_needs_no_correction_and_one_seed_has_no_column_of_the_same_images(tmp_path):
    # The verdict first: on a phone the rest is to the right.
    header = ["pair", "verdict", "difference", "95 % interval, differs by at most", "p"]
    for seeds, more in ((2, ["same images: 95 % interval and p"]), (1, [])):
        comparison = compare(write_study(tmp_path / str(seeds), {"a": 0.95, "b": 0.7}, seeds, 60))
        table = make_page(comparison, tmp_path).split('id="pairs-table"')[1].split("</thead>")[0]
        assert re.findall(r"<th[^>]*>([^<]*)</th>", table.replace("&nbsp;", " ")) == header + more


def test_no_heading_and_no_head_of_a_table_is_printed_at_the_foot_of_a_page(text):
    printed = text.split("@media print {")[1].split("</style>")[0]
    kept = ", ".join(re.findall(r"([^{}]*)\{ break-after: avoid", printed))
    assert {"h2", "h3", "caption", "thead", "summary"} <= {name.strip() for name in kept.split(",")}


def test_runs_and_commands_are_folded_and_opened_in_print(text):
    folded = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    assert ["All runs of this page" in part for part in folded] == [True, False]
    assert ["cifar-lightning compare" in part for part in folded] == [False, True]
    assert text.count("cifar-lightning compare") == 1
    printed = text.split("@media print {")[1].split("</style>")[0]
    assert "details::details-content { content-visibility: visible" in printed


def facts_of(text):
    text = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NON-BREAKING HYPHEN}", "-")
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))


def test_the_facts_say_what_was_compared_where_and_when(tmp_path):
    about = {"processor": "AMD EPYC 7B13"}
    root = write_study(tmp_path / "study", {"maxpool": 0.95, "stride": 0.7}, 3, 60, facts=about)
    comparison = compare(root)
    assert facts_of(make_page(comparison, tmp_path)) == {
        "Classes": "apple, forest, lawn_mower",
        "Training": "5 epochs, all training images, the last epoch judged (lab protocol)",
        "With a near-duplicate among the training images": "1 of 60 test images",
        "Tested on": "AMD EPYC 7B13, torch 2.11.0, cifar-lightning 0.1.0",
        "Page made": f"{date.today()} by cifar-lightning {__version__}",
    }


def test_runs_that_do_not_know_their_processor_say_what_they_know(tmp_path):
    root = write_study(tmp_path / "study", {"maxpool": 0.95, "stride": 0.7}, 1, 60)
    assert facts_of(make_page(compare(root), tmp_path))["Tested on"].startswith("cpu, torch")


def test_unfinished_training_is_in_the_headline(comparison, tmp_path):
    text = make_page(replace(comparison, still_improving=["stride"]), tmp_path)
    assert re.search(r"<h1[^>]*>[^<]*stride was still improving on the training images", text)


SHARE = {"data.val_fraction": 0.1}


def test_mixed_runs_list_all_their_trainings(tmp_path):
    write_study(tmp_path, {"maxpool": 0.95}, 2, 60)
    write_study(tmp_path, {"stride": 0.9}, 2, 60, epochs=8, facts={"protocol": "holdout"})
    text = make_page(compare(tmp_path, allow_mixed=True), tmp_path)
    assert (
        "<dd>5 epochs, all training images, the last epoch judged (lab protocol); 8 epochs, all training images,"
        " none held out for validation</dd>"
    ) in text
    share = write_study(tmp_path / "share", {"a": 0.9, "b": 0.9}, 2, 60, facts={"protocol": "holdout"}, settings=SHARE)
    assert "5 epochs, a share of the training images held out" in make_page(compare(share), tmp_path)


def test_images_can_be_left_out(tmp_path):
    root = write_opposites(tmp_path)
    draw_test_images(root / "a" / "0" / "test_images.png", np.zeros((45, 32, 32, 3), np.uint8))
    comparison = compare(root)
    assert len(Page(make_page(comparison, tmp_path)).all("img")) == 7
    text = make_page(comparison, tmp_path, with_images=False)
    assert not Page(text).all("img")
    assert "Where the nets disagree" not in text
    assert f"cifar-lightning compare {root} --no_images</code>" in text


def test_costs_far_apart_have_round_numbers_in_the_colours_of_the_page(tmp_path):
    write_study(tmp_path, {"maxpool": 0.95}, 3, 60, facts={"fit_seconds": 81.0, "flops_per_image": 9_520_000})
    write_study(tmp_path, {"small": 0.9}, 3, 60, facts={"fit_seconds": 2.0, "flops_per_image": 95_200})
    comparison = compare(tmp_path)
    looks = strategy_looks(comparison)
    charts = [draw(comparison, looks) for draw in (draw_compute, draw_fit_time)]
    write_page(comparison, tmp_path, charts)
    text = (tmp_path / PAGE).read_text()
    for name in ("compute", "fit_time"):
        svg = text.split(f'aria-labelledby="{name}-finding"')[1].split("</svg>")[0]
        assert "#000000" not in svg
        ticks = [float(number) for number in re.findall(r">([\d.]+)</text>", svg)]
        assert len([number for number in ticks if number <= 100]) >= 4, ticks


def test_forty_long_runs_make_a_page_of_less_than_half_a_megabyte(tmp_path):
    root = write_study(tmp_path / "study", dict.fromkeys(("a", "b", "c", "d"), 0.9), 10, 40, epochs=500)
    comparison = compare(root)
    write_page(comparison, tmp_path, write_figures(comparison, tmp_path))
    assert (tmp_path / PAGE).stat().st_size < 500_000


def test_the_headline_begins_with_a_capital_or_with_a_name_as_it_is(tmp_path):
    root = write_study(tmp_path, {"net a": 0.9, "net b": 0.9}, 4, 60)
    assert compare(root).answer == "No difference shown between net b and net a."
    assert compare(root, equal_within=60).answer == "net b and net a are equal within 60 points."


def test_a_fit_of_less_than_a_second_takes_some_time(tmp_path):
    root = write_study(tmp_path / "study", {"a": 0.95, "b": 0.7}, 2, 60, facts={"fit_seconds": 0.21})
    text = make_page(compare(root), tmp_path)
    assert [row[-1] for row in cells_of(text, "The strategies")] == ["0.2", "0.2"]
    assert {row[-2] for row in cells_of(text, "All runs")} == {"0.2"}
