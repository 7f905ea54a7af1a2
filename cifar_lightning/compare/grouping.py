"""Which runs may be compared with one another."""

import filecmp
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, pairwise
from operator import attrgetter
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
    """The runs by strategy, sorted by seed, and a sentence for each thing that was mixed.

    Raises ValueError if the classes, the test images, the protocols, epochs, checkpoints or sources of images differ,
    the settings within a strategy do, or a seed of a strategy appears twice. All but classes, test images and seeds may
    be mixed with `allow_mixed`.
    """
    runs = sorted(runs, key=lambda run: (run.strategy, run.seed))
    _refuse_other_tests(runs)
    mixed = list(_find_mixtures(runs))
    for first, second in pairwise(runs):
        if (first.strategy, first.seed) == (second.strategy, second.seed):
            why = f" ({mixed[0]})" if mixed else ""
            raise ValueError(
                f"expected each seed of a strategy once, but {first.strategy}, seed {first.seed}, is in {first.folder}"
                f" and in {second.folder}{why}; name the folders of one study"
            )
    if mixed and not allow_mixed:
        raise ValueError(f"{mixed[0]}; name runs that go together, or compare them all the same with --allow_mixed")
    strategies: dict[str, list[Run]] = {}
    for run in runs:
        strategies.setdefault(run.strategy, []).append(run)
    if len(strategies) < 2:
        all_are = "the only run is" if len(runs) == 1 else f"all {len(runs)} runs are"
        raise ValueError(
            f"expected at least two strategies to compare, but {all_are} of {runs[0].strategy}; name the folder of"
            " another one too"
        )
    return strategies, mixed


def leave_out_duplicates(strategies: Mapping[str, Sequence[Run]]) -> tuple[dict[str, list[Run]], int]:
    """The runs without the test images that have a near-duplicate among the training images, and their number.

    Raises ValueError if a run does not know them.
    """
    every = [run for runs in strategies.values() for run in runs]
    duplicates = np.unique(np.concatenate([run.duplicates for run in every]))
    left = {name: [run.without(duplicates) for run in runs] for name, runs in strategies.items()}
    return left, int(np.isin(every[0].predictions("test").indices, duplicates).sum())


def flat_settings(run: Run) -> dict[str, Any]:
    """The settings of a run, keys joined by dots; empty without a config.yaml."""
    return flatten(run.settings) if run.has(CONFIG) else {}


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


def differing_settings(runs: Sequence[Run], is_wanted: Callable[[str], bool] = _is_training) -> list[str]:
    """The wanted keys, by default those of model, data and training, in which the settings of runs differ."""
    settings = [flat for run in runs if (flat := flat_settings(run))]
    keys = dict.fromkeys(filter(is_wanted, chain.from_iterable(settings)))
    return [key for key in keys if _differs(key, settings)]


def _differs(key: str, settings: Sequence[dict[str, Any]]) -> bool:
    # Another version of torch may know an option of a class that this one lacks.
    owner = key.rpartition(".init_args.")[0]
    is_option = bool(owner) and len({flat.get(f"{owner}.class_path") for flat in settings}) == 1
    return len({repr(flat.get(key)) for flat in settings if key in flat or not is_option}) > 1


def _describe_groups(expected: str, runs: Sequence[Run], value: Callable[[Run], Hashable]) -> Iterator[str]:
    """A sentence on who has which value, if the runs do not all have the same."""
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(value(run), []).append(run)
    if len(groups) > 1:
        parts = [f"{what} in {_name_runs(those)}" for what, those in groups.items()]
        yield f"expected {expected}, but there is " + " and ".join(parts[:3])


def _name_runs(runs: Sequence[Run]) -> str:
    """`maxpool (seeds 0, 1), stride (seed 0), as FOLDER`: the first few of many, and the folder of the first."""
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
    # The best epoch differs from run to run, the last one must not.
    last = [run for run in runs if run.facts.checkpoint == LAST_CHECKPOINT]
    for what, those, name in (
        ("protocol", runs, "protocol"),
        ("number of epochs", runs, "epochs"),
        ("checkpoint", runs, "checkpoint"),
        ("epoch tested", last, "epoch"),
    ):
        yield from _describe_groups(f"one {what} in all runs", those, attrgetter(f"facts.{name}"))
    known = [run for run in runs if run.has(CONFIG)]
    for key in differing_settings(known, _is_source):
        yield from _describe_groups(f"one {key} in all runs", known, partial(_setting, key))
    for strategy in dict.fromkeys(run.strategy for run in known):
        same = [run for run in known if run.strategy == strategy]
        own_splits = all(flat_settings(run).get("data.split_seed") == run.seed for run in same)
        for key in differing_settings(same):
            if not (key == "data.split_seed" and own_splits):
                yield from _describe_groups(f"one {key} in all runs of {strategy}", same, partial(_setting, key))

    yield from _find_other_images(runs)


def _setting(key: str, run: Run) -> str:
    return repr(flat_settings(run).get(key))


def _find_other_images(runs: Sequence[Run]) -> Iterator[str]:
    """A sentence if the sheets of runs show other images: a folder may have been filled anew."""
    sheets = [(run, run.folder / TEST_IMAGES) for run in runs if run.has(TEST_IMAGES)]
    for (one, first), (other, second) in pairwise(sheets):
        # The same images may be packed in other bytes on another machine.
        if not filecmp.cmp(first, second, shallow=False):
            count = len(one.predictions("test").indices)
            images, others = read_test_images(first, count), read_test_images(second, count)
            if images is not None and others is not None and not np.array_equal(images, others):
                yield f"expected one {TEST_IMAGES} in all runs, but those of {one.folder} and {other.folder} differ"


def _refuse_other_tests(runs: Sequence[Run]) -> None:
    first, *others = runs
    expected = first.predictions("test")
    for run in others:
        test = run.predictions("test")
        if list(test.class_names) != list(expected.class_names):
            raise ValueError(
                f"expected the classes {', '.join(expected.class_names)} of {first.folder} in all runs, but"
                f" {run.folder} has {', '.join(test.class_names)}; nets that choose among other classes cannot be"
                " compared, name the runs of one class list"
            )
        for name in ("index", "label"):
            if not np.array_equal(test[name], expected[name]):
                raise ValueError(
                    f"expected the same test images in the same order in all runs, but the column {name} of"
                    f" {first.folder} differs from that of {run.folder}; name runs that were tested on the same images"
                )
