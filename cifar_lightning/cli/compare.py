"""Says which strategy is better, and how surely, from run folders, or from a table of any predictions."""

import contextlib
import shlex
from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning compare", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="*",
        help="a folder; every run below it is read; or a table"
        " model,seed,example,value[,stratum][,group] as CSV or Parquet",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where the files go; the first PATH by default")
    parser.add_argument(
        "--question",
        help="accuracy, recall:CLASS, noise:16, shift:2, consistency:2, loss or gap (accuracy by default); of a table,"
        " what its values are, as in exact_match",
    )
    parser.add_argument(
        "--equal_within", type=float, metavar="POINTS", help="call strategies equal that differ by less than this"
    )
    parser.add_argument(
        "--paired_seeds", action="store_true", help="compare runs of the same seed; decide it before you look"
    )
    parser.add_argument(
        "--without_duplicates", action="store_true", help="leave out test images that have a near-duplicate in training"
    )
    parser.add_argument("--allow_mixed", action="store_true", help="compare, and mark, what does not go together")
    parser.add_argument(
        "--bounds",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="the lowest and highest possible value of a table",
    )
    parser.add_argument("--lower_is_better", action="store_true", help="lower values of a table are better")
    parser.add_argument(
        "--shared_only", action="store_true", help="leave out examples of a table that some model lacks"
    )
    parser.add_argument("--no_images", action="store_true", help="leave test images out of the page, to share it")
    options = parser.parse_intermixed_args(arguments)
    if not options.paths:
        raise ValueError(
            "expected a folder with runs or a table, got none; name one, as in `cifar-lightning compare lightning_logs`"
        )

    # Here, so that help and mistakes answer at once.
    from cifar_lightning.compare.api import compare
    from cifar_lightning.compare.table_sources import output_folder
    from cifar_lightning.compare.terminal import print_comparison

    output = options.output or output_folder(options.paths[0])
    if output.is_file():
        raise ValueError(f"expected a folder for --output, got the file {output}; name a folder")
    settings = {name: value for name, value in vars(options).items() if name not in ("paths", "output", "no_images")}
    settings["bounds"] = options.bounds and tuple(options.bounds)
    comparison = compare(options.paths, **settings)
    # Rich answers a closed pipe (`| head`) by an exit; the page is written all the same. The table comes first, since
    # figures take half a second to import.
    with contextlib.suppress(BrokenPipeError, SystemExit):
        print_comparison(comparison)
    comparison.write(output, images=not options.no_images)
    print(f"\nwritten to {output}\nnext: open {shlex.quote(str(output / 'comparison.html'))}")
    return 0
