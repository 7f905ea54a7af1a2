"""What a comparison found: plain values, from which the table, the files, the figures and the page are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.compare.questions import Question
from cifar_lightning.compare.units import EACH_ALONE, Units, count_units
from cifar_lightning.runs.run import Run


class Verdict(Enum):
    """What is said of a pair; `wording.word_verdict` words it."""

    BETTER = "better"
    SLIGHTLY_BETTER = "better, but within the margin"
    EQUAL = "equal within the margin"
    NO_DIFFERENCE = "no difference"
    TOO_FEW_RUNS = "too few runs"


class ClaimVerdict(Enum):
    """What is said of a claim of the lab text."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Summary:
    """One strategy. A table of predictions tells neither its recalls nor its costs.

    Attributes:
        runs: its S runs in the order of their seeds.
        values: float64 (S, N), the answer to the question per run and image; a run's value is the mean over images.
        sd: the standard deviation over runs of the runs' values; None with one run.
        ci95: the 95 % interval of `mean` for new seeds and new images; with one run, for new images alone.
        units: what the N images count as.
        recall_mean: the mean recall over runs, by class.
        fit_seconds_median: the median seconds of a fit over the runs that know it; None where none does.
        flops_per_image: floating point operations per image, forward and backward.
    """

    name: str
    runs: Sequence[Run]
    values: np.ndarray
    sd: float | None
    ci95: Interval
    units: Units = EACH_ALONE
    recall_mean: dict[str, float | None] = field(default_factory=dict)
    fit_seconds_median: float | None = None
    flops_per_image: int | None = None
    num_parameters: int | None = None

    @property
    def mean(self) -> float:
        """The mean of `values`."""
        return float(self.values.mean())


@dataclass(frozen=True)
class TrainingNoiseOnly:
    """Would another training run on these same test images say so?"""

    ci95: Interval
    p: float


@dataclass(frozen=True)
class Power:
    """What a comparison of this size can see in one pair, with p below 5 % divided by the number of pairs.

    Attributes:
        detectable: the difference that 80 % of such studies find.
        seeds_for_half: how many seeds per strategy halve `detectable` with these images; None if no number does.
        images_for_half: how many images halve it with these seeds; None if no number does.
        missed_below: the difference that half of such studies find: a smaller one would probably be missed.
    """

    detectable: float
    seeds_for_half: int | None
    images_for_half: int | None
    missed_below: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Strategy `a` against `b`, `a` the one with the higher mean.

    Attributes:
        difference: the mean of `a` minus that of `b`.
        ci95: its 95 % interval for new seeds and new images.
        num_differing: on how many images the two differ, each taken as the mean over its runs.
        p: the two-sided p-value of no difference.
        p_adjusted: `p` corrected by closed testing over all pairs of strategies with three seeds or more; None with
            fewer seeds. It decides the verdict.
        p_holm: `p` by Holm's correction, which was used before.
        p_equal: the p-value of a difference of `Question.equal_within` or more, after Holm's correction; None where
            not asked for, or with fewer than three seeds.
        training_noise_only: the other question, same images; None where there are too few seeds to ask it.
        method: "crossed" (seeds by images), "mcnemar" (one seed each, right or wrong) or "images" (t over images, where
            one has a single seed). Only "crossed" covers the noise of the seeds.
        power: None where there is no verdict, or the values do not vary.
        winner: the better strategy, where one is.
    """

    a: str
    b: str
    difference: float
    ci95: Interval
    num_differing: int
    p: float
    p_adjusted: float | None = None
    p_holm: float | None = None
    p_equal: float | None
    training_noise_only: TrainingNoiseOnly | None
    method: str
    power: Power | None
    verdict: Verdict
    winner: str | None = None

    @property
    def differs_by_at_most(self) -> float:
        """The larger end of the interval, whichever of the two strategies is better."""
        return max(-self.ci95[0], self.ci95[1])


@dataclass(frozen=True)
class Claim:
    """One claim of the lab text, and the numbers for or against it."""

    text: str
    verdict: ClaimVerdict
    evidence: str


@dataclass(frozen=True, repr=False)
class Comparison:
    """All that a comparison found; Jupyter shows it by itself, and `print` its answer.

    Attributes:
        question: what was compared.
        strategies: the strategies, best first.
        pairs: each pair once, ordered as `strategies`.
        classes: the class names; none of a table of predictions.
        protocol: that of the runs, `holdout` or `lab`; None of a table.
        epochs: the number of epochs of the runs; None of a table.
        still_improving: the strategies whose training had not finished, see `summaries.is_unfinished`.
        does_not_say: sentences on what the verdicts leave out.
        notes: sentences on anything odd about the runs: missing seeds, mixed runs, missing files.
        paths: the paths that were given; none where a table was given in Python.
        claims: those claims of the lab text that these runs can be asked about.
        mixed: whether the runs would be refused without `--allow_mixed`.
        num_left_out: how many test images `without_duplicates` left out; None if not asked for.
        table_options: the options of the command line that say how to read a table.
    """

    question: Question
    strategies: Sequence[Summary]
    pairs: Sequence[Pair]
    does_not_say: Sequence[str]
    notes: Sequence[str]
    paths: Sequence[Path]
    classes: Sequence[str] = ()
    protocol: str | None = None
    epochs: int | None = None
    still_improving: Sequence[str] = ()
    claims: Sequence[Claim] = ()
    mixed: bool = False
    num_left_out: int | None = None
    table_options: Sequence[str] = ()

    @property
    def num_images(self) -> int:
        """The number of test images that the question is about."""
        return int(self.strategies[0].values.shape[1])

    @property
    def has_costs(self) -> bool:
        """Whether it is known what the nets cost."""
        return any(summary.flops_per_image is not None for summary in self.strategies)

    @property
    def num_groups(self) -> int:
        """The number of units among these images: near-duplicates of one another count as one."""
        return count_units(self.num_images, self.strategies[0].units.groups)

    @property
    def num_judged(self) -> int:
        """The number of pairs that have a verdict, for which their p-values are corrected."""
        return sum(pair.p_adjusted is not None for pair in self.pairs)

    @property
    def answer(self) -> str:
        """The headline, without numbers; it warns where training had not finished."""
        from cifar_lightning.compare.answer import describe_answer

        return describe_answer(self)

    @property
    def numbers(self) -> str:
        """The numbers to the headline, in one sentence."""
        from cifar_lightning.compare.answer import describe_numbers

        return describe_numbers(self)

    @property
    def sensitivity(self) -> str:
        """A sentence on the differences that so many runs and images can see; empty where that is unknown."""
        from cifar_lightning.compare.answer import describe_sensitivity

        return describe_sensitivity(self)

    def write(self, folder: str | Path, images: bool = True) -> None:
        """Writes comparison.json, comparison.csv, the figures and comparison.html into `folder`.

        `images`: whether test images may be on the page.
        """
        # Half a second to import: whoever prints the table first sees it at once.
        from cifar_lightning.compare.figures import FIGURES, write_figures
        from cifar_lightning.compare.files import write_files
        from cifar_lightning.compare.page import write_page

        write_files(Path(folder), self)
        charts = write_figures(self, Path(folder) / FIGURES)
        write_page(self, Path(folder), charts, with_images=images)

    def __str__(self) -> str:
        return f"{self.answer}\n{self.numbers}"

    # In a plain prompt, too.
    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cifar_lightning.compare.page import render_summary

        return render_summary(self)
