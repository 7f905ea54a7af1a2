"""What is read from a checkpoint, and to which net it belongs."""

import pytest
import torch
from torch import nn

from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.training.checkpoints import BLOCK, Checkpoint, ResumeState

CLASSES = ["ring", "star"]


def make_net(backbone=None, class_names=CLASSES):
    return ImageClassifier(backbone or nn.Sequential(nn.AvgPool2d(5), nn.Flatten()), class_names, image_size=10)


@pytest.fixture
def path(tmp_path):
    """A checkpoint of the default net after three epochs."""
    state = ResumeState(3, True, CLASSES, "seed: 0\n", "epoch,seconds\n0,1.5\n1,2.5\n2,4.0\n", best_loss=0.25)
    net = make_net()
    path = tmp_path / "mine.ckpt"
    torch.save(
        {
            "state_dict": net.state_dict(),
            "hyper_parameters": dict(net.hparams),
            "global_step": 12,
            BLOCK: dict(vars(state)),
        },
        path,
    )
    return path


def test_what_resuming_needs_is_read_as_it_was_written(path):
    checkpoint = Checkpoint.read(path)
    assert (checkpoint.global_step, checkpoint.has_loops) == (12, False)
    assert (checkpoint.resume.num_epochs, checkpoint.resume.best_loss) == (3, 0.25)
    assert checkpoint.resume.seconds == 4.0
    assert ResumeState(0, True, CLASSES, "", "epoch,seconds\n").seconds is None
    checkpoint.check_model(make_net())


@pytest.mark.parametrize(
    ("net", "said"),
    [
        ({"class_names": ["star", "ring"]}, "expected the classes"),
        (
            {"backbone": nn.Sequential(nn.AvgPool2d(2), nn.Flatten())},
            "those of another net",
        ),
    ],
)
def test_a_checkpoint_of_another_net_is_refused(path, net, said):
    with pytest.raises(ValueError, match=said):
        Checkpoint.read(path).check_model(make_net(**net))


def test_a_net_that_has_diverged_is_refused(path):
    checkpoint = Checkpoint.read(path)
    next(iter(checkpoint.weights.values())).fill_(float("nan"))
    with pytest.raises(ValueError, match="has diverged"):
        checkpoint.check_model(make_net())


def test_a_flipped_bit_and_a_checkpoint_of_somebody_else_are_refused(path):
    content = bytearray(path.read_bytes())
    weights = Checkpoint.read(path).weights["head.weight"].numpy().tobytes()
    content[content.index(weights)] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected a whole checkpoint"):
        Checkpoint.read(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ValueError, match="expected a checkpoint of `cifar-lightning fit`"):
        Checkpoint.read(path)
