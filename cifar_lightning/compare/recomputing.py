"""Whether a `scores.json` says what the CSV files beside it say."""

from collections.abc import Iterator
from typing import Any

from cifar_lightning.compare.reading import Run

_TOLERANCE = 1e-6


def find_disagreements(run: Run) -> list[str]:
    """The figures of a run's `scores.json` that do not follow from its CSV files to 1e-6, as `splits.test.accuracy`.

    Looked at are the class names, loss, accuracy, recalls and confusion matrix of training and test pictures, and the
    probes.
    """
    theirs = dict(_flatten(run.scores))
    ours = dict(_flatten(_recompute(run)))
    return [key for key, value in ours.items() if not _agree(value, theirs.get(key))]


def _recompute(run: Run) -> dict[str, Any]:
    splits = {}
    for split, predictions in (("train", run.train), ("test", run.test)):
        if predictions is None:
            continue
        confusion = predictions.confusion_matrix()
        support = confusion.sum(axis=1)
        splits[split] = {
            "loss": float(predictions.losses().mean()),
            "accuracy": float((predictions.predicted == predictions.labels).mean()),
            "classes": [
                {"name": name, "recall": float(confusion[k, k] / support[k]) if support[k] else None}
                for k, name in enumerate(predictions.class_names)
            ],
            "confusion_matrix": confusion.tolist(),
        }
    found: dict[str, Any] = {"run": {"classes": list(run.test.class_names)}, "splits": splits}
    if run.probes is not None:
        found["robustness"] = run.probes.robustness(splits["test"]["accuracy"])
    return found


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)  # type: ignore[assignment]
    else:
        yield key, value
        return
    for name, part in parts:
        yield from _flatten(part, f"{key}.{name}" if key else str(name))


def _agree(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, int | float):
        # An edited file may hold a whole number that no float can.
        return abs(theirs) < 1e300 and abs(ours - theirs) <= _TOLERANCE
    return bool(ours == theirs)
