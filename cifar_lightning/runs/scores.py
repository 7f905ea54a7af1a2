"""Predictions of a split as a CSV file, and the scores that follow from them."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.runs.columns import parse_columns, whole_numbers
from cifar_lightning.runs.folder import describe_no_text, read_text, write_csv, write_text

OTHER = "(other)"
_FIRST_COLUMNS = ["index", "label", "predicted"]
_NO_NUMBER = re.compile(r"could not convert string (?:to float: (.*)|(.*) to float64 at row ([0-9]+), .*)", re.DOTALL)


def wilson_interval(num_right: int, num_pictures: int) -> list[float] | None:
    """Wilson's 95 % interval of a share (Wilson 1927), or None without pictures."""
    if num_pictures == 0:
        return None
    # Half a second to import, and only needed where scores are computed.
    from scipy.stats import binomtest

    interval = binomtest(num_right, num_pictures).proportion_ci(confidence_level=0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def explain_damage(content: bytes, error: Exception) -> str:
    """What is wrong with a table that was read with `error`, by its line: Python's own reason knows nothing of files.

    Looked for only then: to ask it of each of hundreds of whole files would take long.
    """
    try:
        reader = csv.reader(io.StringIO(content.decode(), newline=""))
        filled = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError as broken:
        return describe_no_text(broken)
    except csv.Error as broken:
        return f"line {reader.line_num}: {broken}"
    if len(filled) < 2:
        return "no row below the names of the columns" if filled else "it is empty"
    num_columns = len(filled[0][1])
    for number, row in filled:
        if len(row) != num_columns:
            return f"line {number} has another number of columns, {len(row)} instead of {num_columns}"
    if isinstance(error, KeyError):
        return f"{str(error.args[0])[:50]!r} is not among the names of its columns"
    if told := _NO_NUMBER.fullmatch(str(error)):
        where = f" in line {filled[int(told[3]) + 1][0]}" if told[3] else ""
        return f"{(told[1] or told[2])[:50]}{where} is no number"
    return str(error)[:200]


# Of so many right among so many pictures; None without pictures.
ShareInterval = Callable[[int, int], list[float] | None]


@dataclass(frozen=True)
class Predictions:
    """What a net says of the pictures of one split.

    Attributes:
        class_names: K names.
        indices: int (N,): place of each picture in the source's split as published.
        labels: int (N,), 0..K-1.
        predicted: int (N,), 0..K; K stands for an unused output.
        probabilities: float64 (N, K), of the softmax over all outputs.
    """

    class_names: Sequence[str]
    indices: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def from_logits(
        cls, class_names: Sequence[str], indices: np.ndarray, labels: np.ndarray, logits: np.ndarray
    ) -> "Predictions":
        """From `logits`, float (N, num_outputs), num_outputs >= K."""
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        num_classes = len(class_names)
        predicted = np.minimum(logits.argmax(axis=1), num_classes)
        return cls(class_names, indices, labels, predicted, probabilities[:, :num_classes])

    def write(self, path: Path) -> None:
        """Writes `index,label,predicted,<class 1>,...`, numbers in full."""
        names = [*self.class_names, OTHER]
        columns = (self.indices, self.labels, self.predicted, self.probabilities)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        write_csv(
            path,
            [*_FIRST_COLUMNS, *self.class_names],
            ([index, names[label], names[predicted], *shares] for index, label, predicted, shares in rows),
        )

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Reads what `write` wrote.

        Raises:
            ValueError: if the file is not whole.
        """
        try:
            header, columns = parse_columns(read_text(path), lambda place, name: place in (1, 2))
            class_names = header[3:]
            if header[:3] != _FIRST_COLUMNS:
                raise ValueError(f"its first columns are not {', '.join(_FIRST_COLUMNS)}")
            if not class_names:
                raise ValueError("it has no column of a class")
            if len(set(class_names)) < len(class_names) or OTHER in class_names:
                raise ValueError(f"a class stands twice, or is called {OTHER}")
            places = {name: place for place, name in enumerate(class_names)}
            # A net may say so, but no picture is of it.
            answers = {**places, OTHER: len(class_names)}
            indices, labels, predicted, *shares = columns
            probabilities = np.stack(shares, axis=1)
            # Written so that what is no number is refused too, and nothing summed that has no sum.
            if len(indices) and not (
                probabilities.min() >= 0 and probabilities.max() <= 2 and probabilities.sum(axis=1).max() <= 1 + 1e-6
            ):
                raise ValueError("probabilities of a picture that are below 0, above 1 together, or no numbers")
            return cls(
                class_names,
                whole_numbers(indices),
                np.array([places[name] for name in labels], int),
                np.array([answers[name] for name in predicted], int),
                probabilities,
            )
        except (ValueError, KeyError, csv.Error) as error:
            reason = explain_damage(path.read_bytes(), error)
            raise ValueError(
                f"expected a file of predictions, but {path} is damaged ({reason}); test that run again"
            ) from error

    def confusion_matrix(self) -> np.ndarray:
        """Pictures by class (rows) and prediction; int (K, K), or (K, K + 1) where an unused output wins somewhere."""
        num_classes = len(self.class_names)
        num_columns = num_classes + bool((self.predicted == num_classes).any())
        confusion = np.zeros((num_classes, num_columns), int)
        np.add.at(confusion, (self.labels, self.predicted), 1)
        return confusion

    def losses(self) -> np.ndarray:
        """Cross-entropy of each picture, float64 (N,), 0 and more.

        Held below infinity, so that one confident mistake cannot make the mean infinite.
        """
        return -np.log(np.maximum(self.probabilities[np.arange(len(self.labels)), self.labels], 5e-324))

    def scores(self, interval: ShareInterval = wilson_interval) -> dict[str, Any]:
        """Loss, accuracy, macro F1, per-class scores and the confusion matrix, as they stand in `scores.json`.

        Precision of a class that is never predicted, and F1 of one never predicted rightly, are 0 as in scikit-learn.
        A class without pictures has no recall (None) and is left out of macro F1.
        """
        confusion = self.confusion_matrix()
        support = confusion.sum(axis=1)
        times_predicted = confusion.sum(axis=0)[: len(self.class_names)]
        right = confusion.diagonal()
        precision = right / np.maximum(times_predicted, 1)
        f1 = 2 * right / np.maximum(support + times_predicted, 1)
        classes = [
            {
                "name": name,
                "precision": float(precision[k]),
                "recall": float(right[k] / support[k]) if support[k] else None,
                "f1": float(f1[k]) if support[k] else None,
                "support": int(support[k]),
                "recall_ci95": interval(int(right[k]), int(support[k])),
            }
            for k, name in enumerate(self.class_names)
        ]
        return {
            "loss": float(self.losses().mean()),
            "accuracy": float(right.sum() / support.sum()),
            "accuracy_ci95": interval(int(right.sum()), int(support.sum())),
            "macro_f1": float(f1[support > 0].mean()),
            "classes": classes,
            "confusion_matrix": confusion.tolist(),
        }

    def scores_without(self, duplicates: np.ndarray, interval: ShareInterval = wilson_interval) -> dict[str, Any]:
        """Number and accuracy of the pictures whose index is not among `duplicates`, int (M,).

        Without a picture there is no accuracy (None).
        """
        kept = ~np.isin(self.indices, duplicates)
        count, num_right = int(kept.sum()), int((self.predicted == self.labels)[kept].sum())
        return {
            "count": count,
            "accuracy": num_right / count if count else None,
            "accuracy_ci95": interval(num_right, count),
        }


def is_duration(value: Any) -> bool:
    """Whether `fit_seconds` in `scores.json` can be `value`: seconds, or None where they are not known."""
    # Below 30 000 years.
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12)


def write_scores(path: Path, scores: dict[str, Any]) -> None:
    """Writes `scores.json`."""
    write_text(path, json.dumps(scores, indent=1, allow_nan=False) + "\n")


def read_duplicates(path: Path) -> np.ndarray:
    """Indices of the test pictures in `duplicates.csv`, int64 (M,).

    Raises:
        ValueError: if the file is damaged.
    """
    try:
        header, columns = parse_columns(read_text(path), lambda place, name: name != "index")
        if header.count("index") != 1:
            raise ValueError("'index' is not among the names of its columns, or twice")
        return whole_numbers(columns[header.index("index")])
    except (ValueError, csv.Error) as error:
        reason = explain_damage(path.read_bytes(), error)
        raise ValueError(
            f"expected a file of near copies, but {path} is damaged ({reason}); test that run again"
        ) from error
