"""What the lab's text says of its nets, and whether these runs say so too.

Each line is one claim with one quantity, higher or lower for the net that it is about than for the nets it stands
against, judged by the crossed analysis of that quantity's values a seed and picture (`analysis.py`):

- max pooling is robust to noise: `noise_drop` of maxpool is lower than the mean of the nets that do not pool (stride,
  baseline);
- max pooling is robust to small shifts: `small_shift_consistency` of maxpool is higher than the mean of those two;
- average pooling smooths noise: `noise_drop` of avgpool is lower than the mean of those two;
- a large stride loses detail: correctness of stride is lower than the mean of the nets that pool (maxpool, avgpool);
- a large stride overfits most: the gap between training and test pictures of stride is above that of each other net.

The p-values of all lines together are corrected by Holm's method. A claim is carried where all its p-values are below
0.05 in its direction, contradicted where one is in the other direction, else not shown: also where a net has fewer than
three seeds, or one of its runs lacks the file that the quantity is in. Where all runs lack it, the line is left out.
Strategies are known by their names in the lab; where a run tells its net, it must be the lab's too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cifar_lightning.compare.analysis import Interval, analyse_crossed, judge
from cifar_lightning.compare.comparison import Claim
from cifar_lightning.compare.grouping import name_runs
from cifar_lightning.compare.pairs import MIN_SEEDS, holm
from cifar_lightning.compare.questions import correctness, gap, probe_shares
from cifar_lightning.runs.run import Run
from cifar_lightning.compare.wording import SHARES, list_names, write_p
from cifar_lightning.runs.folder import PROBES, predictions_name

CARRIED, CONTRADICTED, NOT_SHOWN = "carried", "contradicted", "not shown"
_BACKBONES = "cifar_lightning.models.backbones."
LAB_NETS = {
    "maxpool": _BACKBONES + "MaxPoolNet",
    "avgpool": _BACKBONES + "AvgPoolNet",
    "stride": _BACKBONES + "StrideNet",
    "baseline": _BACKBONES + "BaselineNet",
}
_NOISE_LEVELS = (8, 16, 32)
_NOISE_PROBES = tuple(f"noise_{level}" for level in _NOISE_LEVELS)
_SMALL_SHIFTS = ("consistency_1", "consistency_2")


@dataclass(frozen=True)
class _Line:
    """A claim: `quantity` of the net `about` is higher (`higher`), or lower, than of those `against`.

    `each` tells whether it must be so against each of them, or against their mean; `phrase` what the quantity says.
    `noise_levels`, if any, are those that it is the mean over. Of the files beside the predictions of the test split,
    the quantity needs these `probes` of probes.csv, and train_predictions.csv where `train`.
    """

    text: str
    about: str
    against: tuple[str, ...]
    quantity: Callable[[Run], np.ndarray]
    phrase: str
    unit: str
    higher: bool
    each: bool = False
    noise_levels: tuple[int, ...] = ()
    probes: tuple[str, ...] = ()
    train: bool = False

    @property
    def file(self) -> str:
        """The one beside the predictions of the test split that it needs; empty where there is none."""
        return PROBES if self.probes else predictions_name("train") if self.train else ""

    @property
    def most(self) -> float:
        """That two nets can differ by: a share lies between 0 and 1, what is lost of one between -1 and 1."""
        return 2.0 if self.noise_levels or self.train else 1.0

    def find_lack(self, run: Run) -> str:
        """What a run lacks to be asked, as `no probes.csv`; empty where it lacks nothing."""
        if (self.probes and run.probes is None) or (self.train and run.train is None):
            return f"no {self.file}"
        missing = [name for name in self.probes if run.probes is not None and name not in run.probes.shares]
        return f"no {list_names(missing)} in {self.file}" if missing else ""


class _Difference(NamedTuple):
    """How far the net of a line is from what it stands against, 95 % interval and two-sided p."""

    value: float
    ci95: Interval
    p: float


@dataclass(frozen=True)
class _Finding:
    """A line asked of the runs: `values`, float64 (S, N), by strategy, and `contrasts` by what they are against.

    `at_levels`: what each of the line's noise levels alone takes from the net that it is about.
    `lack`: what runs lack, and which, where the line could not be asked of all; there are no values then.
    """

    line: _Line
    values: dict[str, np.ndarray]
    contrasts: dict[str, _Difference]
    at_levels: dict[int, float]
    lack: str = ""


def noise_drop(run: Run, levels: Sequence[int] = _NOISE_LEVELS) -> np.ndarray:
    """What noise takes: right without noise, less the mean share right under `levels` of it; float64 (N,), -1..1."""
    return correctness(run) - probe_shares(run, *(f"noise_{level}" for level in levels))


def small_shift_consistency(run: Run) -> np.ndarray:
    """The share of answers that stay the same after shifts of 1 and 2 pixels; float64 (N,), 0..1."""
    return probe_shares(run, *_SMALL_SHIFTS)


_STRIDED, _POOLED = ("stride", "baseline"), ("maxpool", "avgpool")
_UNDER_NOISE = (noise_drop, "loses {} of accuracy under noise of 8 to 32 grey levels", " points")
_LINES = (
    _Line(
        "max pooling is robust to noise",
        "maxpool",
        _STRIDED,
        *_UNDER_NOISE,
        higher=False,
        noise_levels=_NOISE_LEVELS,
        probes=_NOISE_PROBES,
    ),
    _Line(
        "max pooling is robust to small shifts",
        "maxpool",
        _STRIDED,
        small_shift_consistency,
        "keeps {} of its answers under shifts of 1 and 2 pixels",
        " %",
        higher=True,
        probes=_SMALL_SHIFTS,
    ),
    _Line(
        "average pooling smooths noise",
        "avgpool",
        _STRIDED,
        *_UNDER_NOISE,
        higher=False,
        noise_levels=_NOISE_LEVELS,
        probes=_NOISE_PROBES,
    ),
    _Line("a large stride loses detail", "stride", _POOLED, correctness, "answers {} rightly", " %", higher=False),
    _Line(
        "a large stride overfits most",
        "stride",
        ("baseline", *_POOLED),
        gap,
        "is {} better on training than on test pictures",
        " points",
        higher=True,
        each=True,
        train=True,
    ),
)


def judge_claims(strategies: Mapping[str, Sequence[Run]]) -> list[Claim]:
    """The lab's claims about its own nets; those that no run can be asked about are left out."""
    strategies = _keep_labs(strategies)
    findings = [
        _ask(line, its_runs)
        for line in _LINES
        if (its_runs := _find_runs(line, strategies)) and not _is_lacked_by_all(line, its_runs)
    ]
    corrected = iter(holm([contrast.p for finding in findings for contrast in finding.contrasts.values()]))
    claims = []
    for finding in findings:
        p_values = [next(corrected) for _ in finding.contrasts]
        claims.append(Claim(finding.line.text, _judge(finding, p_values), _describe(finding, p_values)))
    return claims


