"""`compare`: which strategy is better, and how surely, from run folders alone."""

import argparse
import contextlib
import shlex
from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.cli.outputs import check_folder

_FIGURES, _PAGE = "figures", "comparison.html"


def run_compare(arguments: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = SentenceArguments(prog="cifar-lightning compare", description=__doc__, allow_abbrev=False)
    parser.add_argument("paths", metavar="PATH", type=_folder, nargs="*", help="a folder; every run below it is read")
    parser.add_argument("--output", type=_folder, metavar="DIR", help="where the files go; the first PATH by default")
    parser.add_argument(
        "--question",
        default="accuracy",
        help="accuracy, recall:CLASS, noise:16, shift:2, consistency:2, loss or gap (accuracy by default)",
    )
    parser.add_argument("--allow_mixed", action="store_true", help="compare, and mark, what does not go together")
    parser.add_argument("--no_images", action="store_true", help="a page without test images, to be passed on")
    known = parser.parse_intermixed_args(arguments)
    if not known.paths:
        raise ValueError(
            "expected a folder with runs, got none; name one, as in `cifar-lightning compare lightning_logs`"
        )

    output = known.output or known.paths[0]
    check_folder("--output", output / _FIGURES)

    # Behind the parser, so that help and mistakes answer at once.
    from cifar_lightning.compare.api import compare
    from cifar_lightning.compare.terminal import print_comparison

    comparison = compare(known.paths, question=known.question, allow_mixed=known.allow_mixed)
    # Who reads no further than the answer (`| head`) gets the page all the same; Rich answers a closed pipe by an exit.
    with contextlib.suppress(BrokenPipeError, SystemExit):
        print_comparison(comparison)
    comparison.write(output, images=not known.no_images)
    print(f"\nwritten to {output}\nnext: open {shlex.quote(str(output / _PAGE))}")
    return 0


def _folder(name: str) -> Path:
    # An empty variable of a script would mean the working folder.
    if not name:
        raise argparse.ArgumentTypeError("expected a folder, got an empty name")
    return Path(name)
