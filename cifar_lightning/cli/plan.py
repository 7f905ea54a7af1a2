"""Says how many seeds and images would show a difference, from a pilot's run folders or from assumptions."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.cli.tables import numbers
from cifar_lightning.printing import plain_console

if TYPE_CHECKING:
    from cifar_lightning.compare.planning import Plan

_SEEDS = (3, 5, 10, 20, 40)
# Times the images that are there.
_IMAGES = (1, 2, 5, 10)


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning plan", description=__doc__, allow_abbrev=False)
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="*", help="the pilot: every run below it is read")
    parser.add_argument("--difference", type=float, metavar="POINTS", help="the difference that is to be shown")
    parser.add_argument("--power", type=float, default=0.8, help="share of studies that find the difference (0.8)")
    parser.add_argument("--images", type=int, metavar="N", help="test images; those of the pilot by default, or 300")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where plan.png goes; by default the first PATH")
    assumed = parser.add_argument_group("assumptions, in place of a pilot")
    assumed.add_argument("--strategies", type=int, help="how many are compared (2 by default)")
    assumed.add_argument("--accuracy", type=float, help="of every net (0.9)")
    assumed.add_argument("--agreement", type=float, help="correlation of two nets' hard images (0.6; lab: 0.4 to 0.9)")
    assumed.add_argument(
        "--seed_deviation", type=float, metavar="POINTS", help="standard deviation of accuracy over seeds (1)"
    )
    options = parser.parse_intermixed_args(arguments)
    if options.difference is None:
        raise ValueError("expected the difference that is to be shown, got none; add --difference 2 for two points")

    # As in `compare`.
    from cifar_lightning.compare.planning import plan

    settings = {name: value for name, value in vars(options).items() if name not in ("paths", "output")}
    planned = plan(options.paths, **settings)
    output = options.output or (options.paths[0] if options.paths else Path())
    # As in `compare`.
    with contextlib.suppress(BrokenPipeError, SystemExit):
        _print_plan(planned)
    planned.write(output)
    print(f"written to {output / 'plan.png'}")
    return 0


def _print_plan(plan: "Plan") -> None:
    console = plain_console()
    console.print(plan.answer, style="bold")
    for sentence in plan.basis:
        console.print(Padding(sentence, (0, 0, 0, 2)))
    console.print()
    console.print(_make_table(plan))


def _make_table(plan: "Plan") -> Table:
    """The smallest difference that is shown, seeds by images; what is enough is bold."""
    seeds, images = plan.enough or (_SEEDS[0], plan.num_images)
    columns = sorted({images, *(times * plan.num_images for times in _IMAGES)})
    headers = ["seeds", "runs", *([] if plan.seconds_per_seed is None else ["hours"])]
    table = Table(
        *numbers(*headers, *(f"{column:,}\nimages" for column in columns)),
        title=f"smallest difference shown{',' if plan.scale.difference_unit else ''}{plan.scale.difference_unit}",
        title_justify="left",
    )
    for row in sorted({seeds, *_SEEDS}):
        hours = plan.hours(row)
        shown = [plan.detectable(row, column) for column in columns]
        table.add_row(
            f"{row:,}",
            f"{row * plan.num_strategies:,}",
            *([] if hours is None else [f"{hours:,.1f}"]),
            *(Text(plan.scale.number(each), "bold" if each <= plan.difference else "") for each in shown),
        )
    return table
