"""A trained net as one file, checked against torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cifar_lightning import __version__
from cifar_lightning.data import LabelledImages, SubsetDataModule
from cifar_lightning.export.formats import Net, read_archive, read_onnx, require_onnx, to_archive, to_onnx, trace
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs.disk import write_bytes
from cifar_lightning.runs.folder import find_run_folder
from cifar_lightning.runs.run import Run
from cifar_lightning.training.evaluation import Evaluation, checkpoint_of, load_model
from cifar_lightning.training.experiment import to_arguments
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework

Format = Literal["onnx", "torch"]
# The largest difference from torch's probabilities that an exported net may have.
TOLERANCE = 1e-4
_BATCH_SIZE = 256


@dataclass(frozen=True)
class ExportedNet:
    """A trained net as the content of a file.

    Attributes:
        content: the bytes of the file.
        metadata: what the net is and how well it answers; plain values by name.
        test: the images that it was checked on.
        largest_difference: between its probabilities and torch's, over those images.
    """

    content: bytes
    metadata: dict[str, Any]
    test: LabelledImages
    largest_difference: float


def export(
    run: Run | str | Path,
    path: str | Path,
    *,
    format: Format = "onnx",  # noqa: A002
    settings: Mapping[str, Any] | None = None,
) -> ExportedNet:
    """Writes a trained net as one file that maps images, uint8 (N, 3, S, S), to probabilities, float32 (N, K).

    The normalisation is in the file. With more outputs than classes, the probabilities are those of the softmax over
    all outputs. The metadata say which classes the net knows, what it was trained on, and its scores. Nothing is
    written if a probability differs from torch's by more than 1e-4 on a test image.

    Args:
        run: a tested run, its folder, or one of its checkpoint files.
        path: the file to write.
        format: `onnx`, or `torch` for an archive that `torch.export.load` reads.
        settings: settings laid over those of the run, for one made on another machine, as `{"data.source.root": ...}`.

    Raises:
        ValueError: if the run is not tested, or its net cannot be exported.
        ImportError: if the packages for ONNX are not installed.
    """
    net = export_net(run, format, to_arguments([], settings))
    write_bytes(Path(path), net.content)
    return net


def export_net(run: Run | str | Path, format: Format, arguments: Sequence[str]) -> ExportedNet:  # noqa: A002
    """As `export`, with the settings as command line arguments, and without writing a file."""
    if format == "onnx":
        require_onnx()
    checkpoint = checkpoint_of(run)
    tested = Run(find_run_folder(checkpoint) or checkpoint.parent)
    facts = tested.facts
    with quiet_framework(), OnlyOwnFrames():
        evaluation = Evaluation(checkpoint, [*arguments, "--trainer.accelerator=cpu"])
        epoch = evaluation.checkpoint.resume.num_epochs
        if (facts.checkpoint, facts.epoch) != (checkpoint.name, epoch):
            raise ValueError(
                f"expected the scores of {checkpoint.name} after {epoch} epochs, but {tested.folder} has those of"
                f" {facts.checkpoint} after {facts.epoch}; cifar-lightning test --ckpt_path {checkpoint} writes them"
            )
        data = evaluation.datamodule
        data.prepare_data()
        data.setup("test")
        model = load_model(checkpoint)
        metadata = _describe(tested, data)
        program = trace(model)
        write, read = (to_onnx, read_onnx) if format == "onnx" else (to_archive, read_archive)
        content = write(program, metadata)
        answer = read(content)
        return ExportedNet(content, metadata, data.test, _compare(model, answer, data.test.images))


def _describe(run: Run, data: SubsetDataModule) -> dict[str, Any]:
    facts, scores = run.facts, run.scores["splits"]["test"]
    return {
        "class_names": facts.classes,
        "strategy": facts.strategy,
        "seed": facts.seed,
        "training_data": {
            "source": type(data.source).__name__,
            "images": data.train.counts(),
            "epochs": facts.epoch,
            "protocol": facts.protocol,
        },
        "test_scores": {name: scores[name] for name in ("accuracy", "accuracy_ci95", "macro_f1", "classes")},
        "input": f"uint8 (N, 3, {data.image_size}, {data.image_size}), RGB, 0..255",
        "output": f"float32 (N, {len(facts.classes)}), probabilities of class_names",
        "cifar_lightning": __version__,
    }


@torch.no_grad()
def _compare(model: ImageClassifier, answer: Net, images: Tensor) -> float:
    """The largest difference between the probabilities of `answer` and of `model`; at most the tolerance."""
    largest = 0.0
    # One image by itself, too.
    for batch in (images[:1], *images[1:].split(_BATCH_SIZE)):
        expected = model(batch).double().softmax(dim=1)[:, : len(model.class_names)].numpy()
        largest = max(largest, float(np.abs(answer(batch) - expected).max()))
    if not largest <= TOLERANCE:
        raise ValueError(
            f"expected the probabilities of torch to within {TOLERANCE:g}, but the exported"
            f" {type(model.backbone).__name__} differs by {largest:.2g} on a test image; it is not written"
        )
    return largest
