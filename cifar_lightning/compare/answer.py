"""The answer of a comparison in one sentence, and what a study of its size can see."""

from collections.abc import Mapping, Sequence

from cifar_lightning.compare.comparison import Comparison, Pair, Verdict
from cifar_lightning.compare.pairs import MIN_SEEDS
from cifar_lightning.compare.scale import Scale
from cifar_lightning.compare.wording import capitalise, count_runs, list_names, write_p


def describe_answer(comparison: Comparison) -> str:
    """The headline: which strategies are ahead, by how much, how surely, and seen with how much."""
    best, *others = [summary.name for summary in comparison.strategies]
    verdicts = {name: comparison.find_pair(best, name).verdict for name in others}
    beaten = [name for name in others if comparison.find_pair(best, name).winner == best]
    shown = [pair for pair in comparison.pairs if pair.winner is not None]
    # A sentence that begins with a strategy's name keeps it as it is.
    starts_with_name = True
    if len(beaten) == len(others):
        said = _describe_winner(comparison, best, beaten)
    elif beaten:
        margin = _describe_margin(comparison, best, beaten[0], " of it" if len(beaten) == 1 else f" of {beaten[0]}")
        said = f"{best} is better than {list_names(beaten)}, {margin}, but {_describe_rest(verdicts)}"
    elif shown:
        said = list_names([_describe_better(comparison, pair) for pair in shown])
        lead = _describe_lead(comparison, best, others[0], f" of {others[0]}")
        said += f"; {best}, which comes first, {lead}, but {_describe_rest(verdicts)}"
    else:
        starts_with_name = False
        few = Verdict.TOO_FEW_RUNS in verdicts.values()
        said = _describe_too_few(comparison) if few else _describe_nothing(comparison)
    said += f", with {count_runs(comparison.strategies)} and {comparison.num_images} images."
    if comparison.question.text != "accuracy":
        return f"By {comparison.question.label}, {said}"
    return said if starts_with_name else capitalise(said)


def _describe_winner(comparison: Comparison, best: str, beaten: Sequence[str]) -> str:
    if len(beaten) == 1:
        return f"{best} is better than {beaten[0]}: {_describe_margin(comparison, best, beaten[0])}"
    margin = _describe_margin(comparison, best, beaten[0], f" of {beaten[0]}, the next,")
    return f"{best} is better than {list_names(beaten)}: {margin}"


def _describe_rest(verdicts: Mapping[str, Verdict]) -> str:
    """What is not shown about the first strategy, from its verdicts by the other's name."""
    equal = [name for name, verdict in verdicts.items() if verdict is Verdict.NO_DIFFERENCE]
    few = [name for name, verdict in verdicts.items() if verdict is Verdict.TOO_FEW_RUNS]
    parts = [f"no difference from {list_names(equal)} is shown"] if equal else []
    parts += [f"there are too few runs to say so of {list_names(few)}"] if few else []
    return " and ".join(parts)


def _describe_better(comparison: Comparison, pair: Pair) -> str:
    better, worse = (pair.a, pair.b) if pair.winner == pair.a else (pair.b, pair.a)
    return f"{better} is better than {worse}, {_describe_margin(comparison, better, worse)}"


def _describe_nothing(comparison: Comparison) -> str:
    best, *others = [summary.name for summary in comparison.strategies]
    last = others[-1]
    if len(others) == 1:
        return f"no difference between {best} and {last} is shown: {best} {_describe_lead(comparison, best, last)}"
    lead = _describe_lead(comparison, best, last, f" of the last, {last},")
    pair = comparison.find_pair(best, last)
    if pair.ci95[0] > 0 or pair.ci95[1] < 0:
        # The interval is the pair's own, the verdict that of all pairs together.
        lead += f", not enough among {len(comparison.pairs)} pairs (Holm's p {write_p(pair.p_holm)})"
    return f"no difference between the {len(others) + 1} strategies is shown: the first, {best}, {lead}"


def _describe_too_few(comparison: Comparison) -> str:
    best, second, *others = comparison.strategies
    note = ", seed noise left out" if min(len(best.runs), len(second.runs)) == 1 else ""
    lead = _describe_lead(comparison, best.name, second.name, f" of {second.name}" if others else "", note)
    return (
        f"too few runs to say which is better, at least {MIN_SEEDS} seeds per strategy are needed: {best.name} {lead}"
    )


def _describe_lead(comparison: Comparison, first: str, second: str, whom: str = "", note: str = "") -> str:
    """How far the strategy `first` is ahead, `is ahead by 3.4 points (95 % interval 1.0 to 5.8)`, or that it is not."""
    pair = comparison.find_pair(first, second)
    # Anything smaller is rounding error.
    if abs(pair.difference) < 1e-12:
        interval = comparison.question.scale.difference_interval(pair.ci95)
        return f"has the same mean as {second} (95 % interval of the difference {interval}{note})"
    return f"is {_describe_margin(comparison, first, second, whom, note)}"


def _describe_margin(comparison: Comparison, first: str, second: str, whom: str = "", note: str = "") -> str:
    """`ahead of avgpool by 3.4 points (95 % interval 1.0 to 5.8)`, counted so that ahead is above 0."""
    pair, scale = comparison.find_pair(first, second), comparison.question.scale
    sign = (1 if comparison.question.higher_is_better else -1) * (1 if pair.a == first else -1)
    low, high = sorted(sign * bound for bound in pair.ci95)
    margin = f"{scale.number(sign * pair.difference)}{scale.difference_unit}"
    return f"ahead{whom} by {margin} (95 % interval {scale.number(low)} to {scale.number(high)}{note})"


def describe_sensitivity(comparison: Comparison) -> str:
    """What a study of this size would probably miss, and what it would find.

    Over all pairs, each with its own components of variance; empty where none is known.
    """
    powers = [pair.power for pair in comparison.pairs if pair.power is not None]
    if not powers:
        return ""
    seen = {name for pair in comparison.pairs if pair.power is not None for name in (pair.a, pair.b)}
    strategies = [summary for summary in comparison.strategies if summary.name in seen]
    scale = comparison.question.scale
    return (
        f"With {count_runs(strategies)} x {comparison.num_images} images a difference below"
        f" {_range([power.missed_below for power in powers], scale)} would probably be missed, and one of"
        f" {_range([power.detectable for power in powers], scale)} would be found in 80 % of such studies."
    )


def _range(values: Sequence[float], scale: Scale) -> str:
    low, high = scale.number(min(values)), scale.number(max(values))
    return low + scale.difference_unit if low == high else f"{low} to {high}{scale.difference_unit} (by pair)"
