"""Finds and reads run folders."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.runs import folder
from cifar_lightning.runs.overfitting import Curves
from cifar_lightning.runs.probes import ProbeShares
from cifar_lightning.runs.scores import Predictions, is_duration
from cifar_lightning.runs.settings import read_settings

# What a comparison needs to know of a run, and what it must be.
_FACTS = {
    "strategy": str,
    "seed": int,
    "classes": list,
    "protocol": str,
    "epochs": int,
    "checkpoint": str,
    "epoch": int,
    "num_parameters": int,
    "flops_per_image": int,
}


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: of the run.
        facts: `run` of its `scores.json`: strategy, seed, classes, protocol, epochs, checkpoint, epoch, ...
        test: its predictions of the test split.
        train: of the training pictures; None where the file is missing.
        probes: shifted and noisy pictures; None where the file is missing.
        curves: one entry an epoch; None where the file is missing.
        scores: all of its `scores.json`.
        settings: of its `config.yaml`, keys joined by dots; None where the file is missing.
    """

    folder: Path
    facts: dict[str, Any]
    test: Predictions
    train: Predictions | None
    probes: ProbeShares | None
    curves: Curves | None
    scores: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] | None = None

    @property
    def strategy(self) -> str:
        """Its name."""
        return str(self.facts["strategy"])

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self.facts["seed"])

    @property
    def fit_seconds(self) -> float | None:
        """Of the fit, up to the tested epoch by its curves, without them by its `scores.json`; None: not known."""
        if self.curves is not None:
            for seconds in self.curves.seconds[self.curves.epochs == self.facts["epoch"]]:
                return float(seconds) if is_duration(seconds) else None
        seconds = self.facts.get("fit_seconds")
        return None if seconds is None else float(seconds)

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Reads the run folder `path`.

        Raises:
            ValueError: if a file is damaged, or the predictions of the test split are missing.
        """
        scores = _read_scores(path / folder.SCORES)
        predictions = path / folder.predictions_name("test")
        if not predictions.is_file():
            raise ValueError(
                f"expected {predictions.name} beside {folder.SCORES}, but {path} has none; test that run again"
            )
        train, config = path / folder.predictions_name("train"), path / folder.CONFIG
        probes, curves = path / folder.PROBES, path / folder.CURVES
        run = cls(
            path,
            scores["run"],
            Predictions.read(predictions),
            Predictions.read(train) if train.is_file() else None,
            ProbeShares.read(probes) if probes.is_file() else None,
            Curves.read(curves) if curves.is_file() else None,
            scores,
            read_settings(config) if config.is_file() else None,
        )
        run._check_pictures()
        return run

    def select(self, indices: np.ndarray) -> "Run":
        """The same run with the test pictures `indices`, int (M,), alone, and in that order."""
        order = np.argsort(self.test.indices)
        places = order[np.searchsorted(self.test.indices, indices, sorter=order)]
        test = Predictions(
            self.test.class_names,
            indices,
            self.test.labels[places],
            self.test.predicted[places],
            self.test.probabilities[places],
        )
        probes = self.probes and ProbeShares(
            indices, {name: share[places] for name, share in self.probes.shares.items()}
        )
        return replace(self, test=test, probes=probes)

    def order_classes(self, names: Sequence[str]) -> "Run":
        """The same run with its classes in the order `names`."""
        if list(self.test.class_names) == list(names):
            return self
        train = self.train and _order_classes(self.train, names)
        return replace(self, test=_order_classes(self.test, names), train=train)

    def check_classes(self, split: str, predictions: Predictions) -> None:
        """Raises a ValueError unless the predictions of another split are for the classes of the test split."""
        if predictions.class_names != self.test.class_names:
            raise ValueError(
                f"expected predictions for the classes of {folder.predictions_name('test')}, but"
                f" {self.folder / folder.predictions_name(split)} has others; test that run again"
            )

    def _check_pictures(self) -> None:
        for name in self.test.class_names:
            if not name.isprintable():
                raise ValueError(
                    f"expected class names of printable characters, but {self.folder} has {name[:50]!r}; rename it in"
                    " the data, and fit that run anew"
                )
        for name, split, predictions in (("test", "test", self.test), ("train", "training", self.train)):
            if predictions is not None and not len(predictions.indices):
                raise ValueError(
                    f"expected predictions of {split} pictures, but {self.folder / folder.predictions_name(name)} has"
                    " none; test that run again"
                )
        if self.train is not None:
            self.check_classes("train", self.train)
        indices, places = np.unique(self.test.indices, return_counts=True)
        if places.max() > 1:
            raise ValueError(
                f"expected each test picture once, but {self.folder} predicts picture {indices[places.argmax()]}"
                f" {places.max()} times; test that run again"
            )
        if self.probes is not None and not np.array_equal(self.probes.indices, self.test.indices):
            test, probes = folder.predictions_name("test"), self.folder / folder.PROBES
            raise ValueError(
                f"expected probes of the pictures of {test}, but {probes} has others, or another order; test that run"
                " again"
            )


def _order_classes(predictions: Predictions, names: Sequence[str]) -> Predictions:
    # An unused output, K, stays one.
    places = np.array([*(list(names).index(name) for name in predictions.class_names), len(names)])
    shares = np.empty_like(predictions.probabilities)
    shares[:, places[:-1]] = predictions.probabilities
    return Predictions(names, predictions.indices, places[predictions.labels], places[predictions.predicted], shares)


def _read_scores(path: Path) -> dict[str, Any]:
    try:
        scores = json.loads(folder.read_text(path))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"expected JSON, but {path} is damaged ({reason}); test that run again") from error
    if not isinstance(scores, dict) or scores.get("format") != 1 or not isinstance(scores.get("run"), dict):
        raise ValueError(
            f"expected the scores of a run in format 1, but {path} holds something else; test that run again"
        )
    for key, kind in _FACTS.items():
        value = scores["run"].get(key)
        if (
            not isinstance(value, kind)
            or isinstance(value, bool)
            or (isinstance(value, int) and not 0 <= value < 2**63)
        ):
            range_ = ", 0 and more" if kind is int else ""
            raise ValueError(
                f"expected run.{key} of type {kind.__name__}{range_}, but {path} has {str(value)[:50]!r}; test that run"
                " again, or leave it out"
            )
        if isinstance(value, str) and not (value.isprintable() and value and value == value.strip()):
            raise ValueError(
                f"expected run.{key} to be a name of printable characters, but {path} has {value[:50]!r}; test that run"
                " again, or leave it out"
            )
    seconds = scores["run"].get("fit_seconds")
    if not is_duration(seconds):
        raise ValueError(
            f"expected run.fit_seconds to be a number of seconds or null, but {path} has {str(seconds)[:50]!r}; test"
            " that run again, or leave it out"
        )
    return scores


def find_run_folders(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The finished and the unfinished run folders below `paths`, each once and in the order of their names.

    A run folder has a `scores.json` (finished), or a `config.yaml` and no run folder below it (not finished).

    Raises:
        ValueError: if a path does not exist, or there is no finished run.
        OSError: if a folder may not be read.
    """
    for path in paths:
        if not path.exists():
            raise ValueError(f"expected run folders, but there is no {path}; check the path")
        if not path.is_dir():
            raise ValueError(f"expected a folder with run folders below it, got the file {path}; name a folder")
    found = {path.resolve(): path for root in paths for path in _walk(root)}
    # A config.yaml above run folders is that of no run, also where a link leads from it to them.
    above = {parent for path in found for parent in path.parents}
    as_named = {parent for path in found.values() for parent in Path(os.path.abspath(path)).parents}
    above |= {parent.resolve() for parent in as_named}
    found = {place: path for place, path in found.items() if place not in above}
    finished = [path for path in found.values() if (path / folder.SCORES).is_file()]
    unfinished = [path for path in found.values() if not (path / folder.SCORES).is_file()]
    named = " or ".join(map(str, paths))
    if not found:
        raise ValueError(
            f"expected run folders below {named}, but there is none; `cifar-lightning fit` or study makes them"
        )
    if not finished:
        raise ValueError(
            f"expected tested runs below {named}, but none of {len(unfinished)} has a {folder.SCORES};"
            f" cifar-lightning test --ckpt_path {unfinished[0]} writes it"
        )
    return finished, unfinished


def _refuse(error: OSError) -> None:
    raise error


def _walk(root: Path) -> Iterator[Path]:
    seen = set()
    # A folder that may not be read would else be left out without a word.
    for name, folders, files in os.walk(root, followlinks=True, onerror=_refuse):
        # A link may lead back to where it lies.
        place = os.path.realpath(name)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        if folder.SCORES in files:
            # What lies in a run folder is no further run.
            folders.clear()
        if folder.SCORES in files or folder.CONFIG in files:
            yield Path(name)
