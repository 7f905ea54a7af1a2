"""The answer of a comparison in one sentence, and what a study of its size can see."""

from collections.abc import Sequence

from cifar_lightning.compare.comparison import Comparison, Pair, Power
from cifar_lightning.compare.pairs import MIN_SEEDS, NO_DIFFERENCE, TOO_FEW
from cifar_lightning.compare.wording import Scale, capitalise, count_runs, list_names, scale_of, write_p

_NOTHING, _FEW = "no difference between ", "too few runs to say "
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def describe_answer(comparison: Comparison) -> str:
    """The headline: which strategies are ahead, by how much, how surely, and seen with how much."""
    best, *others = [summary.name for summary in comparison.strategies]
    verdicts = {name: _find(comparison.pairs, best, name).verdict for name in others}
    beaten = [name for name in others if verdicts[name] == f"{best} is better"]
    shown = [pair for pair in comparison.pairs if pair.verdict not in (NO_DIFFERENCE, TOO_FEW)]
    if len(beaten) == len(others):
        said = _describe_winner(comparison, best, beaten)
    elif beaten:
        margin = _describe_margin(comparison, best, beaten[0], " of it" if len(beaten) == 1 else f" of {beaten[0]}")
        said = f"{best} is better than {list_names(beaten)}, {margin}, but {_describe_rest(verdicts)}"
    elif shown:
        said = list_names([_describe_verdict(comparison, pair) for pair in shown])
        lead = _describe_lead(comparison, best, others[0], f" of {others[0]}")
        said += f"; {best}, which comes first, {lead}, but {_describe_rest(verdicts)}"
    elif TOO_FEW in verdicts.values():
        said = _describe_too_few(comparison)
    else:
        said = _describe_nothing(comparison)
    asked = "" if comparison.question == "accuracy" else f"by {comparison.label}, "
    said = f"{asked}{said}, with {count_runs(comparison.strategies)} and {_num_pictures(comparison)} pictures."
    # A strategy's name stays as it is.
    return capitalise(said) if said.startswith((asked or _NOTHING, _NOTHING, _FEW)) else said


def _describe_winner(comparison: Comparison, best: str, beaten: Sequence[str]) -> str:
    if len(beaten) == 1:
        return f"{best} is better than {beaten[0]}: {_describe_margin(comparison, best, beaten[0])}"
    margin = _describe_margin(comparison, best, beaten[0], f" of {beaten[0]}, the next,")
    return f"{best} is better than the other {_number(len(beaten))}: {margin}"


def _describe_rest(verdicts: dict[str, str]) -> str:
    """What is not shown of the first strategy, from its verdicts by the other's name."""
    equal = [name for name, verdict in verdicts.items() if verdict == NO_DIFFERENCE]
    few = [name for name, verdict in verdicts.items() if verdict == TOO_FEW]
    parts = [f"no difference from {list_names(equal)} is shown"] if equal else []
    parts += [f"there are too few runs to say so of {list_names(few)}"] if few else []
    return " and ".join(parts)


def _describe_verdict(comparison: Comparison, pair: Pair) -> str:
    better, worse = (pair.a, pair.b) if pair.verdict == f"{pair.a} is better" else (pair.b, pair.a)
    return f"{better} is better than {worse}, {_describe_margin(comparison, better, worse)}"


def _describe_nothing(comparison: Comparison) -> str:
    best, *others = [summary.name for summary in comparison.strategies]
    last = others[-1]
    if len(others) == 1:
        return f"{_NOTHING}{best} and {last} is shown: {best} {_describe_lead(comparison, best, last)}"
    lead = _describe_lead(comparison, best, last, f" of the last, {last},")
    pair = _find(comparison.pairs, best, last)
    if pair.ci95[0] > 0 or pair.ci95[1] < 0:
        # The interval is the pair's own, the verdict that of all pairs together.
        lead += f", not enough among {len(comparison.pairs)} pairs (Holm's p {write_p(pair.p_holm)})"
    return f"{_NOTHING}the {_number(len(others) + 1)} strategies is shown: the first, {best}, {lead}"


