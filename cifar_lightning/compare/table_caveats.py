"""What a verdict about a table of predictions leaves out, and what was odd about the table."""

from collections.abc import Iterator

import numpy as np

from cifar_lightning.compare.caveats import describe_scatter
from cifar_lightning.compare.grouping import name_seeds
from cifar_lightning.compare.prediction_table import PredictionTable


def describe_table_limits(table: PredictionTable) -> list[str]:
    """Sentences on what a verdict about this table does not say."""
    covered = (
        "The intervals cover new examples, and whatever made the rows of one model differ from seed to seed: training"
        " it again, if they are from several trainings, but not if only the sampling of its answers was repeated."
        if table.has_seeds
        else "Each model counts as it is: the intervals cover new examples, and new answers to them where answers are"
        " sampled, but not what another training or another prompt would change. A column seed puts that into them."
    )
    sentences = (
        covered,
        describe_scatter(table.models) if table.has_seeds else "",
        "The examples count as a random sample of all those that the verdict is meant for: of a benchmark put together"
        " in another way, it holds for examples put together in that way.",
        _describe_groups(table),
        "Whether a model saw these examples when it was trained is not known here: one that did looks better than it"
        " is on new ones.",
    )
    return [sentence for sentence in sentences if sentence]


def _describe_groups(table: PredictionTable) -> str:
    if table.groups is None:
        return (
            "Every example counts as independent of the others: where some belong together (questions on one passage,"
            " frames of one clip, near-duplicates), a column group has to say so, or too much is called different."
        )
    return f"Examples of one group count as one: there are {len(np.unique(table.groups)):,} groups."


def describe_table_oddities(table: PredictionTable) -> Iterator[str]:
    """Sentences on seeds that a model lacks, and on examples that were left out."""
    seeds = {name: {run.seed for run in runs} for name, runs in table.models.items()}
    every = set().union(*seeds.values())
    for name, its_seeds in seeds.items():
        if every - its_seeds:
            yield f"{name} lacks {name_seeds(every - its_seeds)}, which other models have."
    if table.num_lost:
        kept = len(next(iter(table.models.values()))[0].values)
        lost = f"{table.num_lost:,} of {table.num_lost + kept:,} examples"
        yield f"Left out, since not every model and seed has them: {lost}."
