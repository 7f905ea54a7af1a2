"""Nets in the formats that they are exported to, against torch's own answers."""

import io
import json

import numpy as np
import pytest
import torch
from torch import nn

from cifar_lightning.export.formats import read_archive, read_onnx, to_archive, to_onnx, trace
from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet, StrideNet
from cifar_lightning.models.classifier import ImageClassifier

pytest.importorskip("onnxscript", reason="onnx, onnxscript and onnxruntime are not installed")
onnx = pytest.importorskip("onnx", reason="onnx, onnxscript and onnxruntime are not installed")
pytest.importorskip("onnxruntime", reason="onnx, onnxscript and onnxruntime are not installed")

MOST_BYTES = 150_000
CLASSES = ["apple", "forest", "lawn mower"]


class OwnNet(nn.Sequential):
    """A user's net: layers that the lab's nets do not have."""

    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 8, 3, padding="same", bias=False),
            nn.BatchNorm2d(8),
            nn.GELU(),
            nn.Dropout(),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )


class Chooser(nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3)) if images.mean() > 0 else images.amax(dim=(2, 3))


class Untranslatable(nn.Module):
    def forward(self, images):
        return torch.linalg.svdvals(images).flatten(1)


def make_net(backbone, **arguments):
    torch.manual_seed(0)
    return ImageClassifier(backbone, CLASSES, **arguments).eval()


def draw_images(count, size=32):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def expected_answers(net, images):
    with torch.no_grad():
        pixels = images / 255
        pixels = (pixels - torch.tensor([0.5074, 0.4867, 0.4411]).view(3, 1, 1)) / torch.tensor(
            [0.2011, 0.1987, 0.2025]
        ).view(3, 1, 1)
        return net.head(net.backbone(pixels)).softmax(dim=1)[:, : len(CLASSES)].numpy()


@pytest.mark.parametrize("backbone", [AvgPoolNet, BaselineNet, MaxPoolNet, StrideNet, OwnNet])
def test_an_onnx_file_answers_any_number_of_images_as_torch_does_and_is_small(backbone):
    net = make_net(backbone())
    content = to_onnx(trace(net), {})
    assert len(content) < MOST_BYTES
    answer = read_onnx(content)
    for count in (1, 2, 7):
        images = draw_images(count)
        np.testing.assert_allclose(answer(images), expected_answers(net, images), atol=1e-5)


def test_with_more_outputs_than_classes_the_probabilities_are_of_all_outputs():
    net = make_net(StrideNet(), num_outputs=100)
    images = draw_images(3)
    answers = read_onnx(to_onnx(trace(net), {}))(images)
    assert answers.shape == (3, 3)
    np.testing.assert_allclose(answers, expected_answers(net, images), atol=1e-5)


def test_an_onnx_file_says_what_goes_in_and_comes_out():
    model = onnx.load_from_string(to_onnx(trace(make_net(StrideNet())), {"class_names": CLASSES, "strategy": "stride"}))
    onnx.checker.check_model(model, full_check=True)
    (given,), (answer,) = model.graph.input, model.graph.output
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert answer.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == ["N", 3, 32, 32]
    assert [dim.dim_param or dim.dim_value for dim in answer.type.tensor_type.shape.dim] == ["N", 3]
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["class_names"]) == CLASSES
    assert properties["strategy"] == "stride"
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_an_archive_is_one_that_torch_loads():
    net = make_net(OwnNet())
    content = to_archive(trace(net), {"strategy": "own"})
    extra = {"metadata.json": ""}
    program = torch.export.load(io.BytesIO(content), extra_files=extra)
    assert json.loads(extra["metadata.json"]) == {"strategy": "own"}
    images = draw_images(5)
    np.testing.assert_allclose(program.module()(images).numpy(), expected_answers(net, images), atol=1e-5)
    np.testing.assert_allclose(read_archive(content)(images), expected_answers(net, images), atol=1e-5)


def test_a_net_that_chooses_by_values_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"torch.export can trace, but in Chooser .* may not choose by the values"):
        trace(make_net(Chooser()))


def test_an_operator_that_onnx_lacks_is_refused_in_a_sentence():
    program = trace(make_net(Untranslatable()))
    with pytest.raises(ValueError, match=r"linalg_svd.*--format torch"):
        to_onnx(program, {})
