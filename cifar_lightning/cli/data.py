"""`data`: fetches and checks the images ahead of time, counts them, and draws some."""

import json
from pathlib import Path

from jsonargparse import ActionConfigFile
from rich.table import Table
from torch.nn.utils.rnn import pad_sequence
from torchvision.io import encode_png
from torchvision.utils import make_grid

from cifar_lightning.cli.arguments import refuse_folder
from cifar_lightning.cli.help import HELP
from cifar_lightning.cli.tables import numbers
from cifar_lightning.data import LabelledImages, SubsetDataModule
from cifar_lightning.data.near_duplicates import THRESHOLD, NearestPairs, find_nearest_pairs
from cifar_lightning.printing import plain_console, print_prose
from cifar_lightning.runs.disk import write_whole
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.training.configs import resolve_configs
from cifar_lightning.training.parser import SettingsParser
from cifar_lightning.training.quiet import quiet_framework

_PREVIEW_COLUMNS = 20
_NUM_PAIRS = 20


def run(arguments: list[str]) -> int:
    parser = SettingsParser(prog="cifar-lightning data", default_env=False)
    parser.add_argument("-c", "--config", action=ActionConfigFile)
    parser.add_argument("--duplicates", action="store_true")
    parser.add_argument("--preview", type=Path)
    parser.add_lightning_class_args(SubsetDataModule, "data")
    if "--help" in arguments:
        print(HELP["data"], parser.format_help(), sep="\n")
        return 0
    with quiet_framework():
        options = parser.parse_args(_keep_data_part(arguments))
        data = parser.instantiate_classes(options).data
    if options.preview is not None:
        refuse_folder("--preview", options.preview)
    # A misspelt class is reported before anything is fetched.
    _ = data.class_names
    data.prepare_data()
    data.setup("test")
    _print_counts(data)
    if options.duplicates:
        pairs = find_nearest_pairs(data.test, data.all_training)
        _print_duplicates(pairs, len(data.all_training))
        if options.preview is not None:
            # matplotlib takes half a second to import.
            from cifar_lightning.plots.closest_pairs import draw_closest_pairs

            closest = pairs.first(_NUM_PAIRS)
            test, training = (part.images.permute(0, 2, 3, 1).numpy() for part in (closest.test, closest.training))
            names = list(zip(_classes(closest.test), _classes(closest.training), strict=True))
            draw_closest_pairs(options.preview, test, training, names, closest.similarity.tolist(), THRESHOLD)
            print(f"closest pairs: {options.preview}")
    elif options.preview is not None:
        draw_contact_sheet(data.train, options.preview)
        print(f"contact sheet: {options.preview}, one row per class: {', '.join(data.class_names)}")
    return 0


def _keep_data_part(arguments: list[str]) -> list[str]:
    """`arguments` with every config replaced by its `data` part alone."""
    kept = []
    for argument in resolve_configs(arguments):
        option, _, path = argument.partition("=")
        if option == "--config":
            argument = f"--config={json.dumps({'data': read_settings(Path(path)).get('data', {})})}"
        kept.append(argument)
    return kept


def _print_counts(data: SubsetDataModule) -> None:
    splits = data.evaluation_splits
    table = Table("class", *numbers(*splits))
    counts = [images.counts() for images in splits.values()]
    for name in data.class_names:
        table.add_row(name, *(str(split[name]) for split in counts))
    table.add_section()
    table.add_row("all", *(str(len(images)) for images in splits.values()))
    plain_console().print(table)


def _print_duplicates(pairs: NearestPairs, num_training: int) -> None:
    """Lists the near-duplicates by index and class, the closest first."""
    found = pairs.duplicates()
    test, training, similarity = numbers("test image", "training image", "similarity")
    table = Table(test, "class", training, "class", similarity)
    columns = [
        found.test.indices.tolist(),
        _classes(found.test),
        found.training.indices.tolist(),
        _classes(found.training),
        [f"{similarity:.3f}" for similarity in found.similarity.tolist()],
    ]
    for row in zip(*columns, strict=True):
        table.add_row(*map(str, row))
    console = plain_console()
    console.print(table)
    print_prose(
        console,
        f"{len(found.similarity)} of {len(pairs.similarity)} test images have a near-duplicate (similarity of at least"
        f" {THRESHOLD}) among the {num_training} training images",
    )


def _classes(images: LabelledImages) -> list[str]:
    return [images.class_names[label] for label in images.labels.tolist()]


def draw_contact_sheet(images: LabelledImages, path: Path) -> None:
    """Writes the first 20 images of each class, one row per class, at twice their size."""
    rows = [images.images[images.labels == label][:_PREVIEW_COLUMNS] for label in range(len(images.class_names))]
    tiles = pad_sequence(rows, batch_first=True, padding_value=255)
    sheet = make_grid(tiles.flatten(0, 1), nrow=tiles.shape[1], padding=1, pad_value=255)
    enlarged = sheet.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    write_whole(path, lambda file: file.write(encode_png(enlarged).numpy().tobytes()))
