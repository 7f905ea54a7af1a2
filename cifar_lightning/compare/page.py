"""A comparison as one HTML page that needs nothing else: no network, no script, no file beside it."""

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup, escape

from cifar_lightning import __version__
from cifar_lightning.compare import wording
from cifar_lightning.compare.caveats import count_duplicates
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.disagreements import describe_agreement, find_disagreements
from cifar_lightning.compare.figures import draw_result, strategy_looks
from cifar_lightning.compare.files import PAGE
from cifar_lightning.compare.grouping import flat_settings
from cifar_lightning.compare.pairs import MOST_ALARMS, UNEQUAL
from cifar_lightning.compare.questions import COMPUTE, SECONDS, SHARES, Words, correctness
from cifar_lightning.compare.table_sources import output_folder
from cifar_lightning.pages import html_templates
from cifar_lightning.plots.kit import GRID, INK, MUTED, PAPER, READING, STRATEGY_COLOURS, Chart
from cifar_lightning.runs.disk import write_text
from cifar_lightning.runs.folder import CONFIG, LAST_CHECKPOINT
from cifar_lightning.runs.run import Run

# What the page calls the colours of the figures, so that they follow its light and its dark theme.
_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{colour: f"var(--strategy-{place})" for place, colour in enumerate(STRATEGY_COLOURS)},
}

# The markers of matplotlib, in a square of 10.
_SWATCHES = {
    "o": "M0 5A5 5 0 1 1 10 5A5 5 0 1 1 0 5",
    "s": "M.5 .5H9.5V9.5H.5Z",
    "^": "M5 0L10 9.5H0Z",
    "D": "M5 -.5L10.5 5L5 10.5L-.5 5Z",
    "v": "M5 10L10 .5H0Z",
}

_SVG = """<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-finding">"""


class _InWords(Extension):
    """Templates speak of strategies, nets and test images; a page on a table has its own words for them."""

    # Not what is part of a tag, a style or a longer word.
    _WORD = re.compile(r"(?<![-.#\w\"])(?:test )?([Ii]mages?|nets|strategy|strategies)(?![-\w\"])")

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        words = vars(self.environment.globals["words"])
        words = words | {word.capitalize(): other.capitalize() for word, other in words.items()}
        for token in stream:
            text = self._WORD.sub(lambda match: words[match[1]], token.value) if token.type == "data" else token.value
            yield Token(token.lineno, token.type, text)


def write_page(comparison: Comparison, folder: Path, charts: Sequence[Chart], with_images: bool = True) -> None:
    """Writes `comparison.html` into `folder`, with the `charts` that `write_figures` returned.

    `with_images`: whether test images are on the page, where a run still has `test_images.png`.
    """
    page = _render(
        "page.html.jinja",
        comparison,
        charts,
        shares=SHARES,
        accuracy=lambda run: float(correctness(run).mean()),
        verdicts={wording.word_verdict(pair, comparison.question) for pair in comparison.pairs},
        unequal=UNEQUAL,
        most_alarms=MOST_ALARMS,
        methods={pair.method for pair in comparison.pairs},
        several_runs=wording.has_several_runs(comparison.strategies),
        disagreements=find_disagreements(comparison) if with_images else [],
        agreement=describe_agreement(comparison) if comparison.classes else "",
        facts={
            **(_describe_runs(comparison) if comparison.classes else _describe_table(comparison)),
            "Page made": f"{date.today().isoformat()} by cifar-lightning {__version__}",
        },
        commands=_list_commands,
        compare_command=_find_command(comparison, folder, with_images) if comparison.paths else "",
    )
    write_text(folder / PAGE, page)


def render_summary(comparison: Comparison) -> str:
    """The headline, the result figure and both tables as HTML, for a notebook."""
    return _render("summary.html.jinja", comparison, [draw_result(comparison, strategy_looks(comparison))])


