"""What the verdicts of a comparison leave out, and what was odd about its runs or its table."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cifar_lightning.compare.grouping import differing_settings, flat_settings, name_seeds
from cifar_lightning.compare.pairs import ENOUGH_SEEDS, MIN_SEEDS, MOST_ALARMS, UNEQUAL
from cifar_lightning.compare.prediction_table import PredictionTable
from cifar_lightning.compare.questions import COMPUTE, TABLE_WORDS, Words
from cifar_lightning.compare.summaries import find_units
from cifar_lightning.compare.units import ENOUGH_GROUPS, count_units, find_evenness
from cifar_lightning.compare.wording import count_shared_seeds, list_names, name_first
from cifar_lightning.runs.folder import CONFIG, CURVES, DUPLICATES, GROUPS, LAST_CHECKPOINT, PROBES, predictions_name
from cifar_lightning.runs.run import Run


def describe_limits(strategies: Mapping[str, Sequence[Run]], paired_seeds: bool) -> list[str]:
    """Sentences on what a verdict about these runs does not say."""
    runs = [run for its_runs in strategies.values() for run in its_runs]
    sentences = (
        _describe_variation(strategies, paired_seeds),
        _describe_scatter(strategies, Words(), paired_seeds),
        _describe_pairing(strategies, Words(), paired_seeds),
        _describe_duplicates(runs),
        _describe_groups(runs),
        _describe_settings(runs),
        _describe_compute(strategies),
        _describe_view(strategies),
        _describe_protocol(runs),
        _describe_classes(runs[0]),
    )
    return [sentence for sentence in sentences if sentence]


def _describe_variation(strategies: Mapping[str, Sequence[Run]], paired_seeds: bool) -> str:
    single = [name for name, its_runs in strategies.items() if len(its_runs) == 1]
    seeds = "(initialisation and order of the training images)"
    images = "other test images, gathered as this test split was"
    covered = f"The intervals cover other seeds {seeds} and {images}"
    if len(single) == len(strategies):
        covered = f"The intervals cover {images}, but not other seeds {seeds}: each strategy has one run"
    elif single:
        covered += f", but those with {list_names(single)}, of which there is one run, no other seeds"
    train = predictions_name("train")
    if not all(run.has(train) for runs in strategies.values() for run in runs):
        return f"{covered}. Whether all runs share their training images is unknown without every {train}."
    return f"{covered}. {_describe_training_images(strategies, paired_seeds)}"


def _describe_scatter(strategies: Mapping[str, Sequence[Run]], words: Words, paired_seeds: bool) -> str:
    judged = [len(its_runs) for its_runs in strategies.values() if len(its_runs) >= MIN_SEEDS]
    if paired_seeds or len(judged) < 2 or min(judged) >= ENOUGH_SEEDS:
        return ""
    return (
        f"Of equal {words.strategies}, 5 to {MOST_ALARMS} % are called different where one scatters {UNEQUAL} times as"
        " much over seeds as the other, or more: mostly where fewer than"
        f" {ENOUGH_SEEDS} seeds do not show that it does."
    )


def _describe_training_images(strategies: Mapping[str, Sequence[Run]], paired_seeds: bool) -> str:
    by_seed: dict[int, set[bytes]] = {}
    for run in (run for runs in strategies.values() for run in runs):
        by_seed.setdefault(run.seed, set()).add(np.sort(run.predictions("train").indices).tobytes())
    if len(set.union(*by_seed.values())) == 1:
        return (
            "The training images are the same in all runs: what other ones would change is in no interval"
            " (study --vary_split puts some of it there)."
        )
    if all(len(choices) == 1 for choices in by_seed.values()):
        paired = "compared with one another" if paired_seeds else "not paired: a new study may ask for --paired_seeds"
        return f"The choice of training images differs from run to run with the seed; runs of one seed are {paired}."
    return "The training images differ from run to run, and not by the seed alone: a verdict is about them too."


def _describe_pairing(strategies: Mapping[str, Sequence[Run]], words: Words, paired_seeds: bool) -> str:
    # With five seeds, 5 % (docs/calibration.md).
    if not paired_seeds or min(count_shared_seeds(list(strategies.values()))) > MIN_SEEDS:
        return ""
    return f"With {MIN_SEEDS} paired seeds that share nothing, 6 % of equal {words.strategies} are called different."


def count_duplicates(runs: Sequence[Run]) -> int | None:
    """How many test images have a near-duplicate among the training images, by the first run that knows; else None."""
    known = next((run.duplicates for run in runs if run.has(DUPLICATES)), None)
    return None if known is None else int(np.isin(runs[0].predictions("test").indices, known).sum())


def _describe_duplicates(runs: Sequence[Run]) -> str:
    if not (number := count_duplicates(runs)):
        return ""
    num_images = len(runs[0].predictions("test").indices)
    return (
        f"{number} of the {num_images} test images have a near-duplicate among the training images, which a net may"
        " have learnt by heart; --without_duplicates leaves them out."
    )


def _describe_groups(runs: Sequence[Run]) -> str:
    num_images = len(runs[0].predictions("test").indices)
    num_groups = count_units(num_images, find_units(runs).groups)
    if 3 * num_groups > 2 * num_images:
        return ""
    return (
        f"The {num_images} test images are {num_groups} groups of near-duplicates: with so many copies, intervals"
        " contain the truth in some 93 of 100 studies."
    )


def _describe_settings(runs: Sequence[Run]) -> str:
    keys = sorted({key.replace(".init_args", "").removesuffix(".class_path") for key in differing_settings(runs)})
    keys = [key for key in keys if key != "data.split_seed"]
    if not keys or keys == ["model.backbone"]:
        return ""
    return f"The strategies differ in {name_first(keys)}: a verdict is about all of that together."


def _describe_compute(strategies: Mapping[str, Sequence[Run]]) -> str:
    flops = {name: runs[0].facts.flops_per_image for name, runs in strategies.items()}
    least, most = min(flops.values()), max(flops.values())
    if most == least or least < 1:
        return ""
    rich, poor = ([name for name in flops if flops[name] == amount] for amount in (most, least))
    get = "gets" if len(rich) == 1 else "get"
    return (
        f"The nets differ in compute: {list_names(rich)} {get} {most / least:.1f} times that of {list_names(poor)}"
        f" ({COMPUTE.number(most)} against {COMPUTE.value(least)} per image, forward and backward)."
    )


def _describe_view(strategies: Mapping[str, Sequence[Run]]) -> str:
    names: dict[int, list[str]] = {}
    for name, runs in strategies.items():
        names.setdefault(runs[0].facts.pixels_seen, []).append(name)
    if len(names) == 1:
        return ""
    parts = [f"{pixels:,} in {list_names(names[pixels])}" for pixels in sorted(names)]
    return f"The nets differ in how many pixels of an image reach the answer: {list_names(parts)}."


def _describe_protocol(runs: Sequence[Run]) -> str:
    if not any(run.facts.protocol == "lab" for run in runs):
        return ""
    drawn = "The curve of the test split was drawn every epoch (lab protocol)"
    if all(run.facts.checkpoint == LAST_CHECKPOINT for run in runs):
        return f"{drawn}, but no epoch was chosen by it: the last one is judged."
    return f"{drawn}, and the epoch that is judged may have been chosen by it: then its accuracy is too high."


def _describe_classes(run: Run) -> str:
    cifar = flat_settings(run).get("data.source.class_path") == "cifar_lightning.data.Cifar100"
    whole = "CIFAR-100" if cifar else "every class there is"
    count = len(run.predictions("test").class_names)
    return f"These {count} classes are not {whole}: with other classes the strategies may rank differently."


def describe_oddities(
    strategies: Mapping[str, Sequence[Run]], tested: Sequence[Run], untested: Sequence[Run]
) -> list[str]:
    """Sentences on missing seeds, untested runs and missing files."""
    sentences = list(_describe_missing_seeds(strategies, "strategies"))
    if untested:
        sentences.append(f"Left out, since not yet tested: {name_first([str(run.folder) for run in untested])}.")
    for file in (CONFIG, CURVES, PROBES, GROUPS, predictions_name("train")):
        if missing := [str(run.folder) for run in tested if not run.has(file)]:
            sentences.append(f"Results that need {file} are left out: it is missing in {name_first(missing)}.")
    return sentences


def _describe_missing_seeds(strategies: Mapping[str, Sequence[Run]], others: str) -> Iterator[str]:
    seeds = {name: {run.seed for run in runs} for name, runs in strategies.items()}
    every = set().union(*seeds.values())
    for name, its_seeds in seeds.items():
        if every - its_seeds:
            yield f"{name} lacks {name_seeds(every - its_seeds)}, which other {others} have."


def describe_table_limits(table: PredictionTable, paired_seeds: bool) -> list[str]:
    """Sentences on what a verdict about this table does not say."""
    sentences = (
        _describe_coverage(table),
        _describe_scatter(table.models, TABLE_WORDS, paired_seeds),
        _describe_pairing(table.models, TABLE_WORDS, paired_seeds),
        "The examples count as a random sample of all those that the verdict is meant for: of a benchmark put together"
        " in another way, it holds for examples put together in that way.",
        _describe_strata(table),
        _describe_table_groups(table),
        "Whether a model saw these examples when it was trained is not known here: one that did looks better than it"
        " is on new ones.",
    )
    return [sentence for sentence in sentences if sentence]


def _describe_coverage(table: PredictionTable) -> str:
    if not table.has_seeds:
        return (
            "Each model counts as it is: the intervals cover new examples, and new answers to them where answers are"
            " sampled, but not what another training or another prompt would change. A column seed puts that into them."
        )
    single = [name for name, runs in table.models.items() if len(runs) == 1]
    but = f", but for {list_names(single)}, with one seed each" if single else ""
    if len(single) == len(table.models):
        return "The intervals cover new examples, but not new seeds: each model has one."
    return (
        "The intervals cover new examples, and whatever made the rows of one model differ from seed to seed: training"
        f" it again, if they are from several trainings, but not if only the sampling of its answers was repeated{but}."
    )


def _describe_strata(table: PredictionTable) -> str:
    if table.units.strata is None:
        return ""
    return (
        "The verdict is about these strata (tasks, classes), in these shares. Where they are a sample of others, give"
        " them as column group instead: then other ones count as new."
    )


def _describe_table_groups(table: PredictionTable) -> str:
    groups = table.units.groups
    if groups is None:
        return (
            "Every example counts as independent of the others: where some belong together (questions on one passage,"
            " frames of one clip, near-duplicates), a column group has to say so; otherwise too many models are called"
            " different."
        )
    number = len(np.unique(groups))
    said = f"Examples of one group count as one: there are {number:,} groups."
    effective = number * find_evenness(groups)
    if effective < ENOUGH_GROUPS:
        said += (
            f" They are worth {int(effective)} of equal size; with fewer than {ENOUGH_GROUPS}, 5 to 8 % of equal models"
            " are called different."
        )
    return said


def describe_table_oddities(table: PredictionTable) -> list[str]:
    """Sentences on seeds that a model lacks, and on examples that were left out."""
    sentences = list(_describe_missing_seeds(table.models, "models"))
    if table.num_lost:
        kept = len(next(iter(table.models.values()))[0].values)
        lost = f"{table.num_lost:,} of {table.num_lost + kept:,} examples"
        sentences.append(f"Left out, since not every model and seed has them: {lost}.")
    return sentences
