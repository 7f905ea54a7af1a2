"""`export`: writes a trained net as an ONNX file, or some as a web page that tries them."""

from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments, refuse_folder
from cifar_lightning.runs.disk import write_bytes


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning export", allow_abbrev=False)
    parser.add_argument("--ckpt_path", required=True, type=Path, nargs="+", action="extend")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--format", default="onnx", choices=("onnx", "torch"))
    options, rest = parser.parse_known_args(arguments)
    for unknown in (word for word in rest if word.startswith("-") and not word.startswith("--data.")):
        parser.error(f"unrecognized arguments: {unknown}")
    if (options.output is None) == (options.page is None):
        raise ValueError("expected either --output or --page; add --output net.onnx, or --page demo.html")
    if options.output is not None and len(options.ckpt_path) > 1:
        raise ValueError(f"expected one net for --output, got {len(options.ckpt_path)}; --page takes several")
    path = options.output or options.page
    refuse_folder("--output" if options.output else "--page", path)
    # Not before the options are read: it takes seconds.
    from cifar_lightning.export.exporting import export_net
    from cifar_lightning.export.page import write_page

    if options.page is not None:
        nets = write_page(options.ckpt_path, path, rest)
    else:
        nets = [export_net(options.ckpt_path[0], options.format, rest)]
        write_bytes(path, nets[0].content)
    for net in nets:
        print(
            f"{net.metadata['strategy']}: the largest difference from torch's probabilities on {len(net.test)} test"
            f" images is {net.largest_difference:.1g}"
        )
    print(f"written to {path} ({path.stat().st_size / 1000:.0f} KB)")
    return 0
