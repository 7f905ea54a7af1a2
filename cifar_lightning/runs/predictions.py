"""The answers of a net to the images of a split, as a table, and the scores that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cifar_lightning.runs.scores import ClassScores, ScoresWithout, SplitScores
from cifar_lightning.runs.table import StoredTable

OTHER = "(other)"
_NORMAL_QUANTILE = 1.959963984540054


def wilson_interval(share: float, count: float, quantile: float = _NORMAL_QUANTILE) -> tuple[float, float]:
    """Wilson's 95 % interval (Wilson 1927) of a share of `count` images, by a distribution's 97.5 % `quantile`."""
    squared = quantile**2 / count
    middle, half = share + squared / 2, (squared * (share * (1 - share) + squared / 4)) ** 0.5
    return max((middle - half) / (1 + squared), 0.0), min((middle + half) / (1 + squared), 1.0)


@dataclass(frozen=True)
class Predictions(StoredTable):
    """The answers of a net to the images of one split; as a table, labels and answers are class names.

    Attributes:
        class_names: K names.
        indices: int (N,), the place of each image in the source's split as published.
        labels: int (N,), 0..K-1.
        predicted: int (N,), 0..K; K stands for an unused output.
        probabilities: float64 (N, K), of the softmax over all outputs.
    """

    class_names: Sequence[str]
    indices: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    content: ClassVar[str] = "predictions"
    kinds: ClassVar[dict[str, str]] = {"index": "i8", "label": "O", "predicted": "O"}

    @classmethod
    def from_logits(
        cls, class_names: Sequence[str], indices: np.ndarray, labels: np.ndarray, logits: np.ndarray
    ) -> "Predictions":
        """The predictions that follow from `logits`, float (N, num_outputs), num_outputs >= K."""
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        num_classes = len(class_names)
        predicted = np.minimum(logits.argmax(axis=1), num_classes)
        return cls(class_names, indices, labels, predicted, probabilities[:, :num_classes])

    @property
    def columns(self) -> dict[str, np.ndarray]:
        names = np.array([*self.class_names, OTHER], object)
        shares = dict(zip(self.class_names, self.probabilities.T, strict=True))
        return {"index": self.indices, "label": names[self.labels], "predicted": names[self.predicted], **shares}

    @classmethod
    def from_columns(cls, columns: dict[str, np.ndarray]) -> "Predictions":
        indices, labels, predicted = (columns[name] for name in cls.kinds)
        probabilities = {name: column for name, column in columns.items() if name not in cls.kinds}
        names = list(probabilities)
        if not names or not len(indices):
            raise ValueError("it has no column of a class, or no row")
        numbers = {name: number for number, name in enumerate((*names, OTHER))}
        return cls(
            names,
            indices,
            np.array([numbers[name] for name in labels]),
            np.array([numbers[name] for name in predicted]),
            np.stack(list(probabilities.values()), axis=1),
        )

    def subset(self, kept: np.ndarray) -> "Predictions":
        """The answers to the images where `kept`, bool (N,), is true."""
        columns = (self.indices, self.labels, self.predicted, self.probabilities)
        return Predictions(self.class_names, *(column[kept] for column in columns))

    @property
    def is_right(self) -> np.ndarray:
        """bool (N,): whether each answer is right."""
        return self.predicted == self.labels

    def confusion_matrix(self) -> np.ndarray:
        """The number of images by class (row) and answer; int (K, K), or (K, K + 1) where an unused output wins."""
        num_classes = len(self.class_names)
        num_columns = num_classes + bool((self.predicted == num_classes).any())
        confusion = np.zeros((num_classes, num_columns), int)
        np.add.at(confusion, (self.labels, self.predicted), 1)
        return confusion

    def losses(self) -> np.ndarray:
        """Cross-entropy per image, float64 (N,), 0 and more; finite, even for a confident mistake."""
        return -np.log(np.maximum(self.probabilities[np.arange(len(self.labels)), self.labels], 5e-324))

    def scores(self) -> SplitScores:
        """Loss, accuracy, macro F1, scores per class and the confusion matrix.

        As in scikit-learn, the precision of a class that is never predicted is 0, and so is the F1 of one that is never
        predicted correctly. A class without images has no recall (None) and does not count in macro F1.
        """
        confusion = self.confusion_matrix()
        support = confusion.sum(axis=1)
        times_predicted = confusion.sum(axis=0)[: len(self.class_names)]
        right = confusion.diagonal()
        precision = (right / np.maximum(times_predicted, 1)).tolist()
        f1 = 2 * right / np.maximum(support + times_predicted, 1)
        classes = []
        for k, (name, count) in enumerate(zip(self.class_names, support.tolist(), strict=True)):
            if count:
                recall = float(right[k] / count)
                interval = list(wilson_interval(recall, count))
                classes.append(ClassScores(name, precision[k], recall, float(f1[k]), count, interval))
            else:
                classes.append(ClassScores(name, precision[k], None, None, 0, None))
        accuracy = float(right.sum() / support.sum())
        return SplitScores(
            loss=float(self.losses().mean()),
            accuracy=accuracy,
            accuracy_ci95=list(wilson_interval(accuracy, int(support.sum()))),
            macro_f1=float(f1[support > 0].mean()),
            classes=classes,
            confusion_matrix=confusion.tolist(),
        )

    def scores_without(self, duplicates: np.ndarray) -> ScoresWithout:
        """Number and accuracy of the images whose index is not among `duplicates`, int (M,)."""
        right = self.is_right[~np.isin(self.indices, duplicates)]
        if not len(right):
            return ScoresWithout(0, None, None)
        accuracy = float(right.mean())
        return ScoresWithout(len(right), accuracy, list(wilson_interval(accuracy, len(right))))
