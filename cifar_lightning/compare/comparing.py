"""From run folders to a comparison."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
from scipy.special import stdtr, stdtrit

from cifar_lightning.compare import analysis
from cifar_lightning.compare.comparison import Comparison, Pair, Power, Summary, TrainingNoiseOnly
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.questions import Question, correctness, parse_question
from cifar_lightning.compare.reading import Run, find_run_folders


def compare_runs(paths: Sequence[Path], question: str = "accuracy", allow_mixed: bool = False) -> Comparison:
    """Compares the strategies of all finished runs below `paths`.

    Raises:
        ValueError: if there are fewer than two strategies, the runs do not go together, a file is damaged, or the
            question has no answer in them.
    """
    finished, _ = find_run_folders(paths)
    runs = [Run.read(path) for path in finished]
    asked = parse_question(question, runs)
    strategies: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.strategy, run.seed)):
        strategies.setdefault(run.strategy, []).append(run)
    if len(strategies) < 2:
        raise ValueError(f"expected at least two strategies, but all runs are of {runs[0].strategy}; name more folders")
    summaries = [_summarise(name, its_runs, asked) for name, its_runs in strategies.items()]
    summaries.sort(key=lambda summary: summary.mean, reverse=asked.higher_is_better)
    pairs = _compare_pairs(summaries, asked)
    first = runs[0]
    return Comparison(
        question=asked.text,
        label=asked.label,
        unit=asked.unit,
        higher_is_better=asked.higher_is_better,
        answer="",
        classes=first.test.class_names,
        protocol=first.facts["protocol"],
        epochs=first.facts["epochs"],
        indices=first.test.indices,
        labels=first.test.labels,
        strategies=summaries,
        pairs=pairs,
        claims=[],
        does_not_say=[],
        notes=[],
        mixed=False,
        paths=list(paths),
    )


def _summarise(name: str, runs: Sequence[Run], question: Question) -> Summary:
    values = question.values(runs)
    of_run = values.mean(axis=1)
    low, high = mean_interval(values)
    class_names = runs[0].test.class_names
    labels = runs[0].test.labels
    right = np.stack([correctness(run) for run in runs])
    seconds = [run.facts["fit_seconds"] for run in runs if run.facts.get("fit_seconds") is not None]
    return Summary(
        name=name,
        runs=runs,
        values=values,
        mean=float(values.mean()),
        sd=float(of_run.std(ddof=1)) if len(runs) > 1 else None,
        ci95=(max(low, question.bounds[0]), min(high, question.bounds[1])),
        recall_mean={
            class_name: float(right[:, labels == place].mean()) if (labels == place).any() else None
            for place, class_name in enumerate(class_names)
        },
        fit_seconds_median=median(seconds) if seconds else None,
        flops_per_image=runs[0].facts["flops_per_image"],
        num_parameters=runs[0].facts["num_parameters"],
    )


def mean_interval(values: np.ndarray) -> analysis.Interval:
    """95 % interval of a net's mean, from float64 (S, N), for new seeds and pictures; of new pictures alone if S is 1."""
    analyse = analysis.analyse_crossed if len(values) > 1 else analysis.analyse_pictures
    return analyse([values], [1.0]).ci95


def _compare_pairs(summaries: Sequence[Summary], question: Question) -> list[Pair]:
    pairs = [_compare(*sorted(two, key=lambda one: -one.mean)) for two in combinations(summaries, 2)]
    corrected = holm([pair.p for pair in pairs])
    finished = []
    for pair, p_holm in zip(pairs, corrected, strict=True):
        better = pair.a if (pair.difference > 0) == question.higher_is_better else pair.b
        if pair.method != "crossed":
            verdict = "too few runs to say"
        elif p_holm < 0.05:
            verdict = f"{better} is better"
        else:
            verdict = "no difference shown"
        finished.append(Pair(**{**vars(pair), "p_holm": p_holm, "verdict": verdict}))
    return finished


def _compare(a: Summary, b: Summary) -> Pair:
    num_seeds = np.array([len(a.values), len(b.values)])
    nets = [a.values, b.values]
    power = None
    if num_seeds.min() > 1:
        method = "crossed"
        estimate = analysis.analyse_crossed(nets)
        p, ci95 = estimate.p, estimate.ci95
        power = _power(analysis.find_components(nets, (1, -1)), num_seeds, a.values.shape[1])
    elif num_seeds.max() == 1 and np.isin(np.concatenate(nets), (0, 1)).all():
        method = "mcnemar"
        p, ci95 = mcnemar(a.values[0], b.values[0])
    else:
        method = "pictures"
        estimate = analysis.analyse_pictures(nets)
        p, ci95 = estimate.p, estimate.ci95
    return Pair(
        a=a.name,
        b=b.name,
        difference=a.mean - b.mean,
        ci95=ci95,
        p=p,
        p_holm=p,
        training_noise_only=_training_noise_only(a, b),
        method=method,
        power=power,
        verdict="",
    )


def _training_noise_only(a: Summary, b: Summary) -> TrainingNoiseOnly | None:
    """Paired t over the seeds that both have (as `scipy.stats.ttest_rel`); None with fewer than two."""
    of_a, of_b = (dict(zip((run.seed for run in s.runs), s.values.mean(axis=1), strict=True)) for s in (a, b))
    differences = np.array([of_a[seed] - of_b[seed] for seed in of_a if seed in of_b])
    if len(differences) < 2:
        return None
    contrast = analysis.Contrast(
        float(differences.mean()), float(differences.std(ddof=1) / len(differences) ** 0.5), len(differences) - 1
    )
    return TrainingNoiseOnly(contrast.ci95, contrast.p)


def _power(components: analysis.Components, num_seeds: np.ndarray, num_pictures: int) -> Power:
    detectable = analysis.find_detectable(components, num_seeds, num_pictures)
    return Power(detectable, None, None)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for comparing often (Holm 1979): the k-th smallest of m times m - k + 1, never falling, at most 1."""
    order = np.argsort(p_values)
    scaled = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected.tolist()
