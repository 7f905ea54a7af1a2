"""What `explain` finds in a net, against what is known of poolings and by hand."""

import sys

import pytest
import torch
from checks import assert_one_sentence, size_of
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import TINY
from torch import nn

from cifar_lightning.export.explaining import add_noisy_pixel, explain_net
from cifar_lightning.models.backbones import AvgPoolNet, MaxPoolNet, StrideNet
from cifar_lightning.models.classifier import ImageClassifier

pytest.importorskip("captum", reason="Captum is not installed")

FLAT_NET = (
    "import torch\nclass Flat(torch.nn.Sequential):\n    def __init__(self): super().__init__(torch.nn.Flatten())\n"
)


class OneFilter(nn.Sequential):
    """Passes the red channel on, then pools it."""

    def __init__(self, pooling):
        super().__init__(nn.Conv2d(3, 1, 1, bias=False), pooling, nn.Flatten())
        self[0].weight.data = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)


def explain_some(backbone, images=None):
    torch.manual_seed(0)
    model = ImageClassifier(backbone, ["circle", "square"]).eval()
    if images is None:
        images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    return explain_net(model, images)


@pytest.mark.parametrize("own", [nn.AvgPool2d, nn.MaxPool2d])
def test_average_pooling_passes_on_a_quarter_of_a_pixel_and_max_pooling_all_of_it(own):
    (stage,) = explain_some(OneFilter(own(2)), torch.full((1, 3, 32, 32), 100, dtype=torch.uint8)).stages
    before, average, largest = (panel.change for panel in stage.panels)
    # Red goes from 100 to 255, scaled by the channel's deviation.
    jump = (255 - 100) / 255 / 0.2011
    assert before.shape == (32, 32)
    assert before[16, 16] == pytest.approx(jump, rel=1e-5)
    assert average.shape == largest.shape == (16, 16)
    assert average[8, 8] == pytest.approx(jump / 4, rel=1e-5)
    assert largest[8, 8] == pytest.approx(jump, rel=1e-5)
    assert (before != 0).sum() == (average != 0).sum() == (largest != 0).sum() == 1
    assert stage.title == f"pooling 1, which is {'average' if own is nn.AvgPool2d else 'max'} pooling in this net"
    shares = [panel.share for panel in stage.panels]
    assert shares[1] == pytest.approx(shares[0] / 2, rel=1e-4)
    assert shares[2] == pytest.approx(shares[0] * 2, rel=1e-4)


def test_a_noisy_pixel_is_as_far_off_as_it_can_be():
    images = torch.tensor([10, 127, 200], dtype=torch.uint8).view(1, 3, 1, 1).repeat(1, 1, 2, 2)
    noisy = add_noisy_pixel(images, 0, 1)
    assert noisy[0, :, 0, 1].tolist() == [255, 255, 0]
    noisy[:, :, 0, 1] = images[:, :, 0, 1]
    assert torch.equal(noisy, images)


@pytest.mark.parametrize(("backbone", "num_panels"), [(AvgPoolNet, [3, 3]), (MaxPoolNet, [3, 3]), (StrideNet, [2])])
def test_the_nets_of_the_lab_are_explained(backbone, num_panels):
    explanation = explain_some(backbone())
    assert explanation.filters.shape == (32, 3, 5, 5)
    assert [len(stage.panels) for stage in explanation.stages] == num_panels
    for image in explanation.images:
        assert image.grad_cam.shape == image.occlusion.shape == (32, 32)
        assert 0 <= image.grad_cam.min() <= image.grad_cam.max() <= 1


def test_what_covers_the_only_thing_that_counts_costs_most():
    """A net that counts red pixels, and one red square."""
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 4:12, 20:28] = 255
    torch.manual_seed(0)
    model = ImageClassifier(OneFilter(nn.AvgPool2d(32)), ["red", "black"]).eval()
    model.head.weight.data = torch.tensor([[50.0], [-50.0]])
    model.head.bias.data = torch.tensor([115.0, -115.0])
    (image,) = explain_net(model, images).images
    assert image.answer == "red"
    row, column = divmod(int(image.occlusion.argmax()), 32)
    assert 4 <= row < 12
    assert 20 <= column < 28
    row, column = divmod(int(image.grad_cam.argmax()), 32)
    assert 4 <= row < 12
    assert 20 <= column < 28


def test_a_run_gets_its_figure_and_tensorboard_too(command, run, tmp_path):
    (tmp_path / "photos").mkdir()
    for shade in (0, 200):
        Image.new("RGB", (50, 40), (shade, 100, 30)).save(tmp_path / f"photos/{shade}.png")
    outcome = command("explain", "--ckpt_path=run", "--images=photos")
    assert (outcome.code, outcome.err) == (0, "")
    assert "One noisy pixel changes" in outcome.out
    assert "run/explained.png" in outcome.out
    assert size_of(run / "explained.png")[0] == 1596
    events = EventAccumulator(str(run))
    events.Reload()
    assert "test/explained" in events.Tags()["images"]


def test_what_cannot_be_explained_ends_in_one_sentence(command, run, tmp_path, monkeypatch):
    (tmp_path / "notes.png").write_text("no image")
    (tmp_path / "flat.py").write_text(FLAT_NET)
    assert command("fit", *TINY, "--model.backbone=flat.Flat").code == 0
    (tmp_path / "loose.ckpt").write_bytes((run / "checkpoints/last.ckpt").read_bytes())
    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
    for path, images, *parts in (
        ("run", "notes.png", "notes.png"),
        ("run", "nowhere", "nowhere"),
        ("nowhere", "black.png", "nowhere"),
        ("loose.ckpt", "black.png", "in its run folder"),
        ("lightning_logs/quickstart/version_0", "black.png", "with convolutions", "Flat has none"),
    ):
        assert_one_sentence(command("explain", f"--ckpt_path={path}", f"--images={images}"), 2, *parts)
    monkeypatch.setitem(sys.modules, "captum", None)
    outcome = command("explain", "--ckpt_path=run", "--images=black.png")
    assert_one_sentence(outcome, 2, "Captum", "pip install 'cifar-lightning[explain]'")