def _render(template: str, comparison: Comparison, charts: Sequence[Chart], **more: Any) -> str:
    looks, question = strategy_looks(comparison), comparison.question
    environment = html_templates(Path(__file__).parent / "templates")
    environment.globals["words"] = question.words
    if question.words != Words():
        environment.add_extension(_InWords)
    environment.filters["together"] = _keep_together
    # Long names may be broken between their words.
    environment.filters["parts"] = lambda name: Markup(escape(name).replace("_", Markup("_<wbr>")))
    return environment.get_template(template).render(
        comparison=comparison,
        question=question,
        wording=wording,
        charts={chart.name: chart for chart in charts},
        svgs={chart.name: _inline_svg(chart) for chart in charts},
        strategy_colours=[*STRATEGY_COLOURS.items()],
        colour_of=lambda name: _COLOURS[looks[name].colour],
        swatch_of=lambda name: _SWATCHES[looks[name].marker],
        scale=question.scale,
        of_models=question.scope == "models",
        compute=COMPUTE,
        seconds=SECONDS,
        several_pairs=comparison.num_judged > 1,
        same_images=any(pair.training_noise_only for pair in comparison.pairs),
        **more,
    )


def _keep_together(text: str) -> Markup:
    """As `wording.keep_together`, and no option of a command is broken."""
    kept = str(escape(wording.keep_together(text)))
    return Markup(re.sub(r"--\w+", r'<span class="option">\g<0></span>', kept))


def _list_commands(run: Run) -> str:
    """The commands that fit the run anew, if it has its settings, and test it again."""
    fit = f"cifar-lightning fit --config {shlex.quote(str(run.folder / CONFIG))}\n" if run.has(CONFIG) else ""
    return f"{fit}cifar-lightning test --ckpt_path {shlex.quote(str(run.folder))}\n"


def _describe_runs(comparison: Comparison) -> dict[str, str]:
    runs = [run for summary in comparison.strategies for run in summary.runs]
    ways = sorted({(run.facts.epochs, _describe_protocol(run)) for run in runs})
    places = {
        f"{run.facts.processor or run.facts.device}, torch {run.facts.versions['torch']},"
        f" cifar-lightning {run.facts.versions['cifar_lightning']}"
        for run in runs
    }
    return {
        "Classes": ", ".join(comparison.classes),
        "Training": "; ".join(f"{wording.count(epochs, 'epoch')}, {protocol}" for epochs, protocol in ways),
        "With a near-duplicate among the training images": "unknown"
        if (number := count_duplicates(runs)) is None
        else f"{number or 'none'} of {len(runs[0].predictions('test').indices)} test images",
        "Tested on": "; ".join(sorted(places)),
    }


def _describe_table(comparison: Comparison) -> dict[str, str]:
    facts = {"Table": ", ".join(map(str, comparison.paths)) or "given in Python"}
    if comparison.num_groups < comparison.num_images:
        facts["Groups"] = f"{comparison.num_groups:,}, each counts as one example"
    return facts


def _describe_protocol(run: Run) -> str:
    if run.facts.protocol == "lab":
        judged = "the last epoch" if run.facts.checkpoint == LAST_CHECKPOINT else run.facts.checkpoint
        return f"all training images, {judged} judged (lab protocol)"
    if flat_settings(run).get("data.val_fraction") == 0:
        return "all training images, none held out for validation"
    return "a share of the training images held out for validation"


def _find_command(comparison: Comparison, output: Path, with_images: bool) -> str:
    question = comparison.question
    words = ["cifar-lightning", "compare", *map(str, comparison.paths)]
    words += [] if output == output_folder(comparison.paths[0]) else ["--output", str(output)]
    words += [] if question.text == "accuracy" else ["--question", question.text]
    words += [] if question.equal_within is None else ["--equal_within", f"{question.equal_within:g}"]
    words += ["--paired_seeds"] if question.paired_seeds else []
    words += [] if comparison.num_left_out is None else ["--without_duplicates"]
    words += ["--allow_mixed"] if comparison.mixed else []
    words += comparison.table_options
    words += [] if with_images else ["--no_images"]
    return shlex.join(words)


def _inline_svg(chart: Chart) -> Markup:
    """The figure as an element of a page: as wide as there is room, in the page's colours and letters.

    How to read it is left out: the page says so in letters that do not shrink. matplotlib has escaped the names.
    """
    svg = chart.svg[chart.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<title>.*?</title>|<style .*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    # Groups have the same ids in every figure; only the ids of what is used again differ.
    svg = re.sub(rf'<g id="{READING}">.*?</g>', "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    width, height = map(float, re.findall(r'(?<= viewBox="0 0 )[^"]*', svg)[0].split())
    svg = re.sub(
        "<svg [^>]*>", _SVG.format(name=chart.name, width=width, height=height - chart.reading_height), svg, count=1
    )
    svg = re.sub(r"(fill: |stroke: )(#[0-9a-f]{6})", lambda match: match[1] + _COLOURS[match[2]], svg)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    return Markup(svg)
