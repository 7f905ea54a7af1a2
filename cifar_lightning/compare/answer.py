"""The answer of a comparison: a headline without numbers, the numbers to it, and what such a study can see."""

from collections.abc import Iterator, Sequence
from math import comb

from cifar_lightning.compare.analysis import ROUNDING
from cifar_lightning.compare.comparison import Comparison, Pair, Power, Summary, Verdict
from cifar_lightning.compare.pairs import ENOUGH_SEEDS, MIN_SEEDS, SEEN_ALARMS, UNEQUAL, round_up
from cifar_lightning.compare.questions import Question, Scale, Words, learnt_all
from cifar_lightning.compare.wording import (
    MOST_NAMED,
    capitalise,
    count_data,
    count_runs,
    describe_units,
    list_names,
    name_first,
    write_p,
)
from cifar_lightning.printing import count

# With fewer images that differ, an interval says little about how much they do.
_FEW_DIFFERING = 10


def describe_answer(comparison: Comparison) -> str:
    """The headline: which strategies are ahead, and which were still improving when training ended."""
    question, unfinished = comparison.question, comparison.still_improving
    said = f"{_describe_verdicts(comparison)}."
    openings = ["of these very models"] if question.scope == "models" else []
    openings += [f"by {question.label}"] if question.text != "accuracy" else []
    if openings:
        said = capitalise(", ".join([*openings, said]))
    elif not said.startswith(tuple(f"{summary.name}{end}" for summary in comparison.strategies for end in " ,")):
        # A strategy's name is kept as it is.
        said = capitalise(said)
    if unfinished:
        nets = _name(unfinished, question.words) if len(unfinished) < len(comparison.strategies) else "all nets"
        were = "was" if len(unfinished) == 1 else "were"
        said += (
            f" But training had not finished: {nets} {were} still improving on the training images at the last epoch."
        )
    return said


def _describe_verdicts(comparison: Comparison) -> str:
    question, strategies = comparison.question, comparison.strategies
    best = strategies[0].name
    shown = _find_shown(comparison)
    # By winner, and whether by less than the margin.
    beaten: dict[tuple[str, bool], list[str]] = {}
    for pair in shown:
        winner = pair.winner or ""
        beaten.setdefault((winner, pair.verdict is Verdict.SLIGHTLY_BETTER), []).append(_name_other(pair, winner))
    named = {name for pair in shown for name in (pair.a, pair.b)}
    open_pairs = [pair for pair in _pairs_of(comparison, best) if pair.verdict is Verdict.NO_DIFFERENCE]
    open_to_best = [_name_other(pair, best) for pair in open_pairs if {pair.a, pair.b} <= named]
    equal = [
        pair
        for pair in comparison.pairs
        if pair.verdict is Verdict.EQUAL and (best in (pair.a, pair.b) or not {pair.a, pair.b} <= named)
    ]
    named |= {name for pair in equal for name in (pair.a, pair.b)}
    left = [summary for summary in strategies if summary.name not in named]
    undecided = [summary.name for summary in left if len(summary.runs) >= question.min_seeds]
    few = [summary.name for summary in left if len(summary.runs) < question.min_seeds]
    if not named and len(undecided) < 2:
        return f"too few runs to say which {question.verdict}"
    parts = [
        f"{winner} {question.beats} {_name(names, question.words)}"
        + (f", but by less than {question.margin}" if slightly else "")
        for (winner, slightly), names in sorted(beaten.items(), key=lambda entry: (entry[0][0] != best, entry[0][1]))
    ]
    if len(parts) > MOST_NAMED:
        parts[MOST_NAMED:] = [f"{len(parts) - MOST_NAMED} more are ahead of others"]
    if equal:
        parts.append(_describe_equal(equal, question))
    if open_to_best:
        parts.append(f"{best} against {_name(open_to_best, question.words)} undecided")
    if undecided:
        parts.append(
            f"{_name(undecided, question.words)} undecided"
            if named
            else f"no difference shown between {_name(undecided, question.words)}"
        )
    if few:
        parts.append(f"too few runs of {_name(few, question.words)}")
    return "; ".join(parts)


