"""Which runs may be compared with one another."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from cifar_lightning.compare.wording import name_first
from cifar_lightning.plots.image_sheet import read_test_images
from cifar_lightning.runs.folder import CONFIG, LAST_CHECKPOINT, TEST_IMAGES
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.settings import SOURCE_ACCESS, flatten

# The trainer's settings that change what is learnt; the others say where it works and what it shows.
_TRAINER = (
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "limit_train_batches",
)


def group_strategies(runs: Sequence[Run], allow_mixed: bool) -> tuple[dict[str, list[Run]], list[str]]:
    """The runs by strategy, sorted by seed, all with the same test images in the same order.

    Returns:
        The strategies, and a sentence for each thing that was mixed.

    Raises:
        ValueError: if runs cannot be compared. Other classes, another label of an image and a seed of a strategy that
            appears twice are always refused. Other test images, protocols, epochs, checkpoints, sources of images, and
            other settings within a strategy are refused unless `allow_mixed`, which compares the images that all have.
    """
    runs = sorted(runs, key=lambda run: (run.strategy, run.seed))
    mixed = list(_find_mixtures(runs))
    _refuse_twins(runs, mixed)
    runs = _share_classes(runs, mixed)
    runs = _share_images(runs, mixed)
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


def flat_settings(run: Run) -> dict[str, Any]:
    """The settings of a run, keys joined by dots; empty without a config.yaml."""
    return flatten(run.settings) if run.has(CONFIG) else {}


def differing_settings(runs: Sequence[Run]) -> list[str]:
    """The keys of model, data and training in which the settings of runs differ."""
    return [key for key, _ in _find_differences(runs, _is_training)]


def describe_groups(expected: str, runs: Sequence[Run], value: Callable[[Run], Hashable]) -> Iterator[str]:
    """A sentence on who has which value, if the runs do not all have the same."""
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(value(run), []).append(run)
    if len(groups) > 1:
        parts = [f"{what} in {name_runs(those)}" for what, those in groups.items()]
        yield f"expected {expected}, but there is " + " and ".join(parts[:3])


def name_runs(runs: Sequence[Run]) -> str:
    """The runs as `maxpool (seeds 0, 1), stride (seed 0)`, the first few of many, and the folder of the first."""
    seeds: dict[str, list[int]] = {}
    for run in runs:
        seeds.setdefault(run.strategy, []).append(run.seed)
    named = [f"{strategy} ({name_seeds(those)})" for strategy, those in seeds.items()]
    return f"{name_first(named, 4)}, as {runs[0].folder}"


def name_seeds(seeds: Iterable[int]) -> str:
    """The seeds as `seed 0`, `seeds 0, 1, 5`, or `seeds 0 to 9`."""
    seeds = sorted(set(seeds))
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {name_first(list(map(str, seeds)), 10)}"


def _find_mixtures(runs: Sequence[Run]) -> Iterator[str]:
    yield from describe_groups("one protocol in all runs", runs, lambda run: run.facts.protocol)
    yield from describe_groups("one number of epochs in all runs", runs, lambda run: run.facts.epochs)
    yield from describe_groups("one checkpoint in all runs", runs, lambda run: run.facts.checkpoint)
    # The best epoch differs from run to run, the last one must not.
    last = [run for run in runs if run.facts.checkpoint == LAST_CHECKPOINT]
    yield from describe_groups("one epoch tested in all runs", last, lambda run: run.facts.epoch)
    known = [run for run in runs if run.has(CONFIG)]
    for key, value in _find_differences(known, _is_source):
        yield from describe_groups(f"one {key} in all runs", known, value)
    for strategy in dict.fromkeys(run.strategy for run in known):
        same = [run for run in known if run.strategy == strategy]
        own_splits = all(flat_settings(run).get("data.split_seed") == run.seed for run in same)
        for key, value in _find_differences(same, _is_training):
            if not (key == "data.split_seed" and own_splits):
                yield from describe_groups(f"one {key} in all runs of {strategy}", same, value)
    yield from _find_other_images(runs)


def _is_source(key: str) -> bool:
    return key.startswith("data.source") and key not in SOURCE_ACCESS


def _is_training(key: str) -> bool:
    # The source and the classes are compared between all runs.
    group, _, name = key.partition(".")
    return (
        group == "model"
        or (group == "data" and not name.startswith(("source", "classes")))
        or (group == "trainer" and name in _TRAINER)
    )


def _find_differences(
    runs: Sequence[Run], wanted: Callable[[str], bool]
) -> Iterator[tuple[str, Callable[[Run], Hashable]]]:
    """The wanted keys in which the settings of runs differ, each with what gives a run's value."""
    # A run without a config.yaml differs from none.
    settings = {run: flat for run in runs if (flat := flat_settings(run))}
    for key in dict.fromkeys(key for flat in settings.values() for key in flat if wanted(key)):
        values = {repr(flat[key]) for flat in settings.values() if key in flat}
        lacking = any(key not in flat for flat in settings.values())
        if len(values) > 1 or (lacking and values != {"None"} and not _is_option_of_another_class(key, settings)):
            yield key, partial(_get_setting, settings, key)