def _describe_too_few(comparison: Comparison) -> str:
    best, second, *others = comparison.strategies
    lead = _describe_lead(comparison, best.name, second.name, f" of {second.name}" if others else "")
    said = f"{_FEW}which is better, at least {MIN_SEEDS} seeds a strategy are needed: {best.name} {lead}"
    if min(len(best.runs), len(second.runs)) == 1:
        said = said.removesuffix(")") + ", seed noise left out)"
    return said


def _describe_lead(comparison: Comparison, first: str, second: str, whom: str = "") -> str:
    """`is ahead by 3.4 points (95 % interval 1.0 to 5.8)` of the strategy `first`; of equals, that they are."""
    pair = _find(comparison.pairs, first, second)
    # Below is the error of the arithmetic.
    if abs(pair.difference) < 1e-12:
        interval = scale_of(comparison).difference_interval(pair.ci95)
        return f"has the same mean as {second} (95 % interval of the difference {interval})"
    return f"is {_describe_margin(comparison, first, second, whom)}"


def _describe_margin(comparison: Comparison, first: str, second: str, whom: str = "") -> str:
    """`ahead of avgpool by 3.4 points (95 % interval 1.0 to 5.8)`, counted so that ahead is above 0."""
    pair, scale = _find(comparison.pairs, first, second), scale_of(comparison)
    sign = (1 if comparison.higher_is_better else -1) * (1 if pair.a == first else -1)
    low, high = sorted(sign * bound for bound in pair.ci95)
    margin = f"{scale.number(sign * pair.difference)}{scale.difference_unit}"
    return f"ahead{whom} by {margin} (95 % interval {scale.number(low)} to {scale.number(high)})"


def describe_sensitivity(comparison: Comparison) -> str:
    """What a study of this size would probably miss, what it would find, and what would find half of that.

    Over all pairs, each with its own components of variance; empty where none is known.
    """
    powers = [pair.power for pair in comparison.pairs if pair.power is not None]
    if not powers:
        return ""
    seen = {name for pair in comparison.pairs if pair.power is not None for name in (pair.a, pair.b)}
    strategies = [summary for summary in comparison.strategies if summary.name in seen]
    scale = scale_of(comparison)
    return (
        f"With {count_runs(strategies)} x {_num_pictures(comparison)} pictures a difference below"
        f" {_range([power.missed_below for power in powers], scale)} would probably be missed, and one of"
        f" {_range([power.detectable for power in powers], scale)} be found in 80 % of such studies."
        f" To find half of that, {_describe_half(powers)}."
    )


def _range(values: Sequence[float], scale: Scale) -> str:
    low, high = scale.number(min(values)), scale.number(max(values))
    return low + scale.difference_unit if low == high else f"{low} to {high}{scale.difference_unit} (by pair)"


def _describe_half(powers: Sequence[Power]) -> str:
    """Seeds, or pictures, that are enough for every pair."""
    seeds, pictures = [power.seeds_for_half for power in powers], [power.pictures_for_half for power in powers]
    enough = [
        f"{max(number for number in numbers if number is not None):,} {what}"
        for numbers, what in ((seeds, "seeds a strategy"), (pictures, "pictures"))
        if None not in numbers
    ]
    lacking = [what for numbers, what in ((seeds, "seeds"), (pictures, "pictures")) if None in numbers]
    # Where it is enough for some of them.
    everywhere = " for every pair" if any(set(numbers) > {None} for numbers in (seeds, pictures)) else ""
    alone = f"no number of {' or of '.join(lacking)} alone is enough{everywhere}" if lacking else ""
    return ", and ".join(filter(None, [f"{' or '.join(enough)} are needed" if enough else "", alone]))


def _find(pairs: Sequence[Pair], first: str, second: str) -> Pair:
    return next(pair for pair in pairs if {pair.a, pair.b} == {first, second})


def _num_pictures(comparison: Comparison) -> int:
    return int(comparison.strategies[0].values.shape[1])


def _number(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
