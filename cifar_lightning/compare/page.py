"""A comparison as one HTML page that needs nothing else: no network, no script, no file beside it."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cifar_lightning.compare import wording
from cifar_lightning.compare.charts import GRID, INK, MUTED, PAPER, READING, STRATEGY_COLOURS, Chart, looks_of
from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.disagreements import count_agreements, find_disagreements
from cifar_lightning.compare.files import PAGE
from cifar_lightning.compare.pairs import MIN_SEEDS, NO_DIFFERENCE, TOO_FEW
from cifar_lightning.compare.questions import correctness
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.folder import CONFIG, LAST_CHECKPOINT, write_text

_TEMPLATE = "page.html.jinja"
_WORDING = ("better", "capitalise", "count", "count_runs", "write_p")

# Colours of the figures by what the page calls them, so that they follow its light and its dark.
_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{colour: f"var(--strategy-{place})" for place, colour in enumerate(STRATEGY_COLOURS)},
}

_HOLDOUT = "a share of the training pictures held out for validation"

# Markers of matplotlib, in a square of 10.
_SWATCHES = {
    "o": "M0 5A5 5 0 1 1 10 5A5 5 0 1 1 0 5",
    "s": "M.5 .5H9.5V9.5H.5Z",
    "^": "M5 0L10 9.5H0Z",
    "D": "M5 -.5L10.5 5L5 10.5L-.5 5Z",
    "v": "M5 10L10 .5H0Z",
}

_SVG = """<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-finding">"""


def write_page(comparison: Comparison, folder: Path, charts: Sequence[Chart], with_pictures: bool = True) -> None:
    """Writes `comparison.html` into `folder`.

    Args:
        comparison: what is reported.
        folder: of the page; figures need not lie in it.
        charts: what `write_figures` returned for the same comparison.
        with_pictures: whether test pictures may be in the page. They are where a run still has `test_pictures.png`.
    """
    looks = looks_of(comparison)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        {name: getattr(wording, name) for name in _WORDING},
        commands=reproducing_commands,
        colour_of=lambda name: _COLOURS[looks[name].colour],
        swatch_of=lambda name: _SWATCHES[looks[name].marker],
        accuracy=lambda run: float(correctness(run).mean()),
    )
    environment.filters["together"] = wording.keep_together
    page = environment.get_template(_TEMPLATE).render(
        comparison=comparison,
        charts={chart.name: chart for chart in charts},
        svgs={chart.name: inline_svg(chart) for chart in charts},
        strategy_colours=[*STRATEGY_COLOURS.items()],
        shares=wording.SHARES,
        scale=wording.scale_of(comparison),
        compute=wording.COMPUTE,
        methods={pair.method for pair in comparison.pairs},
        verdicts={pair.verdict for pair in comparison.pairs},
        no_difference=NO_DIFFERENCE,
        too_few=TOO_FEW,
        several_runs=wording.has_several_runs(comparison.strategies),
        min_seeds=MIN_SEEDS,
        num_pictures=comparison.strategies[0].values.shape[1],
        disagreements=find_disagreements(comparison, with_pictures=with_pictures),
        agreements=count_agreements(comparison),
        trainings=describe_trainings(comparison),
        compare_command=compare_command(comparison, folder, with_pictures),
    )
    write_text(folder / PAGE, page)


def reproducing_commands(run: Run) -> str:
    """What to type to fit the run anew, if it still has its settings, and to test it again."""
    fit = f"cifar-lightning fit --config {shlex.quote(str(run.folder / CONFIG))}\n" if run.settings else ""
    return f"{fit}cifar-lightning test --ckpt_path {shlex.quote(str(run.folder))}\n"


def describe_trainings(comparison: Comparison) -> list[str]:
    """How the runs were trained, each way once."""
    runs = [run for summary in comparison.strategies for run in summary.runs]
    ways = sorted({(run.facts["epochs"], _describe_protocol(run)) for run in runs})
    return [f"{wording.count(epochs, 'epoch')}, {protocol}" for epochs, protocol in ways]


def _describe_protocol(run: Run) -> str:
    protocol = run.facts["protocol"]
    if protocol == "holdout" and run.settings and run.settings.get("data.val_fraction") == 0:
        return "all training pictures, none held out for validation"
    checkpoint = run.facts["checkpoint"]
    if protocol == "lab":
        judged = "the last epoch" if checkpoint == LAST_CHECKPOINT else checkpoint
        return f"all training pictures, {judged} judged (lab protocol)"
    # The name of another one is anybody's text.
    return _HOLDOUT if protocol == "holdout" else str(protocol)


def compare_command(comparison: Comparison, output: Path, with_pictures: bool = True) -> str:
    """What to type to get this comparison into the folder `output`."""
    words = ["cifar-lightning", "compare", *map(str, comparison.paths)]
    words += [] if output == comparison.paths[0] else ["--output", str(output)]
    words += [] if comparison.question == "accuracy" else ["--question", comparison.question]
    words += ["--allow_mixed"] if comparison.mixed else []
    words += [] if with_pictures else ["--no_pictures"]
    return shlex.join(words)


def inline_svg(chart: Chart) -> Markup:
    """The figure as an element of a page: as wide as there is room, in the page's colours and letters.

    How to read it is left out: the page says so in letters that do not shrink with the figure. Names in it were escaped
    by matplotlib, so none is taken for a tag.
    """
    svg = chart.svg[chart.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<title>.*?</title>|<style .*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    # Groups are numbered alike in every figure; ids of what is used again are not.
    svg = re.sub(rf'<g id="{READING}">.*?</g>', "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    width, height = map(float, re.findall(r'(?<= viewBox="0 0 )[^"]*', svg)[0].split())
    svg = re.sub(
        "<svg [^>]*>", _SVG.format(name=chart.name, width=width, height=height - chart.reading_height), svg, count=1
    )
    svg = re.sub(r"(fill: |stroke: )(#[0-9a-f]{6})", lambda match: match[1] + _COLOURS[match[2]], svg)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    return Markup(svg)
