"""Loss, accuracy and recall per class over an epoch."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassStatScores


class EpochMetrics(nn.Module):
    """Gathers the outputs of an epoch's steps, and computes its metrics once, at the end.

    A step keeps references alone, so nothing waits for the device; torchmetrics reduces over the processes of a
    distributed run. `num_classes`, K, are the labels in use, at most `num_outputs`.
    """

    def __init__(self, num_classes: int, num_outputs: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        # The mean of a diverged epoch must be NaN too.
        self.loss = MeanMetric(nan_strategy="disable")
        self.stat_scores = MulticlassStatScores(num_outputs, average=None, validate_args=False)
        self.outputs: list[tuple[Tensor, Tensor]] = []

    def append(self, logits: Tensor, labels: Tensor) -> None:
        """Keeps `logits`, float32 (N, num_outputs), and `labels`, int64 (N,), of one step."""
        self.outputs.append((logits.detach().float(), labels))

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean cross-entropy (nats), accuracy (0..1) and recall per class, (K,), since the last call; forgets them."""
        logits, labels = (torch.cat(tensors) for tensors in zip(*self.outputs, strict=True))
        self.outputs.clear()
        self.loss.update(functional.cross_entropy(logits, labels), weight=len(labels))
        self.stat_scores.update(logits, labels)
        # One row per output: true and false positives, true and false negatives, support.
        true_positives, _, _, _, support = self.stat_scores.compute()[: self.num_classes].T
        result = self.loss.compute(), true_positives.sum() / support.sum(), true_positives / support.clamp(min=1)
        self.loss.reset()
        self.stat_scores.reset()
        return result


def name_values(
    split: str, class_names: Sequence[str], loss: Any, accuracy: Any, recall: Iterable[Any]
) -> dict[str, Any]:
    """The metrics of an epoch by name: `train_loss`, ..."""
    recalls = {f"{split}_recall/{name}": value for name, value in zip(class_names, recall, strict=True)}
    return {f"{split}_loss": loss, f"{split}_accuracy": accuracy, **recalls}
