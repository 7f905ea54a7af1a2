"""What a comparison found: plain values, from which the table, the files, the figures and the page are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.runs.run import Run


@dataclass(frozen=True)
class Summary:
    """One strategy.

    Attributes:
        name: of the strategy.
        runs: its runs in the order of their seeds, S of them.
        values: float64 (S, N), what the question asks of each run and picture; the mean over pictures is the run's
            value.
        mean: of `values`.
        sd: standard deviation over runs of the runs' values; None with one run.
        ci95: 95 % interval of `mean` for new seeds and new pictures; of new pictures alone with one run.
        recall_mean: by class, mean over runs of its recall.
        fit_seconds_median: seconds of a fit, median of the runs that know it; None where none does.
        flops_per_image: forward and backward.
        num_parameters: of the net.
    """

    name: str
    runs: Sequence[Run]
    values: np.ndarray
    mean: float
    sd: float | None
    ci95: Interval
    recall_mean: dict[str, float | None]
    fit_seconds_median: float | None
    flops_per_image: int
    num_parameters: int


@dataclass(frozen=True)
class TrainingNoiseOnly:
    """Would another training run on these same test pictures say so? None where there are too few seeds to ask."""

    ci95: Interval
    p: float


@dataclass(frozen=True)
class Power:
    """What a comparison of this size can see: of a pair that is the only one to differ, whose p is held to 5 % divided
    by the number of pairs (two-sided; what Holm's correction asks of the first).

    Attributes:
        detectable: difference found in 80 % of such studies.
        seeds_for_half: seeds a strategy that would bring `detectable` to half with these pictures; None if no number
            does.
        pictures_for_half: pictures that would with these seeds; None if no number does.
        missed_below: difference found in half of such studies: a smaller one would probably be missed.
    """

    detectable: float
    seeds_for_half: int | None
    pictures_for_half: int | None
    missed_below: float


@dataclass(frozen=True)
class Pair:
    """Strategy `a` against `b`, `a` the one with the higher mean.

    Attributes:
        difference: of the means, `a` minus `b`.
        ci95: 95 % interval of it for new seeds and new pictures.
        p: two-sided, of no difference.
        p_holm: `p` after Holm's correction for all pairs of the comparison.
        training_noise_only: the other question, same pictures.
        method: "crossed" (seeds by pictures), "mcnemar" (one seed each, right or wrong) or "pictures" (one seed on one
            side, or one each and other values: t over pictures). Only "crossed" has seed noise in it.
        power: with "crossed", unless the nets' values show no noise at all; None otherwise.
        verdict: "<a> is better", "<b> is better" (where lower is better), "no difference shown" or
            "too few runs to say".
    """

    a: str
    b: str
    difference: float
    ci95: Interval
    p: float
    p_holm: float
    training_noise_only: TrainingNoiseOnly | None
    method: str
    power: Power | None
    verdict: str


@dataclass(frozen=True)
class Claim:
    """One claim of the lab text: `verdict` is "carried", "contradicted" or "not shown"; `evidence` has the numbers."""

    text: str
    verdict: str
    evidence: str


@dataclass(frozen=True)
class Comparison:
    """All of it.

    Attributes:
        question: as asked: `accuracy`, `recall:apple`, `noise:16`, ...
        label: the same in words, `test accuracy`.
        unit: "points" (shares, shown as 100 times the value) or "" (loss).
        higher_is_better: False for loss and gap.
        answer: the headline in one sentence.
        classes, protocol, epochs: of the runs.
        strategies: best first.
        pairs: each once, ordered as `strategies`.
        claims: of the lab; without those whose strategies are missing, or whose files are in no run.
        does_not_say: sentences on what the verdict leaves out.
        sensitivity: a sentence on the differences that so many runs and pictures can see; empty where power is unknown.
        notes: sentences on what was found odd while reading: missing seeds, mixed runs, scores that disagree.
        mixed: whether runs were compared that would be refused without `--allow_mixed`.
        paths: that were given.
    """

    question: str
    label: str
    unit: str
    higher_is_better: bool
    answer: str
    classes: Sequence[str]
    protocol: str
    epochs: int
    strategies: Sequence[Summary]
    pairs: Sequence[Pair]
    claims: Sequence[Claim]
    does_not_say: Sequence[str]
    notes: Sequence[str]
    mixed: bool
    paths: Sequence[Path]
    sensitivity: str = ""