def _may_be_labs(strategy: str, run: Run) -> bool:
    backbone = (run.settings or {}).get("model.backbone.class_path")
    return backbone is None or backbone == LAB_NETS.get(strategy)


def describe_unasked(strategies: Mapping[str, Sequence[Run]]) -> list[str]:
    """A sentence for each file that no run of the lab's nets has, with the claims that are left out for want of it."""
    strategies = _keep_labs(strategies)
    unasked: dict[str, list[str]] = {}
    for line in _LINES:
        if (its_runs := _find_runs(line, strategies)) and _is_lacked_by_all(line, its_runs):
            unasked.setdefault(line.file, []).append(line.text)
    return [
        f"No run has what is asked of {file}, so the lab's text is not judged where it says that {list_names(texts)};"
        " test the runs again."
        for file, texts in unasked.items()
    ]


def _keep_labs(strategies: Mapping[str, Sequence[Run]]) -> dict[str, Sequence[Run]]:
    return {name: runs for name, runs in strategies.items() if all(_may_be_labs(name, run) for run in runs)}


def _find_runs(line: _Line, strategies: Mapping[str, Sequence[Run]]) -> dict[str, Sequence[Run]]:
    """The runs that a line is about and those it stands against, the former first; empty without either."""
    against = {name: strategies[name] for name in line.against if name in strategies}
    return {line.about: strategies[line.about], **against} if line.about in strategies and against else {}


