"""`export`: writes a trained net as an ONNX file."""

from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments, refuse_folder
from cifar_lightning.export.exporting import export_net
from cifar_lightning.runs.disk import write_bytes


def run(arguments: list[str]) -> int:
    """Runs the command and returns its exit code."""
    parser = SentenceArguments(prog="cifar-lightning export", allow_abbrev=False)
    parser.add_argument("--ckpt_path", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--format", default="onnx", choices=("onnx", "torch"))
    options, rest = parser.parse_known_args(arguments)
    for unknown in (word for word in rest if word.startswith("-") and not word.startswith("--data.")):
        raise ValueError(parser.describe_unknown(unknown))
    refuse_folder("--output", options.output)
    net = export_net(options.ckpt_path, options.format, rest)
    write_bytes(options.output, net.content)
    print(
        f"the largest difference from torch's probabilities on {len(net.test)} test images is"
        f" {net.largest_difference:.1g}\nwritten to {options.output} ({len(net.content) / 1000:.0f} KB)"
    )
    return 0
