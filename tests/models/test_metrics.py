"""Metrics of an epoch against scikit-learn and torch."""

import pytest
import torch
from sklearn.metrics import accuracy_score, recall_score
from torch.nn import functional

from cifar_lightning.models.metrics import EpochMetrics


def draw(num_outputs, num_classes=3, count=50, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, num_outputs, generator=generator)
    return logits, torch.randint(num_classes, (count,), generator=generator)


def gather(metrics, logits, labels, sizes=(16, 16, 16, 2)):
    for part, part_labels in zip(logits.split(sizes), labels.split(sizes), strict=True):
        metrics.append(part, part_labels)
    return metrics.compute()


@pytest.mark.parametrize("num_outputs", [3, 5, 100])
def test_metrics_match_scikit_learn_over_unequal_batches(num_outputs):
    logits, labels = draw(num_outputs)
    loss, accuracy, recall = gather(EpochMetrics(3, num_outputs), logits, labels)
    predicted = logits.argmax(1)
    assert loss.item() == pytest.approx(functional.cross_entropy(logits.double(), labels).item(), rel=1e-6)
    assert accuracy.item() == pytest.approx(accuracy_score(labels, predicted), rel=1e-6)
    expected = recall_score(labels, predicted, labels=[0, 1, 2], average=None, zero_division=0)
    assert recall.tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_an_unused_output_that_wins_counts_as_wrong():
    logits = torch.tensor([[5.0, 0, 0, 0], [0, 5, 0, 9], [0, 5, 0, 0], [0, 0, 0, 9]])
    _, accuracy, recall = gather(EpochMetrics(3, 4), logits, torch.tensor([0, 1, 1, 2]), sizes=(3, 1))
    assert accuracy.item() == 0.5
    assert recall.tolist() == [1.0, 0.5, 0.0]


def test_each_epoch_stands_alone():
    metrics = EpochMetrics(3, 3)
    first = gather(metrics, *draw(3, seed=1))
    second = gather(metrics, *draw(3, seed=2))
    for value, expected, earlier in zip(second, gather(EpochMetrics(3, 3), *draw(3, seed=2)), first, strict=True):
        assert torch.equal(value, expected)
        assert not torch.equal(value, earlier)


def test_gathering_keeps_no_graph_alive():
    metrics = EpochMetrics(2, 2)
    metrics.append(torch.ones(4, 2, requires_grad=True) * 3, torch.tensor([0, 1, 0, 1]))
    assert not metrics.outputs[0][0].requires_grad
    assert not metrics.compute()[0].requires_grad
