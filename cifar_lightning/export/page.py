"""The try-it page."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cifar_lightning import __version__
from cifar_lightning.data import LabelledImages
from cifar_lightning.export.exporting import ExportedNet, export_net
from cifar_lightning.export.runtime import Runtime, load_runtime
from cifar_lightning.models.classifier import MEAN
from cifar_lightning.pages import html_templates
from cifar_lightning.runs.disk import write_text
from cifar_lightning.runs.run import Run
from cifar_lightning.training.experiment import to_arguments

_MOST_SAMPLES = 12
_SAMPLES_PER_CLASS = 2


def export_page(
    runs: Sequence[Run | str | Path], path: str | Path, *, settings: Mapping[str, Any] | None = None
) -> list[ExportedNet]:
    """Writes one HTML file in which anybody can try trained nets on images of their own; nothing leaves the browser.

    It has some 5 MB: onnxruntime-web's WebAssembly is in it, which is fetched from npm when the first page is made.

    Args:
        runs: tested runs, their folders or checkpoint files, all of the same classes; several are shown side by side.
        path: the file to write.
        settings: as in `export`.

    Raises:
        ValueError: if the classes differ, or a net cannot be exported.
        OSError: if onnxruntime-web cannot be fetched.
    """
    return write_page(runs, path, to_arguments([], settings))


def write_page(runs: Sequence[Run | str | Path], path: str | Path, arguments: Sequence[str]) -> list[ExportedNet]:
    """As `export_page`, with the settings as command line arguments."""
    runtime = load_runtime()
    nets = [export_net(run, "onnx", arguments) for run in runs]
    write_text(Path(path), render_page(nets, runtime))
    return nets


def render_page(nets: Sequence[ExportedNet], runtime: Runtime) -> str:
    """The text of the page. Raises ValueError if the nets have different classes or image sizes."""
    first = nets[0]
    for net in nets[1:]:
        for what in ("class_names", "input"):
            if net.metadata[what] != first.metadata[what]:
                raise ValueError(
                    f"expected nets of the same classes and image size on one page, got {first.metadata[what]} and"
                    f" {net.metadata[what]}; make a page for each"
                )
    names = _name_nets(nets)
    return (
        html_templates(Path(__file__).parent / "templates")
        .get_template("try_it.html.jinja")
        .render(
            nets=[{**net.metadata, "name": name} for net, name in zip(nets, names, strict=True)],
            class_names=first.metadata["class_names"],
            version=__version__,
            runtime=runtime.script,
            wasm=_encode(gzip.compress(runtime.wasm, mtime=0)),
            data={
                "names": names,
                "nets": [_encode(net.content) for net in nets],
                "classes": first.metadata["class_names"],
                "size": first.test.images.shape[-1],
                "grey": [round(255 * value) for value in MEAN],
                "samples": _pick_samples(first.test),
            },
        )
    )


def _name_nets(nets: Sequence[ExportedNet]) -> list[str]:
    """The strategy of each net, with its seed where one strategy has several nets."""
    strategies = [net.metadata["strategy"] for net in nets]
    return [
        strategy if strategies.count(strategy) == 1 else f"{strategy}, seed {net.metadata['seed']}"
        for strategy, net in zip(strategies, nets, strict=True)
    ]


def _pick_samples(test: LabelledImages) -> list[dict[str, str]]:
    samples = [
        {"class": name, "pixels": _encode(image.permute(1, 2, 0).contiguous().numpy().tobytes())}
        for label, name in enumerate(test.class_names)
        for image in test.images[test.labels == label][:_SAMPLES_PER_CLASS]
    ]
    return samples[:_MOST_SAMPLES]


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
