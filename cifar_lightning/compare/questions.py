"""What is compared: each question asks something of every test picture, and its mean over pictures is a run's value."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cifar_lightning.compare.reading import Run

Interval = tuple[float, float]


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        text: as asked, `noise:16`.
        label: the same in words, `accuracy under noise of 16 grey levels`.
        unit: "points" where values are shares, "" where they are not.
        higher_is_better: False for loss and gap.
        bounds: between which a value lies.
        ask: float64 (N,), one value a test picture of a run. Raises ValueError where the run cannot answer.
        pictures: bool (N,), from the labels, of the pictures that are asked about; None: all.
    """

    text: str
    label: str
    unit: str
    higher_is_better: bool
    bounds: Interval
    ask: Callable[[Run], np.ndarray]
    pictures: Callable[[np.ndarray], np.ndarray] | None = None

    def values(self, runs: Sequence[Run]) -> np.ndarray:
        """float64 (S, N): what the question asks of S runs and the N pictures it is about.

        Raises:
            ValueError: if a run cannot answer.
        """
        values = np.stack([self.ask(run) for run in runs])
        if not np.isfinite(values).all():
            broken = runs[int(np.argmin(np.isfinite(values).all(axis=1)))]
            raise ValueError(
                f"expected a number for each picture ({self.label}), but {broken.folder} has some that are none;"
                " leave that run out"
            )
        return values[:, self.pictures(runs[0].test.labels)] if self.pictures else values


def correctness(run: Run) -> np.ndarray:
    """1 where a run answers a test picture rightly, else 0."""
    return (run.test.predicted == run.test.labels).astype(np.float64)


def gap(run: Run) -> np.ndarray:
    """Share of training pictures a run answers rightly, less 1 where it answers a test picture rightly.

    The mean over test pictures is train minus test accuracy. The train share is taken as it is: the interval covers
    other seeds and other test pictures, and other training pictures only as far as the runs have them.

    Raises:
        ValueError: if the run has no predictions of its training pictures.
    """
    if run.train is None:
        raise ValueError(
            f"expected predictions of the training pictures for the gap, but {run.folder} has no train_predictions.csv;"
            " test that run again"
        )
    return (run.train.predicted == run.train.labels).mean() - correctness(run)


def probe_shares(run: Run, *names: str) -> np.ndarray:
    """Mean over the named probes of a run's shares, float64 (N,), 0..1.

    Raises:
        ValueError: if the run has no such probe.
    """
    there = run.probes.shares if run.probes is not None else {}
    for name in names:
        if name not in there:
            have = f"has {', '.join(there)}" if there else "has no probes.csv"
            raise ValueError(
                f"expected the probe {name}, but {run.folder} {have}; ask for one that is there, or test that run again"
            )
    return np.mean([there[name] for name in names], axis=0)


def parse_question(text: str, runs: Sequence[Run]) -> Question:
    """The question meant by `text`: accuracy, recall:CLASS, noise:LEVEL, shift:PIXELS, consistency:PIXELS, loss, gap.

    Raises:
        ValueError: if there is none, or `runs` do not have that class or probe.
    """
    available = _available(runs)
    if text not in available:
        nearest = difflib.get_close_matches(text, available, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"expected a question that these runs can answer, {', '.join(available)}, got {text!r}{hint}")
    return available[text]


def _available(runs: Sequence[Run]) -> dict[str, Question]:
    """All questions that the runs can answer, by text; probes are those that every run has."""
    share = {"unit": "points", "higher_is_better": True, "bounds": (0.0, 1.0)}
    questions = [Question("accuracy", "test accuracy", ask=correctness, **share)]  # type: ignore[arg-type]
    for place, name in enumerate(runs[0].test.class_names):
        questions.append(
            Question(
                f"recall:{name}",
                f"recall of {name}",
                ask=correctness,
                pictures=lambda labels, place=place: labels == place,  # type: ignore[misc]
                **share,  # type: ignore[arg-type]
            )
        )
    shared_probes = [
        name
        for name in (runs[0].probes.shares if runs[0].probes else ())
        if all(run.probes is not None and name in run.probes.shares for run in runs)
    ]
    for name in shared_probes:
        questions.append(_ask_probe(name))
    questions.append(Question("loss", "test loss", "", False, (0.0, np.inf), lambda run: run.test.losses()))
    if all(run.train is not None for run in runs):
        questions.append(Question("gap", "train minus test accuracy", "points", False, (-1.0, 1.0), gap))
    return {question.text: question for question in questions}


_PROBES = {
    "noise": "accuracy under noise of {} grey levels",
    "shift": "accuracy under shifts of {} pixels",
    "consistency": "same answer under shifts of {} pixels",
}


def _ask_probe(name: str) -> Question:
    kind, _, amount = name.partition("_")
    label = _PROBES.get(kind, kind + " {}").format(amount)
    return Question(f"{kind}:{amount}", label, "points", True, (0.0, 1.0), lambda run: probe_shares(run, name))
