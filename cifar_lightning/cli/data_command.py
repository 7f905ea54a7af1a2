"""`data`: fetches and checks the pictures ahead of time, counts them, and draws some."""

from pathlib import Path
from typing import Any

import torch
import yaml
from rich.table import Table
from torchvision.io import encode_png
from torchvision.utils import make_grid

from cifar_lightning.cli.configs import read_config
from cifar_lightning.cli.duplicates import draw_closest, print_copies
from cifar_lightning.cli.nulls import refuse_nulls
from cifar_lightning.cli.outputs import check_picture
from cifar_lightning.cli.parser import SentenceParser
from cifar_lightning.cli.quiet import silence_framework
from cifar_lightning.cli.tables import plain_console
from cifar_lightning.data import LabelledImages, SubsetDataModule
from cifar_lightning.data.near_duplicates import find_nearest_pairs
from cifar_lightning.runs.folder import write_whole

_PREVIEW_COLUMNS = 20


def run_data(arguments: list[str]) -> int:
    """Runs the command and returns its exit code."""
    silence_framework()
    parser = SentenceParser(prog="cifar-lightning data", description=__doc__, default_env=False)
    parser.add_argument("-c", "--config", type=str, action="append", help="a config of `fit`; its `data` part is used")
    parser.add_argument(
        "--duplicates", action="store_true", help="list the test pictures that have a near copy among the training ones"
    )
    parser.add_argument(
        "--preview",
        type=str,
        default=None,
        help="the PNG file to draw some training pictures into; with --duplicates, the 20 closest pairs",
    )
    parser.add_lightning_class_args(SubsetDataModule, "data")
    known = parser.parse_args(_data_part(arguments))
    refuse_nulls(known, {"data": SubsetDataModule})
    data = parser.instantiate_classes(known).data
    if known.preview is not None:
        check_picture("--preview", Path(known.preview), "preview.png", data.source.image_folders)
    # A misspelt class is told before anything is fetched.
    _ = data.class_names
    data.prepare_data()
    data.setup("test")
    _print_counts(data)
    if known.duplicates:
        training = data.all_training
        pairs = find_nearest_pairs(data.test, training)
        print_copies(pairs, len(training))
        if known.preview is not None:
            draw_closest(pairs, Path(known.preview))
            print(f"closest pairs: {known.preview}")
    elif known.preview is not None:
        draw_contact_sheet(data.train, Path(known.preview))
        print(f"contact sheet: {known.preview}, a row a class: {', '.join(data.class_names)}")
    return 0


def _data_part(arguments: list[str]) -> list[str]:
    """`arguments` with every `--config FILE` replaced by the `data` part of that file."""
    replaced: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument != "--config":
            replaced.append(argument)
            continue
        path = Path(next(rest))
        section: Any = read_config(path).get("data", {})
        replaced += [
            f"--data.{key}={yaml.safe_dump(entry, default_flow_style=True).strip().removesuffix('...').strip()}"
            for key, entry in section.items()
        ]
    return replaced


def _print_counts(data: SubsetDataModule) -> None:
    splits = data.evaluation_splits
    table = Table()
    table.add_column("class")
    for split in splits:
        table.add_column(split, justify="right")
    counts = [images.counts() for images in splits.values()]
    for name in data.class_names:
        table.add_row(name, *(str(split[name]) for split in counts))
    table.add_section()
    table.add_row("all", *(str(len(images)) for images in splits.values()))
    plain_console().print(table)


def draw_contact_sheet(images: LabelledImages, path: Path) -> None:
    """Writes the first 20 pictures of each class, a row a class, at twice their size."""
    rows = [images.images[images.labels == label][:_PREVIEW_COLUMNS] for label in range(len(images.class_names))]
    longest = max(len(row) for row in rows)
    tiles = [torch.cat([row, row.new_full((longest - len(row), *row.shape[1:]), 255)]) for row in rows]
    sheet = make_grid(torch.cat(tiles), nrow=longest, padding=1, pad_value=255)
    enlarged = sheet.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    write_whole(path, lambda file: file.write(encode_png(enlarged).numpy().tobytes()))
