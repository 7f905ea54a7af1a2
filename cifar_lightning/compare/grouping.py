"""Which runs may be compared with one another."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from cifar_lightning.runs.run import Run
from cifar_lightning.compare.wording import name_first
from cifar_lightning.runs.figures import read_test_pictures
from cifar_lightning.runs.folder import LAST_CHECKPOINT, TEST_PICTURES
from cifar_lightning.runs.settings import SOURCE_ACCESS

# Settings of the trainer that change what is learnt; the others say where and how it is shown.
_TRAINER = (
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "limit_train_batches",
)


def group_strategies(runs: Sequence[Run], allow_mixed: bool) -> tuple[dict[str, list[Run]], list[str]]:
    """The runs by strategy, each in the order of its seeds, all with the same test pictures in the same order.

    Returns:
        The strategies, and a sentence for each thing that was mixed.

    Raises:
        ValueError: if runs do not go together: other classes, other labels of a picture, or a seed of a strategy twice,
            in any case; other test pictures, protocols, epochs, checkpoints, sources of pictures, or settings within a
            strategy, unless `allow_mixed`. With it, the pictures that all have are compared.
    """
    runs = sorted(runs, key=lambda run: (run.strategy, run.seed))
    mixed = list(_find_mixtures(runs))
    _refuse_twins(runs, mixed)
    runs = _share_classes(runs, mixed)
    runs = _share_pictures(runs, mixed)
    if mixed and not allow_mixed:
        raise ValueError(f"{mixed[0]}; name runs that go together, or compare them all the same with --allow_mixed")
    strategies: dict[str, list[Run]] = {}
    for run in runs:
        strategies.setdefault(run.strategy, []).append(run)
    if len(strategies) < 2:
        raise ValueError(
            f"expected at least two strategies to compare, but all of {len(runs)} runs are of {runs[0].strategy};"
            " name the folder of another one too"
        )
    return strategies, mixed


def _find_mixtures(runs: Sequence[Run]) -> Iterable[str]:
    facts: dict[str, Callable[[Run], Hashable]] = {
        "protocol": lambda run: run.facts["protocol"],
        "number of epochs": lambda run: run.facts["epochs"],
        "checkpoint": lambda run: run.facts["checkpoint"],
    }
    for what, fact in facts.items():
        yield from describe_groups(f"one {what} in all runs", runs, fact)
    # The best epoch differs from run to run, the last one must not.
    last = [run for run in runs if run.facts["checkpoint"] == LAST_CHECKPOINT]
    yield from describe_groups("one epoch tested in all runs", last, lambda run: run.facts["epoch"])
    known = [run for run in runs if run.settings is not None]
    for key in _differing_keys(known, _is_source):
        yield from describe_groups(f"one {key} in all runs", known, _setting(key))
    for strategy in dict.fromkeys(run.strategy for run in known):
        same = [run for run in known if run.strategy == strategy]
        own_splits = all(run.settings.get("data.split_seed") == run.seed for run in same)  # type: ignore[union-attr]
        for key in _differing_keys(same, _is_of_training):
            if not (key == "data.split_seed" and own_splits):
                yield from describe_groups(f"one {key} in all runs of {strategy}", same, _setting(key))
    yield from _find_other_pictures(runs)


def _find_other_pictures(runs: Sequence[Run]) -> Iterable[str]:
    """A sentence if the sheets of runs as they were read show other pictures under the same indices.

    A folder of pictures may have been moved, or filled anew: where the data came from does not tell.
    """
    sheets: dict[Hashable, list[Run]] = {}
    for run in runs:
        if (run.folder / TEST_PICTURES).is_file():
            # Equal files in the same order are equal pictures: of hundreds of runs few are decoded.
            content = hashlib.sha256((run.folder / TEST_PICTURES).read_bytes()).digest()
            sheets.setdefault((content, run.test.indices.tobytes()), []).append(run)
    if len(sheets) < 2:
        return
    shared = reduce(np.intersect1d, (same[0].test.indices for same in sheets.values()))
    groups: dict[Hashable, list[Run]] = {}
    for same in sheets.values():
        indices = same[0].test.indices
        pictures = read_test_pictures(same[0].folder / TEST_PICTURES, len(indices))
        if pictures is not None:
            ascending = np.argsort(indices)
            shown = pictures[ascending[np.isin(indices[ascending], shared)]]
            groups.setdefault(hashlib.sha256(shown.tobytes()).digest(), []).extend(same)
    if len(groups) > 1:
        here, there, *_ = groups.values()
        yield (
            f"expected the same test pictures in all runs, but {TEST_PICTURES} of {name_runs(here)}, shows others than"
            f" that of {name_runs(there)}"
        )


def _is_source(key: str) -> bool:
    return key.startswith("data.source") and key not in SOURCE_ACCESS


def _is_of_training(key: str) -> bool:
    # The source and the classes are compared between all runs.
    group, _, name = key.partition(".")
    return (
        group == "model"
        or (group == "data" and not name.startswith(("source", "classes")))
        or (group == "trainer" and name in _TRAINER)
    )


def _setting(key: str) -> Callable[[Run], Hashable]:
    return lambda run: repr((run.settings or {}).get(key))


def differing_settings(runs: Sequence[Run]) -> list[str]:
    """The keys of model, data and training in which the settings of runs differ."""
    return _differing_keys([run for run in runs if run.settings is not None], _is_of_training)


def _differing_keys(runs: Sequence[Run], wanted: Callable[[str], bool]) -> list[str]:
    every: dict[str, set[str]] = {}
    for run in runs:
        for key, value in (run.settings or {}).items():
            if wanted(key):
                every.setdefault(key, set()).add(repr(value))
    return [key for key, values in every.items() if len(values) > 1 or _is_missing(key, runs)]


def _is_missing(key: str, runs: Sequence[Run]) -> bool:
    """Whether some runs lack a setting that is not None, other than one that another version of the same class has."""
    there: list[Any] = [run.settings[key] for run in runs if run.settings and key in run.settings]
    if len(there) == len(runs) or there[0] is None:
        return False
    owner = key.rpartition(".init_args.")[0]
    return not owner or len({_setting(f"{owner}.class_path")(run) for run in runs}) > 1


def describe_groups(expected: str, runs: Sequence[Run], value: Callable[[Run], Hashable]) -> Iterable[str]:
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(value(run), []).append(run)
    if len(groups) > 1:
        parts = [f"{what} in {name_runs(those)}" for what, those in groups.items()]
        yield f"expected {expected}, but there is " + " and ".join(parts[:3])


def name_runs(runs: Sequence[Run]) -> str:
    """`maxpool (seeds 0, 1), stride (seed 0)`, of many the first few, and where the first one is."""
    seeds: dict[str, list[int]] = {}
    for run in runs:
        seeds.setdefault(run.strategy, []).append(run.seed)
    named = [f"{strategy} ({name_seeds(those)})" for strategy, those in seeds.items()]
    return f"{name_first(named, 4)}, as {runs[0].folder}"


def name_seeds(seeds: Sequence[int]) -> str:
    """`seed 0`, `seeds 0, 1, 5`, or `seeds 0 to 9`."""
    seeds = sorted(set(seeds))
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {name_first(list(map(str, seeds)), 10)}"


def _refuse_twins(runs: Sequence[Run], mixed: Sequence[str]) -> None:
    for first, second in pairwise(runs):
        if (first.strategy, first.seed) == (second.strategy, second.seed):
            why = f" ({mixed[0]})" if mixed else ""
            raise ValueError(
                f"expected each seed of a strategy once, but {first.strategy}, seed {first.seed}, is in {first.folder}"
                f" and in {second.folder}{why}; name the folders of one study"
            )


def _share_classes(runs: Sequence[Run], mixed: list[str]) -> list[Run]:
    names = list(runs[0].test.class_names)
    for run in runs:
        if sorted(run.test.class_names) != sorted(names):
            raise ValueError(
                f"expected the classes {', '.join(names)} of {runs[0].folder} in all runs, but {run.folder} has"
                f" {', '.join(run.test.class_names)}; nets that choose among other classes cannot be compared, name"
                " the runs of one class list"
            )
    mixed += describe_groups("one order of the classes", runs, lambda run: ", ".join(run.test.class_names))
    return [run.order_classes(names) for run in runs]


def _share_pictures(runs: Sequence[Run], mixed: list[str]) -> list[Run]:
    groups: dict[bytes, list[Run]] = {}
    for run in runs:
        groups.setdefault(np.sort(run.test.indices).tobytes(), []).append(run)
    shared = runs[0].test.indices
    for one, *_ in groups.values():
        shared = shared[np.isin(shared, one.test.indices)]
    if len(groups) > 1:
        here, there, *_ = groups.values()
        apart = (
            f"expected the same test pictures in all runs, but {name_runs(here)}, and {name_runs(there)}, have"
            f" {len(here[0].test.indices)} and {len(there[0].test.indices)}, of which {len(shared)} are in all runs"
        )
        if len(shared) < 2:
            raise ValueError(f"{apart}; name runs that were tested on the same pictures")
        mixed.append(apart)
    runs = [run if np.array_equal(run.test.indices, shared) else run.select(shared) for run in runs]
    for run in runs:
        other = run.test.labels != runs[0].test.labels
        if other.any():
            names = run.test.class_names
            raise ValueError(
                f"expected the same test pictures in all runs, but picture {shared[other][0]} is"
                f" {names[runs[0].test.labels[other][0]]} in {runs[0].folder} and {names[run.test.labels[other][0]]} in"
                f" {run.folder}; name runs that were tested on the same pictures"
            )
    return runs