def _get_setting(settings: dict[Run, dict[str, Any]], key: str, run: Run) -> str:
    return repr(settings.get(run, {}).get(key))


def _is_option_of_another_class(key: str, settings: dict[Run, dict[str, Any]]) -> bool:
    """Whether runs lack an option because another version of the same class wrote their settings."""
    owner = key.rpartition(".init_args.")[0]
    return bool(owner) and len({flat.get(f"{owner}.class_path") for flat in settings.values()}) == 1


def _find_other_images(runs: Sequence[Run]) -> Iterator[str]:
    """A sentence if the sheets of runs show other images under the same indices.

    A folder of images may have been moved, or filled anew: the settings do not say so.
    """
    files: dict[tuple[bytes, bytes], list[Run]] = {}
    for run in (run for run in runs if run.has(TEST_IMAGES)):
        content = (run.folder / TEST_IMAGES).read_bytes()
        files.setdefault((run.predictions("test").indices.tobytes(), content), []).append(run)
    seen: dict[bytes, tuple[bytes, list[Run]]] = {}
    for (indices, _), same in files.items():
        images = read_test_images(same[0].folder / TEST_IMAGES, len(same[0].predictions("test").indices))
        if images is None:
            continue
        pixels, first = seen.setdefault(indices, (images.tobytes(), same))
        if pixels != images.tobytes():
            yield (
                f"expected the same test images in all runs, but {TEST_IMAGES} of {name_runs(first)}, shows others than"
                f" that of {name_runs(same)}"
            )


def _refuse_twins(runs: Sequence[Run], mixed: Sequence[str]) -> None:
    for first, second in pairwise(runs):
        if (first.strategy, first.seed) == (second.strategy, second.seed):
            why = f" ({mixed[0]})" if mixed else ""
            raise ValueError(
                f"expected each seed of a strategy once, but {first.strategy}, seed {first.seed}, is in {first.folder}"
                f" and in {second.folder}{why}; name the folders of one study"
            )


def _share_classes(runs: Sequence[Run], mixed: list[str]) -> list[Run]:
    names = list(runs[0].predictions("test").class_names)
    for run in runs:
        others = run.predictions("test").class_names
        if sorted(others) != sorted(names):
            raise ValueError(
                f"expected the classes {', '.join(names)} of {runs[0].folder} in all runs, but {run.folder} has"
                f" {', '.join(others)}; nets that choose among other classes cannot be compared, name"
                " the runs of one class list"
            )
    mixed += describe_groups(
        "one order of the classes", runs, lambda run: ", ".join(run.predictions("test").class_names)
    )
    return [run if list(run.predictions("test").class_names) == names else run.order_classes(names) for run in runs]


def _share_images(runs: Sequence[Run], mixed: list[str]) -> list[Run]:
    groups: dict[bytes, list[Run]] = {}
    for run in runs:
        groups.setdefault(np.sort(run.predictions("test").indices).tobytes(), []).append(run)
    shared = runs[0].predictions("test").indices
    for one, *_ in groups.values():
        shared = shared[np.isin(shared, one.predictions("test").indices)]
    if len(groups) > 1:
        here, there, *_ = groups.values()
        apart = (
            f"expected the same test images in all runs, but {name_runs(here)}, and {name_runs(there)}, have"
            f" {len(here[0].predictions('test').indices)} and {len(there[0].predictions('test').indices)}, of which"
            f" {len(shared)} are in all runs"
        )
        if len(shared) < 2:
            raise ValueError(f"{apart}; name runs that were tested on the same images")
        mixed.append(apart)
    runs = [run if np.array_equal(run.predictions("test").indices, shared) else run.select(shared) for run in runs]
    first = runs[0].predictions("test")
    for run in runs:
        test = run.predictions("test")
        if (test.labels != first.labels).any():
            place = int((test.labels != first.labels).argmax())
            raise ValueError(
                f"expected the same test images in all runs, but image {shared[place]} is"
                f" {first['label'][place]} in {runs[0].folder} and {test['label'][place]} in {run.folder};"
                " name runs that were tested on the same images"
            )
    return runs