def _find_shown(comparison: Comparison) -> list[Pair]:
    """The pairs in which one is better: if the first strategy leaves none open, its own alone."""
    of_best = _pairs_of(comparison, comparison.strategies[0].name)
    is_open = any(pair.verdict is Verdict.NO_DIFFERENCE for pair in of_best)
    pairs = comparison.pairs if is_open or not any(pair.winner for pair in of_best) else of_best
    return [pair for pair in pairs if pair.winner]


def _pairs_of(comparison: Comparison, name: str) -> list[Pair]:
    return [pair for pair in comparison.pairs if name in (pair.a, pair.b)]


def _name_other(pair: Pair, name: str) -> str:
    return pair.b if name == pair.a else pair.a


def _describe_equal(pairs: Sequence[Pair], question: Question) -> str:
    """`a, b and c are equal within 2 points`; where only some of their pairs are, pair by pair."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    if len(pairs) == comb(len(names), 2):
        return f"{_name(names, question.words)} are equal within {question.margin}"
    if len(pairs) > MOST_NAMED:
        return f"{len(pairs)} pairs are equal within {question.margin}"
    return f"equal within {question.margin} are " + ", ".join(f"{pair.a} and {pair.b}" for pair in pairs)


def _name(names: Sequence[str], words: Words) -> str:
    """The names, or how many they are."""
    return list_names(names) if len(names) <= MOST_NAMED else f"{len(names)} {words.strategies}"


def describe_numbers(comparison: Comparison) -> str:
    """The numbers to the headline: how far the first strategy is ahead of the others, with 95 % intervals.

    Where others beat some too, their leads as well; those alone where the first beats none.
    """
    best = comparison.strategies[0].name
    of_best, shown = _pairs_of(comparison, best), _find_shown(comparison)
    if shown and not any(pair.winner for pair in of_best):
        of_best = []
    pairs = of_best + [pair for pair in shown if pair not in of_best]
    leads: dict[str, list[str]] = {}
    for place, pair in enumerate(pairs[:MOST_NAMED]):
        leader = pair.winner or best
        lead = _describe_lead(comparison, pair, leader, "" if place else "95 % interval ")
        leads.setdefault(leader, []).append(lead)
    said = "; ".join(f"{leader} is {list_names(margins)}" for leader, margins in leads.items())
    few = min(len(summary.runs) for summary in comparison.strategies) < comparison.question.min_seeds
    needed = f" At least {MIN_SEEDS} seeds per {comparison.question.words.strategy} are needed." if few else ""
    return " ".join(
        [
            f"With {list_names(count_data(comparison))}{describe_units(comparison)}, {said}.{needed}",
            *_describe_cautions(comparison),
        ]
    )


def _describe_cautions(comparison: Comparison) -> Iterator[str]:
    """Sentences on pairs for which interval and verdict hold less firmly, or say less."""
    if comparison.question.text == "gap" and learnt_all(run for each in comparison.strategies for run in each.runs):
        yield "Every training accuracy is 100 %, so the gap says no more than the test accuracy."
    judged = [pair for pair in comparison.pairs if pair.verdict is not Verdict.TOO_FEW_RUNS]
    few = [pair for pair in judged if pair.num_differing < _FEW_DIFFERING]
    if few:
        named = name_first([f"{pair.a} and {pair.b} on {pair.num_differing or 'none'}" for pair in few])
        words, num_units = comparison.question.words, comparison.num_groups
        groups = f"groups of {words.images}" if num_units < comparison.num_images else words.images
        yield (
            f"Few of the {num_units} {groups} tell {words.nets} apart ({named}), so they say little about other"
            f" {words.images}."
        )
    if not comparison.question.paired_seeds:
        yield from _describe_unequal_scatter(comparison.strategies, comparison.question.words)


def _describe_unequal_scatter(strategies: Sequence[Summary], words: Words) -> Iterator[str]:
    """A sentence on strategies that scatter at least three times as much as the calmest (docs/calibration.md)."""
    spreads = {each.name: each.sd for each in strategies if len(each.runs) >= MIN_SEEDS and each.sd}
    calm = min(spreads, key=spreads.__getitem__, default="")
    ratios = {name: ratio for name in spreads if (ratio := spreads[name] / spreads[calm]) >= UNEQUAL}
    if ratios:
        ends = (
            f"{ratio:.1f}" if ratio < 10 else "more than 10" for ratio in (min(ratios.values()), max(ratios.values()))
        )
        times = " to ".join(dict.fromkeys(ends))
        scatter, its = ("scatter", "their") if len(ratios) > 1 else ("scatters", "its")
        is_rough = any(len(each.runs) < ENOUGH_SEEDS for each in strategies if each.name in ratios)
        rough = f"; with so few seeds, {its} scatter is a rough estimate" if is_rough else ""
        yield (
            f"{_name(list(ratios), words)} {scatter} {times} times as much over seeds as {calm}, so false alarms may"
            f" reach {SEEN_ALARMS} %, mostly in {its} favour{rough}."
        )


def _describe_lead(comparison: Comparison, pair: Pair, leader: str, what: str) -> str:
    """`ahead of avgpool by 3.4 points (95 % interval 1.0 to 5.8)`: `what` names the interval."""
    question, scale = comparison.question, comparison.question.scale
    other = _name_other(pair, leader)
    notes = "" if pair.method == "crossed" or question.scope == "models" else ", seed noise left out"
    if pair.verdict is Verdict.NO_DIFFERENCE and pair.ci95[0] > 0:
        # The interval is the pair's own, the verdict that of all pairs together.
        notes += f", not enough among {comparison.num_judged} pairs: adjusted p {write_p(pair.p_adjusted)}"
    elif pair.verdict in (Verdict.NO_DIFFERENCE, Verdict.EQUAL):
        notes += f", so at most {scale.number(pair.differs_by_at_most)} apart"
    interval = f"({what}{scale.interval(pair.ci95)}{notes})"
    if abs(pair.difference) < ROUNDING:
        return f"level with {other} {interval}"
    return f"{question.ahead} {other} by {scale.number(pair.difference)}{scale.difference_unit} {interval}"


def describe_sensitivity(comparison: Comparison) -> str:
    """What a study of this size would probably miss, what it would find, and what it takes to see half of that."""
    powers = [pair.power for pair in comparison.pairs if pair.power is not None]
    if not powers:
        return ""
    seen = {name for pair in comparison.pairs if pair.power for name in (pair.a, pair.b)}
    strategies = [summary for summary in comparison.strategies if summary.name in seen]
    scale, words = comparison.question.scale, comparison.question.words
    of_seeds = [count_runs(strategies)] if comparison.question.scope == "strategies" else []
    size = " x ".join([*of_seeds, f"{comparison.num_images:,} {words.images}"])
    return (
        f"With {size} a difference below"
        f" {_range([power.missed_below for power in powers], scale)} would probably be missed, and one of"
        f" {_range([power.detectable for power in powers], scale)} would be found in 80 % of such studies."
        f" To detect a difference half as large you need {_describe_needed(powers, comparison.question)}."
    )


def _describe_needed(powers: Sequence[Power], question: Question) -> str:
    """`about 3,200 images; more seeds alone won't do`, and how many pairs need more of both."""
    words = question.words
    enough, not_enough = [], []
    asked = [(words.images, words.images, [power.images_for_half for power in powers])]
    if question.scope == "strategies":
        asked.append(("seeds", f"seeds per {words.strategy}", [power.seeds_for_half for power in powers]))
    for what, unit, sizes in asked:
        known = sorted(round_up(size) for size in sizes if size is not None)
        if not known:
            not_enough.append(f"more {what} alone won't do")
            continue
        numbers = f"{known[0]:,}" if known[0] == known[-1] else f"{known[0]:,} to {known[-1]:,}"
        some = f" (in {len(known)} of {len(sizes)} pairs)" if len(known) < len(sizes) else ""
        enough.append(f"about {numbers} {unit}{some}")
    if not enough:
        return f"more seeds and more {words.images}; either alone won't do"
    both = sum(power.images_for_half is None and power.seeds_for_half is None for power in powers)
    if both:
        not_enough.append(f"{count(both, 'pair')} need{'s' if both == 1 else ''} more of both")
    return "; ".join([" or ".join(enough), *not_enough])


def _range(values: Sequence[float], scale: Scale) -> str:
    low, high = scale.number(min(values)), scale.number(max(values))
    return low + scale.difference_unit if low == high else f"{low} to {high}{scale.difference_unit} (by pair)"
