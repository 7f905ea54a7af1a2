"""Words that the terminal, the figures and the page share."""

import re
from collections.abc import Sequence
from itertools import combinations

from cifar_lightning.compare.comparison import Comparison, Pair, Summary, Verdict
from cifar_lightning.compare.questions import Question
from cifar_lightning.printing import count
from cifar_lightning.runs.run import Run

# Nobody reads more numbers than these in one sentence.
MOST_NAMED = 6

NO_DIFFERENCE, TOO_FEW = "no difference shown", "too few runs to say"


def word_verdict(pair: Pair, question: Question) -> str:
    """The verdict of a pair as everybody sees it, `maxpool is better`."""
    if pair.verdict is Verdict.EQUAL:
        return f"equal within {question.margin}"
    if pair.verdict is Verdict.SLIGHTLY_BETTER:
        return f"{pair.winner} {question.verdict}, but by less than {question.margin}"
    words = {Verdict.NO_DIFFERENCE: NO_DIFFERENCE, Verdict.TOO_FEW_RUNS: TOO_FEW}
    return words.get(pair.verdict, f"{pair.winner} {question.verdict}")


def write_p(p: float | None) -> str:
    """A p-value with two digits, or as many as show on which side of 0.05 it is; without one, a dash."""
    if p is None:
        return "\N{EN DASH}"
    if p < 0.0001:
        return "< 0.0001"
    if p > 0.99:
        return "> 0.99"
    texts = (f"{p:.{digits}g}" for digits in range(2, 18))
    return next(text for text in texts if float(text) != 0.05 or p == 0.05)


def keep_together(text: str) -> str:
    """The text for a page: no line ends between a number and its unit, within an interval or our own name."""
    # Commands, which begin with the name too, keep the hyphen that they are typed with.
    text = re.sub(r"cifar-lightning(?= \d)", "cifar\N{NON-BREAKING HYPHEN}lightning", text)
    text = re.sub(r"(?<=\d) (to) (?=[+\N{MINUS SIGN}]?\d)", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text)
    text = re.sub(r"(?<=\d) (?=%|points|pixels|images|examples|seeds?\b|grey|MFLOP|s\b)", "\N{NO-BREAK SPACE}", text)
    text = text.replace("% interval", "%\N{NO-BREAK SPACE}interval")
    return re.sub(r"(?<=\bp) (?=\d|[<>])|(?<=[<>]) (?=\d)", "\N{NO-BREAK SPACE}", text)


def describe_units(comparison: Comparison) -> str:
    """What qualifies the number of images: ` (294 groups that count as one each)`; mostly nothing."""
    said = []
    if comparison.num_groups < comparison.num_images:
        said.append(f"{count(comparison.num_groups, 'group')} that count as one each")
    if comparison.num_left_out is not None:
        said.append(f"{comparison.num_left_out} with a near-duplicate among the training images left out")
    return f" ({'; '.join(said)})" if said else ""


def capitalise(text: str) -> str:
    """The text with a capital first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]


def count_runs(strategies: Sequence[Summary]) -> str:
    """The number of runs: `10 seeds`, or `3 to 10 seeds` where the strategies differ."""
    return _count_range([len(summary.runs) for summary in strategies], "seed")


def _count_range(numbers: Sequence[int], noun: str) -> str:
    few, most = min(numbers), max(numbers)
    return count(most, noun) if few == most else f"{few} to {most} {noun}s"


def count_shared_seeds(strategies: Sequence[Sequence[Run]]) -> list[int]:
    """How many seeds every two of the strategies have in common, given the runs of each."""
    seeds = [{run.seed for run in runs} for runs in strategies]
    return [len(first & second) for first, second in combinations(seeds, 2)]


def count_data(comparison: Comparison) -> list[str]:
    """What the comparison rests on: `10 seeds` and `300 images`."""
    question = comparison.question
    seeds = [count_runs(comparison.strategies)] if question.scope == "strategies" else []
    if question.paired_seeds:
        shared = count_shared_seeds([each.runs for each in comparison.strategies])
        seeds = [_count_range(shared, "paired seed")]
    return [*seeds, count(comparison.num_images, question.words.image)]


def has_several_runs(strategies: Sequence[Summary]) -> bool:
    return any(len(summary.runs) > 1 for summary in strategies)


def mark_of(strategies: Sequence[Summary], question: Question) -> str:
    if question.scope == "models":
        return f"mean over {question.words.images}"
    return "mean over seeds" if has_several_runs(strategies) else "the one run"


def interval_of(strategies: Sequence[Summary], question: Question) -> str:
    methods = ["crossed" if len(summary.runs) > 1 else "images" for summary in strategies]
    return f"95 % interval for {covered_by(methods, question)}"


def read_marks(strategies: Sequence[Summary], question: Question) -> str:
    return f"Mark: {mark_of(strategies, question)}. Line: {interval_of(strategies, question)}."


def covered_by(methods: Sequence[str], question: Question) -> str:
    """What the intervals cover that these methods (see `Pair.method`) gave."""
    images = question.words.images
    if question.scope == "models":
        return f"new {images}"
    if set(methods) == {"crossed"}:
        return f"new seeds and {images}"
    if "crossed" in methods:
        return f"new seeds and {images}, with one seed new {images} alone"
    return f"new {images} alone, not new seeds"


def in_unit(unit: str) -> str:
    """The end of a label that names the unit."""
    return f",{unit}" if unit else ""


def list_names(names: Sequence[str]) -> str:
    """The names as `a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def name_first(names: Sequence[str], most: int = 3) -> str:
    """The first `most` names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def name_some(named: Sequence[str], separator: str = ", ") -> str:
    """All names if they are few, otherwise the first and the last."""
    if len(named) <= MOST_NAMED:
        return separator.join(named)
    return f"{named[0]}{separator}...{separator}{named[-1]}"
