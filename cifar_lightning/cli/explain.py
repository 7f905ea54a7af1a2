"""`explain`: draws what a net looks at."""

from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.runs.folder import EXPLANATION, find_run_folder, resolve_checkpoint


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning explain", allow_abbrev=False)
    parser.add_argument("--ckpt_path", required=True, type=Path)
    parser.add_argument("--images", required=True, type=Path)
    options = parser.parse_args(arguments)
    # As in `export`.
    from cifar_lightning.export.explaining import explain

    explanation = explain(options.ckpt_path, options.images)
    folder = find_run_folder(resolve_checkpoint(options.ckpt_path))
    assert folder is not None
    print(f"{explanation.finding}\nwritten to {folder / EXPLANATION}")
    return 0
