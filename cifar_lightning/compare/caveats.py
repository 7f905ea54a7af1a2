"""What the verdict of a comparison leaves out, and what was odd about its runs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cifar_lightning.compare.claims import LAB_NETS
from cifar_lightning.compare.grouping import describe_groups, differing_settings, name_seeds
from cifar_lightning.runs.run import Run
from cifar_lightning.compare.recomputing import (
    find_contradictions,
    find_deviations,
    find_unbacked,
    is_config_exchanged,
)
from cifar_lightning.compare.wording import COMPUTE, capitalise, list_names, name_first
from cifar_lightning.runs.folder import CONFIG, CURVES, LAST_CHECKPOINT, TEST_PICTURES

_CIFAR100 = "cifar_lightning.data.Cifar100"
_ROOT = "data.source.init_args.root"
_IMAGE_SIZE = "data.source.init_args.image_size"


def _side_of_pooled(side: int) -> int:
    # Pooling without padding drops incomplete windows.
    return 6 * (((side - 4) // 3 - 2) // 2) + 10


def _side_of_baseline(side: int) -> int:
    return min(side, 4 * ((side - 1) // 4) + 3)


def _side_of_stride(side: int) -> int:
    first = (side - 1) // 3 + 1
    return min(side, 3 * min(first, 3 * ((first - 1) // 3) + 2))


# Of a picture of so many pixels a side, how many reach the answer of the lab's nets, from the top left.
SIDES_SEEN = {
    LAB_NETS["maxpool"]: _side_of_pooled,
    LAB_NETS["avgpool"]: _side_of_pooled,
    LAB_NETS["baseline"]: _side_of_baseline,
    LAB_NETS["stride"]: _side_of_stride,
}
_EXCHANGED = (
    f"{CONFIG} is another than the run was tested with (run.config_sha256): {{}}; the settings are those of the file."
)


def describe_limits(strategies: Mapping[str, Sequence[Run]]) -> list[str]:
    """Sentences on what a verdict about these runs does not say."""
    runs = [run for its_runs in strategies.values() for run in its_runs]
    sentences = (
        _describe_variation(strategies),
        _describe_settings(runs),
        _describe_compute(strategies),
        _describe_view(strategies),
        _describe_protocol(runs),
        _describe_classes(runs[0]),
    )
    return [sentence for sentence in sentences if sentence]


def _describe_variation(strategies: Mapping[str, Sequence[Run]]) -> str:
    runs = [run for its_runs in strategies.values() for run in its_runs]
    single = [name for name, its_runs in strategies.items() if len(its_runs) == 1]
    seeds = "(initialisation and order of the training pictures)"
    covered = f"The intervals cover other seeds {seeds} and other test pictures"
    if len(single) == len(strategies):
        covered = f"The intervals cover other test pictures, but not other seeds {seeds}: each strategy has one run"
    elif single:
        covered += f", but those with {list_names(single)}, of which there is one run, no other seeds"
    if any(run.train is None for run in runs):
        return f"{covered}. Whether all runs share their training pictures cannot be seen: no train_predictions.csv."
    return f"{covered}. {_describe_training_pictures(strategies)}"


def _describe_training_pictures(strategies: Mapping[str, Sequence[Run]]) -> str:
    of_strategy: dict[str, set[bytes]] = {}
    of_seed: dict[int, set[bytes]] = {}
    for name, runs in strategies.items():
        for run in runs:
            assert run.train is not None
            choice = np.sort(run.train.indices).tobytes()
            of_strategy.setdefault(name, set()).add(choice)
            of_seed.setdefault(run.seed, set()).add(choice)
    if len(set.union(*of_seed.values())) == 1:
        return (
            "The training pictures are the same in all runs: what other ones would change is in no interval"
            " (study --vary_split puts some of it there)."
        )
    if all(len(choices) == 1 for choices in of_strategy.values()):
        return "The training pictures differ from strategy to strategy: a verdict is about them too."
    if all(len(choices) == 1 for choices in of_seed.values()):
        return "The choice of training pictures differs from run to run and goes with the seed."
    return "The training pictures differ from run to run, and not by the seed alone: a verdict is about them too."


def _describe_settings(runs: Sequence[Run]) -> str:
    keys = sorted({key.replace(".init_args", "").removesuffix(".class_path") for key in differing_settings(runs)})
    keys = [key for key in keys if key != "data.split_seed"]
    if not keys or keys == ["model.backbone"]:
        return ""
    return f"The strategies differ in {name_first(keys)}: a verdict is about all of that together."


def _describe_compute(strategies: Mapping[str, Sequence[Run]]) -> str:
    flops = {name: runs[0].facts["flops_per_image"] for name, runs in strategies.items()}
    least, most = min(flops.values()), max(flops.values())
    if most == least or least < 1:
        return ""
    rich, poor = ([name for name in flops if flops[name] == amount] for amount in (most, least))
    get = "gets" if len(rich) == 1 else "get"
    return (
        f"The nets differ in compute: {list_names(rich)} {get} {most / least:.1f} times that of {list_names(poor)}"
        f" ({COMPUTE.number(most)} against {COMPUTE.value(least)} a picture, forward and backward)."
    )


def _describe_view(strategies: Mapping[str, Sequence[Run]]) -> str:
    backbones = {name: (runs[0].settings or {}).get("model.backbone.class_path") for name, runs in strategies.items()}
    side, *others = [(run.settings or {}).get(_IMAGE_SIZE, 32) for runs in strategies.values() for run in runs]
    # A config.yaml may hold anything.
    if type(side) is not int or not 0 < side < 10_000 or any(other != side for other in others):
        return ""
    seen: dict[int, list[str]] = {}
    for name, backbone in backbones.items():
        if (side_of := SIDES_SEEN.get(str(backbone))) is not None:
            seen.setdefault(side_of(side), []).append(name)
    partial = {seen_side: names for seen_side, names in seen.items() if seen_side < side}
    if not partial or len(seen[min(seen)]) == len(strategies):
        return ""
    parts = [f"of {list_names(partial[size])} only the top left {size}x{size}" for size in sorted(partial)]
    return f"The nets differ in what they see: {', '.join(parts)} of {side}x{side} pixels reach the answer."


def _describe_protocol(runs: Sequence[Run]) -> str:
    if not any(run.facts["protocol"] == "lab" for run in runs):
        return ""
    drawn = "The curve of the test split was drawn every epoch (lab protocol)"
    if all(run.facts["checkpoint"] == LAST_CHECKPOINT for run in runs):
        return f"{drawn}, but no epoch was chosen by it: the last one is judged."
    return f"{drawn}, and the epoch that is judged may have been chosen by it: then its accuracy is too high."


def _describe_classes(run: Run) -> str:
    count = len(run.test.class_names)
    source = (run.settings or {}).get("data.source.class_path")
    whole = "CIFAR-100" if source == _CIFAR100 else "every class there is"
    return f"These {count} classes are not {whole}: with other classes the strategies may rank differently."


def describe_oddities(
    strategies: Mapping[str, Sequence[Run]], read: Sequence[Run], unfinished: Sequence[Path]
) -> list[str]:
    """Sentences on missing seeds, untested runs, and scores of the runs as `read` that their CSV files contradict."""
    return [
        *_describe_missing_seeds(strategies),
        *_describe_unfinished(unfinished),
        *_describe_folders(read),
        *_describe_missing_files(read),
        *_describe_disagreements(read),
        *_describe_sizes(strategies),
    ]


def _describe_missing_seeds(strategies: Mapping[str, Sequence[Run]]) -> list[str]:
    seeds = {name: {run.seed for run in runs} for name, runs in strategies.items()}
    every = set().union(*seeds.values())
    return [
        f"{name} lacks {name_seeds(sorted(every - its_seeds))}, which other strategies have."
        for name, its_seeds in seeds.items()
        if every - its_seeds
    ]


def _describe_unfinished(unfinished: Sequence[Path]) -> list[str]:
    if not unfinished:
        return []
    return [f"Left out, since not yet tested: {name_first(list(map(str, unfinished)))}."]


def _describe_folders(runs: Sequence[Run]) -> list[str]:
    """For CIFAR-100 a root is how the data are reached, for a folder of pictures it is the data."""
    roots = {
        str(run.settings.get(_ROOT) or "the default one")
        for run in runs
        if run.settings is not None and run.settings.get("data.source.class_path") != _CIFAR100
    }
    if len(roots) < 2 or all((run.folder / TEST_PICTURES).is_file() for run in runs):
        return []
    return [
        f"The pictures come from different folders ({name_first(sorted(roots))}), and where a run has no"
        f" {TEST_PICTURES} it cannot be seen whether its test pictures are the same."
    ]


def _describe_missing_files(runs: Sequence[Run]) -> list[str]:
    missing = {
        f"Settings unknown, for want of a {CONFIG}": [run for run in runs if run.settings is None],
        f"Curves unknown, for want of a {CURVES}": [run for run in runs if run.curves is None],
    }
    return [f"{what}: {name_first([str(run.folder) for run in of])}." for what, of in missing.items() if of]


def _describe_disagreements(runs: Sequence[Run]) -> list[str]:
    """A sentence for each kind of disagreement: a sentence for each of 40 runs would bury all others."""
    contradicted: dict[tuple[str, ...], list[tuple[Run, list[str]]]] = {}
    disagreeing: dict[tuple[str, ...], list[tuple[Run, list[str]]]] = {}
    unbacked: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        if wrong := find_contradictions(run):
            # Without the values, which are each run's own: `run.seed 7 (config.yaml: 1)`.
            contradicted.setdefault(tuple(text.partition(" ")[0] for text in wrong), []).append((run, wrong))
        if wrong := find_deviations(run):
            # Of `splits.test.classes.0.recall` and all others the split: which classes is each run's own.
            parts = dict.fromkeys(".".join(key.split(".")[:2]) for key in wrong)
            disagreeing.setdefault(tuple(parts), []).append((run, wrong))
        if parts_alone := find_unbacked(run):
            unbacked.setdefault(tuple(parts_alone), []).append(str(run.folder))
    exchanged = [str(run.folder) for run in runs if is_config_exchanged(run)]
    return [
        *(_describe_group(group, "the files", "scores.json was used.") for group in contradicted.values()),
        *(_describe_group(group, "the CSV files", "the CSV files were used.") for group in disagreeing.values()),
        *(
            f"The CSV files that {list_names(parts)} in scores.json could be recomputed from are gone:"
            f" {name_first(folders)}; it was not used."
            for parts, folders in unbacked.items()
        ),
        *([_EXCHANGED.format(name_first(exchanged))] if exchanged else []),
    ]


def _describe_group(group: Sequence[tuple[Run, list[str]]], files: str, used: str) -> str:
    """Of runs that disagree in the same figures, with those of the first."""
    folders, wrong = [str(run.folder) for run, _ in group], name_first(group[0][1])
    if len(group) == 1:
        return f"scores.json of {folders[0]} disagrees with {files} beside it in {wrong}; {used}"
    return (
        f"scores.json of {len(group)} runs disagrees with {files} beside it: {name_first(folders)}; in the first of"
        f" them, in {wrong}; {used}"
    )


def _describe_sizes(strategies: Mapping[str, Sequence[Run]]) -> list[str]:
    """One net has one size: where its runs tell several, that of the first is shown."""
    sizes: dict[str, Callable[[Run], Hashable]] = {
        "num_parameters": lambda run: run.facts["num_parameters"],
        "flops_per_image": lambda run: run.facts["flops_per_image"],
    }
    return [
        f"{capitalise(sentence)}; that of the first is shown."
        for name, runs in strategies.items()
        for key, size in sizes.items()
        for sentence in describe_groups(f"one {key} in all runs of {name}", runs, size)
    ]
