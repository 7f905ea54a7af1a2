"""The formats of an exported net: how it is written, and read again."""

import contextlib
import copy
import importlib.util
import io
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from cifar_lightning.models.classifier import ImageClassifier

# Maps images, uint8 (N, 3, S, S), to the probabilities of the K classes, float32 (N, K).
Net = Callable[[Tensor], np.ndarray]


def trace(model: ImageClassifier) -> ExportedProgram:
    """The net as a graph, from images to probabilities as `Net`. Raises ValueError if torch.export cannot trace it."""
    # A sample of one image would be taken for a fixed number.
    sample = torch.zeros(2, 3, model.image_size, model.image_size, dtype=torch.uint8)
    net = _Probabilities(copy.deepcopy(model)).requires_grad_(False).eval()
    try:
        # When torch gives up, it prints the graph.
        with contextlib.redirect_stderr(io.StringIO()):
            return torch.export.export(net, (sample,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},))
    except Exception as error:
        raise ValueError(
            f"expected a net that torch.export can trace, but in {type(model.backbone).__name__} it meets"
            f" {_root_of(error)}; a forward may not choose by the values of its tensors, nor by the number of images"
        ) from error


class _Probabilities(nn.Module):
    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.model = model
        # Three numbers each in place of whole images: 24 KB less.
        model.mean, model.std = model.mean[..., :1, :1].clone(), model.std[..., :1, :1].clone()

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images).softmax(dim=1)[:, : len(self.model.class_names)]


def to_onnx(program: ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """The content of an ONNX file; metadata that are no text are written as JSON.

    Raises ValueError if ONNX, or torch's exporter, has no such operator.
    """
    try:
        exported = torch.onnx.export(
            program, dynamo=True, input_names=["images"], output_names=["probabilities"], verbose=False
        )
    except Exception as error:
        raise ValueError(
            f"expected a net that torch's ONNX exporter can write, but it meets {_root_of(error)}; use other layers,"
            " or --format torch"
        ) from error
    assert exported is not None
    model = exported.model_proto
    # Where in the sources each node comes from.
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.metadata_props[:], model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value if isinstance(value, str) else json.dumps(value))
    return model.SerializeToString()


def read_onnx(content: bytes) -> Net:
    # It would send usage data to Microsoft.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images.contiguous().numpy()})[0]


def to_archive(program: ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """The content of an archive for `torch.export.load`."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={"metadata.json": json.dumps(metadata)})
    return file.getvalue()


def read_archive(content: bytes) -> Net:
    net = torch.export.load(io.BytesIO(content)).module()
    return lambda images: net(images).numpy()


def require_onnx() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"expected {package} for an ONNX file, but it is not installed; pip install 'cifar-lightning[export]'"
            )


def _root_of(error: BaseException) -> str:
    """What an error came from, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first.strip()[:200]}"
