"""A run as its folder describes it, and how runs are found."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.disk import read_text
from cifar_lightning.runs.folder import CONFIG, CURVES, DUPLICATES, GROUPS, PROBES, SCORES, predictions_name
from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.probe_shares import ProbeShares
from cifar_lightning.runs.scores import RunFacts, Scores
from cifar_lightning.runs.settings import read_settings


class MissingFileError(ValueError):
    """A run folder lacks a file."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run; its files are read when they are asked for, once each.

    Attributes:
        folder: the run folder.
    """

    folder: Path
    _predictions: dict[str, Predictions] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The nested settings of `config.yaml`."""
        return read_settings(self._find(CONFIG, "fit that run anew"))

    @cached_property
    def facts(self) -> RunFacts:
        """What the run was, from `scores.json`."""
        return self._scores.run

    @property
    def scores(self) -> dict[str, Any]:
        """The content of `scores.json`."""
        return self._scores.to_dict()

    @cached_property
    def _scores(self) -> Scores:
        return Scores.read(self._find(SCORES, f"cifar-lightning test --ckpt_path {self.folder} writes it"))

    @cached_property
    def curves(self) -> Curves:
        """The curves of `curves.csv`."""
        return Curves.read(self._find(CURVES, "fit that run anew"))

    @cached_property
    def probes(self) -> ProbeShares:
        """The answers under shifts and noise of `probes.csv`."""
        return ProbeShares.read(self._find(PROBES, "test that run again"))

    @cached_property
    def duplicates(self) -> np.ndarray:
        """int (M,): the indices of the test images that have a near-duplicate among the training images."""
        return np.array([row[0] for row in self._read_rows(DUPLICATES)], int)

    @cached_property
    def groups(self) -> np.ndarray:
        """int (N,), for each test image: near-duplicates of one another have the same number."""
        group_of = {int(row[0]): int(row[1]) for row in self._read_rows(GROUPS)}
        return np.array([group_of.get(index, index) for index in self.predictions("test").indices.tolist()])

    def _read_rows(self, name: str) -> list[list[str]]:
        return [line.split(",") for line in read_text(self._find(name, "test that run again")).splitlines()[1:]]

    def without(self, indices: np.ndarray) -> "Run":
        """The same run, tested without the images of these `indices`, int (M,)."""
        run, test = Run(self.folder), self.predictions("test")
        kept = ~np.isin(test.indices, indices)
        run._predictions["test"] = test.subset(kept)
        if self.has(PROBES):
            shares = {name: values[kept] for name, values in self.probes.shares.items()}
            run.__dict__["probes"] = replace(self.probes, indices=test.indices[kept], shares=shares)
        return run

    def predictions(self, split: str) -> Predictions:
        """The predictions of `train`, `val` (where there is a validation share) or `test`."""
        if split not in self._predictions:
            self._predictions[split] = Predictions.read(self._find(predictions_name(split), "test that run again"))
        return self._predictions[split]

    @property
    def strategy(self) -> str:
        """The name of what a study compares."""
        return self.facts.strategy

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return self.facts.seed

    def has(self, name: str) -> bool:
        """Whether the run folder holds a file with this name."""
        return (self.folder / name).is_file()

    @property
    def is_tested(self) -> bool:
        """Whether there are scores."""
        return self.has(SCORES)

    def reread(self) -> None:
        """Forgets what was read."""
        for name in ("settings", "facts", "_scores", "curves", "probes", "duplicates", "groups"):
            self.__dict__.pop(name, None)
        self._predictions.clear()

    def _find(self, name: str, remedy: str) -> Path:
        if not self.has(name):
            raise MissingFileError(f"expected {name} in {self.folder}, but it is not there; {remedy}")
        return self.folder / name


def load_run(path: str | Path) -> Run:
    """The run in the folder `path`.

    Raises:
        ValueError: if it is not a run folder.
    """
    run = Run(Path(path))
    if not (run.has(CONFIG) or run.is_tested):
        raise ValueError(f"expected a run folder, but {path} has no {CONFIG}; name the folder version_N of a run")
    return run


def find_runs(paths: Iterable[str | Path]) -> list[Run]:
    """The runs below `paths`, each once and in the order of their names.

    A run folder has a `scores.json`, or a `config.yaml` and no run folder below it. Raises ValueError if a path is not
    a folder, or there is no run. Raises OSError if a folder may not be read, rather than leave it out.
    """
    roots = [Path(path) for path in paths]
    for root in roots:
        if not root.is_dir():
            what = f"got the file {root}" if root.exists() else f"but there is no {root}"
            raise ValueError(f"expected a folder with run folders below it, {what}; check the path")
    found = {path.resolve(): path for root in roots for path in _walk(root)}
    above = {parent.resolve() for path in found.values() for parent in path.absolute().parents}
    runs = [Run(path) for place, path in found.items() if place not in above or (path / SCORES).is_file()]
    if not runs:
        named = " or ".join(map(str, roots))
        raise ValueError(
            f"expected run folders below {named}, but there is none; `cifar-lightning fit` or study makes them"
        )
    return runs


def _walk(root: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    seen = set()
    for name, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        place = os.path.realpath(name)
        if place in seen:
            # A link led back to a folder above it.
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        if SCORES in files or CONFIG in files:
            yield Path(name)
