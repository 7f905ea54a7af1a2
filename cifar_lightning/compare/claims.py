"""The lab text's claims about its nets, and whether these runs support them.

Each claim (`_LINES`) says that one quantity is higher in one net than in others. It is judged by the crossed analysis
of the quantity per seed and image (`analysis.py`). The p-values of all claims together are corrected by Holm's method,
since they do not imply one another. A claim is supported where all its p-values are below 0.05 in its direction,
contradicted where one is in the other direction, else not shown: also where a net has fewer than three seeds. It is
left out where a run lacks the file with its quantity. Strategies are known by their names in the lab; where a run's
settings name its net, it must be the lab's too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cifar_lightning.compare.analysis import Interval, analyse, judge
from cifar_lightning.compare.comparison import Claim, ClaimVerdict
from cifar_lightning.compare.correction import holm
from cifar_lightning.compare.grouping import flat_settings
from cifar_lightning.compare.pairs import MIN_SEEDS
from cifar_lightning.compare.questions import SHARES, correctness, gap, learnt_all, probe_shares
from cifar_lightning.compare.summaries import find_units
from cifar_lightning.compare.units import Units
from cifar_lightning.compare.wording import write_p
from cifar_lightning.runs.run import MissingFileError, Run

_LAB_NETS = {"maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet", "stride": "StrideNet", "baseline": "BaselineNet"}


@dataclass(frozen=True)
class _Line:
    """A claim: `quantity` of the net `about` is higher than that of the nets `against`.

    Attributes:
        quantity: float64 (N,), one value per test image of a run.
        phrase: what the quantity says of a net, with places for its name and the number.
        each: whether it must be so against each of the others; otherwise against their mean.
        is_signed: whether the quantity is -1..1 rather than 0..1, and written with its sign.
    """

    text: str
    about: str
    against: tuple[str, ...]
    quantity: Callable[[Run], np.ndarray]
    phrase: str
    each: bool = False
    is_signed: bool = False


class _Difference(NamedTuple):
    """How far the net of a claim is from others, which `against` names; `p` is two-sided."""

    against: str
    value: float
    ci95: Interval
    p: float


def noise_change(run: Run) -> np.ndarray:
    """The change of accuracy under noise: the mean share right under it minus correctness; float64 (N,), -1..1."""
    return probe_shares(run, ["noise_8", "noise_16", "noise_32"]) - correctness(run)


def small_shift_consistency(run: Run) -> np.ndarray:
    """The share of answers that stay the same after shifts of 1 and 2 pixels; float64 (N,), 0..1."""
    return probe_shares(run, ["consistency_1", "consistency_2"])


_STRIDED, _POOLED = ("stride", "baseline"), ("maxpool", "avgpool")
_NOISE = "{}'s accuracy changes by {} points on average under noise of 8, 16 and 32 grey levels"
_SHIFTS = "{} keeps {} % of its answers under shifts of 1 and 2 pixels"
_GAP = "{}'s training accuracy minus its test accuracy is {} points"
_LINES = (
    _Line("max pooling is robust to noise", "maxpool", _STRIDED, noise_change, _NOISE, is_signed=True),
    _Line("max pooling is robust to small shifts", "maxpool", _STRIDED, small_shift_consistency, _SHIFTS),
    _Line("average pooling smooths noise", "avgpool", _STRIDED, noise_change, _NOISE, is_signed=True),
    _Line("a large stride loses detail", "stride", _POOLED, lambda run: 1 - correctness(run), "{} gets {} % wrong"),
    _Line("a large stride overfits most", "stride", ("baseline", *_POOLED), gap, _GAP, each=True, is_signed=True),
)


def judge_claims(strategies: Mapping[str, Sequence[Run]]) -> list[Claim]:
    """The lab's claims about its own nets that these runs can be asked about."""
    labs = {name: runs for name, runs in strategies.items() if all(_is_labs(name, run) for run in runs)}
    asked = [(line, values) for line in _LINES if (values := _find_values(line, labs))]
    units = find_units(next(iter(strategies.values())))
    found = [_find_differences(line, values, units) for line, values in asked]
    corrected = iter(holm([difference.p for differences in found for difference in differences]))
    claims = []
    for (line, values), differences in zip(asked, found, strict=True):
        p_values = [next(corrected) for _ in differences]
        evidence = _describe(line, values, differences, p_values)
        if line.quantity is gap and learnt_all(run for name in values for run in labs[name]):
            evidence += "; every training accuracy is 100 %, so this says no more than the test accuracies"
        claims.append(Claim(line.text, _judge(differences, p_values), evidence))
    return claims


def _is_labs(strategy: str, run: Run) -> bool:
    backbone = flat_settings(run).get("model.backbone.class_path")
    return backbone in (None, f"cifar_lightning.models.backbones.{_LAB_NETS.get(strategy)}")


def _find_values(line: _Line, strategies: Mapping[str, Sequence[Run]]) -> dict[str, np.ndarray]:
    """The quantity by strategy, float64 (S, N), the net that the claim is about first; empty where any is missing."""
    names = [name for name in (line.about, *line.against) if name in strategies]
    if len(names) < 2 or names[0] != line.about:
        return {}
    try:
        return {name: np.stack([line.quantity(run) for run in strategies[name]]) for name in names}
    except MissingFileError:
        return {}


def _find_differences(line: _Line, values: Mapping[str, np.ndarray], units: Units) -> list[_Difference]:
    """What the claim is judged by; nothing where there are too few seeds."""
    if min(map(len, values.values())) < MIN_SEEDS:
        return []
    about, *others = values.values()
    _, *names = values
    compared = [([name], [its_values]) for name, its_values in zip(names, others, strict=True)]
    most, differences = 2.0 if line.is_signed else 1.0, []
    for against, nets in compared if line.each else [(names, others)]:
        contrast = analyse([about, *nets], [1, *(-1 / len(nets) for _ in nets)], units)
        ci95, p = judge(contrast.value, contrast.ci95, contrast.p, contrast.num_units, most)
        mean = "the mean of " if len(against) > 1 else ""
        differences.append(_Difference(f"{mean}{' and '.join(against)}", contrast.value, ci95, p))
    return differences


def _judge(differences: Sequence[_Difference], p_values: Sequence[float]) -> ClaimVerdict:
    shown = [difference.value for difference, p in zip(differences, p_values, strict=True) if p < 0.05]
    if shown and min(shown) < 0:
        return ClaimVerdict.CONTRADICTED
    return ClaimVerdict.SUPPORTED if shown and len(shown) == len(p_values) else ClaimVerdict.NOT_SHOWN


def _describe(
    line: _Line,
    values: Mapping[str, np.ndarray],
    differences: Sequence[_Difference],
    p_values: Sequence[float],
) -> str:
    sign = "+" if line.is_signed else ""
    means = {name: SHARES.number(float(its_values.mean()), sign) for name, its_values in values.items()}
    compared = ", ".join(f"{name} {mean}" for name, mean in means.items() if name != line.about)
    said = f"{line.phrase.format(line.about, means[line.about])} ({compared})"
    if not differences:
        return f"{said}; {MIN_SEEDS} seeds of each are needed to judge this"
    against = "; ".join(
        f"{SHARES.difference(difference.value)} against {difference.against}"
        f" (95 % interval {SHARES.difference_interval(difference.ci95)}, Holm's p {write_p(p)})"
        for difference, p in zip(differences, p_values, strict=True)
    )
    return f"{said}: {against}"