def _is_lacked_by_all(line: _Line, strategies: Mapping[str, Sequence[Run]]) -> bool:
    return all(line.find_lack(run) for runs in strategies.values() for run in runs)


def _ask(line: _Line, strategies: Mapping[str, Sequence[Run]]) -> _Finding:
    lacks: dict[str, list[Run]] = {}
    for run in (run for runs in strategies.values() for run in runs):
        if lack := line.find_lack(run):
            lacks.setdefault(lack, []).append(run)
    if lacks:
        return _Finding(line, {}, {}, {}, "; ".join(f"{lack} in {name_runs(runs)}" for lack, runs in lacks.items()))
    against = [name for name in strategies if name != line.about]
    values = {name: np.stack([line.quantity(run) for run in runs]) for name, runs in strategies.items()}
    about, others = values[line.about], [values[name] for name in against]
    if min(map(len, values.values())) < MIN_SEEDS:
        contrasts = {}
    elif line.each:
        contrasts = {name: _find_difference([about, values[name]], [1, -1], line.most) for name in against}
    else:
        weights = [1, *(-1 / len(others) for _ in others)]
        contrasts = {" and ".join(against): _find_difference([about, *others], weights, line.most)}
    at_levels = {
        level: float(np.mean([noise_drop(run, [level]) for run in strategies[line.about]]))
        for level in line.noise_levels
    }
    return _Finding(line, values, contrasts, at_levels)


def _find_difference(nets: Sequence[np.ndarray], weights: Sequence[float], most: float) -> _Difference:
    contrast = analyse_crossed(nets, weights)
    ci95, p = judge(contrast.value, contrast.ci95, contrast.p, nets[0].shape[1], most)
    return _Difference(contrast.value, ci95, p)


def _judge(finding: _Finding, p_values: Sequence[float]) -> str:
    as_said = [(contrast.value > 0) == finding.line.higher for contrast in finding.contrasts.values()]
    shown = [p < 0.05 for p in p_values]
    if shown and all(shown) and all(as_said):
        return CARRIED
    if any(p and not said for p, said in zip(shown, as_said, strict=True)):
        return CONTRADICTED
    return NOT_SHOWN


def _describe(finding: _Finding, p_values: Sequence[float]) -> str:
    if finding.lack:
        return f"{finding.lack}; test again what lacks it"
    line, means = finding.line, {name: float(values.mean()) for name, values in finding.values.items()}
    said = f"{line.about} {line.phrase.format(SHARES.number(means.pop(line.about)) + line.unit)}"
    if finding.at_levels:
        # One mean would hide where the loss begins.
        drops = [f"{SHARES.number(drop)} at {level}" for level, drop in finding.at_levels.items()]
        said += f" on average, {list_names(drops)}"
    others = ", ".join(f"{name} {SHARES.number(mean)}" for name, mean in means.items())
    if not finding.contrasts:
        return f"{said} ({others}), but to say so takes {MIN_SEEDS} seeds of each"
    differences = "; ".join(
        f"{SHARES.difference(contrast.value)} against {'the mean of ' if ' and ' in name else ''}{name}"
        f" (95 % interval {SHARES.difference_interval(contrast.ci95)}, Holm's p {write_p(p)})"
        for (name, contrast), p in zip(finding.contrasts.items(), p_values, strict=True)
    )
    return f"{said} ({others}): {differences}"
