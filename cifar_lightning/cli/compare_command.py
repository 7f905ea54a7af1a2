"""`compare`: which strategy is better, and how surely, from run folders alone."""

import argparse
import difflib
import re
import shlex
from pathlib import Path
from typing import NoReturn

_OPTIONS = ("--output", "--question", "--allow_mixed")


class _SentenceParser(argparse.ArgumentParser):
    """argparse, with a ValueError of one sentence where it prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            name = unknown[1].partition("=")[0]
            nearest = difflib.get_close_matches(name, _OPTIONS, n=1)
            raise ValueError(
                f"unknown option {name!r}; " + (f"did you mean {nearest[0]!r}?" if nearest else "see --help")
            )
        if "required: PATH" in message:
            raise ValueError(
                "expected a folder with runs, got none; name one, as in `cifar-lightning compare lightning_logs`"
            )
        raise ValueError(f"{message}; `cifar-lightning compare --help` explains the options")


def run_compare(arguments: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = _SentenceParser(prog="cifar-lightning compare", description=__doc__, allow_abbrev=False)
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a folder; every run below it is read")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the files go; the first PATH by default")
    parser.add_argument(
        "--question",
        default="accuracy",
        help="accuracy, recall:CLASS, noise:16, shift:2, consistency:2, loss or gap (accuracy by default)",
    )
    parser.add_argument("--allow_mixed", action="store_true", help="compare, and mark, what does not go together")
    known = parser.parse_args(arguments)

    # Behind the parser, so that help and mistakes answer at once.
    from cifar_lightning.compare.comparing import compare_runs
    from cifar_lightning.compare.files import write_files
    from cifar_lightning.compare.table import print_comparison

    comparison = compare_runs(known.paths, known.question, known.allow_mixed)
    output = known.output or known.paths[0]
    write_files(output, comparison)
    print_comparison(comparison)

    # Half a second to import, so the table comes first.
    from cifar_lightning.compare.figures import write_figures
    from cifar_lightning.compare.page import PAGE, write_page

    write_page(comparison, output, write_figures(comparison, output / "figures"))
    print(f"\nwritten to {output}\nnext: open {shlex.quote(str(output / PAGE))}")
    return 0
