"""Tables of predictions from what others write: lm-evaluation-harness, inspect_ai, Hugging Face and torchmetrics.

Each function returns columns by name, `model`, `example`, `value` and what else it knows: `compare` takes them as they
are, and so does `pandas.DataFrame`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Paths = str | Path | Iterable[str | Path]
Columns = dict[str, list[Any]]
# A model, or a model and the seed of a run.
Key = str | tuple[str, int]

# What inspect_ai's scorers write: correct, incorrect, partly correct, no answer.
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


def from_lm_eval(logs: Paths, metric: str, filter: str | None = None, group: str | None = None) -> Columns:  # noqa: A002
    """The sample logs of lm-evaluation-harness, as `--log_samples` writes them: `<model>/samples_<task>_<time>.jsonl`.

    Args:
        logs: sample logs, or folders that are searched for them. A model is named after the folder of its logs.
        metric: the metric per sample that is compared, such as `acc` or `exact_match`.
        filter: whose answers count where there are several filters, such as `strict-match`.
        group: the field of a document that those which belong together share, such as `context`.

    Returns:
        With several tasks also `stratum`, the task of each example.

    Raises:
        ValueError: if there is no log, or it has no such metric or filter.
    """
    columns: Columns = {}
    known: set[str | None] = {None}
    for path in _find(logs, "samples_*.jsonl"):
        task = re.sub(r"^samples_|_\d{4}-\d\d-\d\dT[\d.-]*$", "", path.stem)
        with path.open(encoding="utf-8") as file:
            samples = [json.loads(line) for line in file]
        filters = dict.fromkeys(sample.get("filter", "none") for sample in samples)
        known |= filters.keys()
        # What a task has that asks for no filter.
        wanted = "none" if list(filters) == ["none"] else _choose("filter", filter, filters, path)
        for sample in samples:
            if sample.get("filter", "none") == wanted:
                _choose("metric", metric, sample, path)
                found = {"group": sample["doc"][group]} if group else {}
                _append(columns, path.parent.name, task, sample["doc_id"], sample[metric], **found)
    if filter not in known:
        raise ValueError(f"expected a filter of these logs, got {filter}; leave it out")
    return _drop_single_stratum(columns)


def from_inspect_ai(logs: Paths, scorer: str | None = None, group: str | None = None) -> Columns:
    """The logs of inspect_ai in its format `json`. The epochs of a sample are averaged: they repeat its answer only.

    Args:
        logs: logs, or folders that are searched for them.
        scorer: whose scores are compared, where there are several scorers.
        group: the key of the samples' metadata that those which belong together share.

    Returns:
        With several tasks also `stratum`, the task of each example. C counts 1, P 0.5, I and N (no answer) 0.

    Raises:
        ValueError: if there is no log, its evaluation has not succeeded, or it has no such scorer.
    """
    columns: Columns = {}
    for path in _find(logs, "*.json"):
        log = json.loads(path.read_text(encoding="utf-8"))
        if log.get("status") != "success" or not log.get("samples"):
            raise ValueError(
                f"expected the log of an evaluation that succeeded, with its samples, but {path} has the status"
                f" {log.get('status')!r} and {len(log.get('samples') or [])} samples; run it anew"
            )
        samples: dict[Any, list[dict[str, Any]]] = {}
        for sample in log["samples"]:
            samples.setdefault(sample["id"], []).append(sample)
        for name, epochs in samples.items():
            values = [_score(epoch.get("scores") or {}, scorer, path) for epoch in epochs]
            found = {"group": epochs[0]["metadata"][group]} if group else {}
            _append(columns, log["eval"]["model"], log["eval"]["task"], name, np.mean(values), **found)
    return _drop_single_stratum(columns)


def from_predictions(predictions: Mapping[Key, Any], targets: Any, examples: Sequence[Any] | None = None) -> Columns:
    """Whether predictions are right: those of Hugging Face `evaluate` or of a Trainer, or what torchmetrics takes.

    Args:
        predictions: by model, or by model and seed; predicted labels (N,), or logits or probabilities (N, C).
        targets: the true labels (N,): `references` in `evaluate`, `label_ids` in transformers, `target` in
            torchmetrics.
        examples: the names of the N examples; their numbers by default.
    """
    targets = _as_labels(targets, "targets")
    values = {}
    for key, given in predictions.items():
        labels = _as_array(given)
        labels = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels
        labels = _as_labels(labels, f"predictions of {key}")
        if (labels.dtype.kind in "US") != (targets.dtype.kind in "US"):
            raise ValueError(
                f"expected predictions of {key} of the same kind as the targets, got {labels[0]} and {targets[0]};"
                " convert one of them"
            )
        if labels.shape != targets.shape:
            raise ValueError(f"expected {targets.shape} predictions of {key}, as there are targets, got {labels.shape}")
        values[key] = labels == targets
    return from_values(values, examples)


def _as_array(given: Any) -> np.ndarray:
    return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)


def _as_labels(given: Any, what: str) -> np.ndarray:
    labels = _as_array(given)
    # Of pandas, a column of words.
    labels = np.array(labels.tolist()) if labels.dtype.kind == "O" else labels
    if labels.ndim != 1 or not len(labels) or (labels.dtype.kind == "f" and (labels != labels.round()).any()):
        raise ValueError(
            f"expected labels (N,), or logits or probabilities (N, C) of two classes or more, as {what}, got"
            f" {labels.dtype} {labels.shape}; turn the probability p of one class into p > 0.5"
        )
    return labels


def from_values(values: Mapping[Key, Any], examples: Sequence[Any] | None = None) -> Columns:
    """Any values per example (N,), such as those of a metric of torchmetrics with `reduction="none"`.

    Args:
        values: by model, or by model and seed.
        examples: the names of the N examples; their numbers by default.

    Returns:
        With seeds, if the keys have them, also `seed`.
    """
    columns: Columns = {name: [] for name in ("model", "seed", "example", "value")}
    for key, given in values.items():
        model, seed = (key, None) if isinstance(key, str) else key
        found = _as_array(given).astype(np.float64).tolist()
        columns["model"] += [model] * len(found)
        columns["seed"] += [seed] * len(found)
        columns["example"] += list(range(len(found)) if examples is None else examples)
        columns["value"] += found
    if all(isinstance(key, str) for key in values):
        del columns["seed"]
    return columns


def from_datasets(
    datasets: Mapping[Key, Any], prediction: str = "prediction", reference: str = "label", example: str | None = None
) -> Columns:
    """Whether the predictions in Hugging Face datasets are right.

    Args:
        datasets: by model, or by model and seed.
        prediction: the column of the predicted label.
        reference: the column of the true label.
        example: the column that names an example; by default the rows of all datasets are in the same order.
    """
    parts = []
    for key, dataset in datasets.items():
        names = None if example is None else list(dataset[example])
        parts.append(from_predictions({key: list(dataset[prediction])}, list(dataset[reference]), names))
    return {name: [cell for part in parts for cell in part[name]] for name in parts[0]}


def _find(logs: Paths, pattern: str) -> Iterator[Path]:
    for path in map(Path, [logs] if isinstance(logs, str | Path) else logs):
        found = sorted(path.rglob(pattern)) if path.is_dir() else [path]
        if not found:
            raise ValueError(f"expected logs {pattern} below {path}, but there are none; check the path")
        yield from found


def _choose(what: str, asked: str | None, found: Mapping[str, Any], path: Path) -> str:
    if asked is None and len(found) == 1:
        return next(iter(found))
    if asked is None or asked not in found:
        raise ValueError(f"expected one {what} of {path}, {', '.join(found)}, got {asked}; name one of those")
    return asked


def _score(scores: Mapping[str, Any], scorer: str | None, path: Path) -> float:
    """A sample's score; NaN where its evaluation failed."""
    if not scores:
        return float("nan")
    value = scores[_choose("scorer", scorer, scores, path)]["value"]
    try:
        return _LETTERS[value] if isinstance(value, str) and value in _LETTERS else float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"expected a number, or one of {', '.join(_LETTERS)}, as score in {path}, got {value!r}; extract"
            " the values yourself and pass them to from_values"
        ) from None


def _append(columns: Columns, model: str, task: str, sample: Any, value: Any, **found: Any) -> None:
    row = {"model": model, "example": f"{task}/{sample}", "value": value, "stratum": task, **found}
    for name, cell in row.items():
        columns.setdefault(name, []).append(cell)


def _drop_single_stratum(columns: Columns) -> Columns:
    if len(set(columns.get("stratum", ()))) == 1:
        del columns["stratum"]
    return columns
