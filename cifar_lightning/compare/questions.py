"""What is compared: each question asks something of every test picture, and its mean over pictures is a run's value."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cifar_lightning.compare.analysis import Interval
from cifar_lightning.runs.run import Run
from cifar_lightning.hints import did_you_mean

SHARE_BOUNDS = (0.0, 1.0)
# The loss of the smallest probability that a float can hold (`Predictions.losses`).
_LOSS_BOUNDS = (0.0, -math.log(5e-324))

_PROBES = {
    "noise": "accuracy under noise of {} grey levels",
    "shift": "accuracy under shifts of {} px",
    "consistency": "answers kept under shifts of {} px",
}


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
        if self.pictures:
            values = values[:, self.pictures(runs[0].test.labels)]
        if values.shape[1] < 2:
            raise ValueError(
                f"expected at least two test pictures ({self.label}), got {values.shape[1]};"
                " ask another question, or test on more pictures"
            )
        return values


def correctness(run: Run) -> np.ndarray:
    """1 where a run answers a test picture rightly, else 0."""
    return (run.test.predicted == run.test.labels).astype(np.float64)


def stack_correctness(runs: Sequence[Run]) -> np.ndarray:
    """The same of S runs, float64 (S, N)."""
    return np.stack([correctness(run) for run in runs])


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
        ValueError: if there is none, or not all of `runs` can answer it.
    """
    answerable = [{question.text: question for question in _list_questions(run)} for run in runs]
    kind, _, level = text.partition(":")
    if kind in _PROBES and level == "0":
        raise ValueError(f"expected a level above 0, got {text!r}; pictures as they are are asked about by 'accuracy'")
    able = [run for run, questions in zip(runs, answerable, strict=True) if text in questions]
    if len(able) == len(runs):
        return answerable[0][text]
    everywhere = [asked for asked in answerable[0] if all(asked in questions for questions in answerable)]
    if able:
        unable = next(run for run, questions in zip(runs, answerable, strict=True) if text not in questions)
        hint = f", which {able[0].folder} can answer, but {unable.folder} cannot; test that run again"
    else:
        hint = f"; {did_you_mean(text, everywhere, 'ask one of those')}"
    raise ValueError(f"expected a question that these runs can answer, {', '.join(everywhere)}, got {text!r}{hint}")


def _list_questions(run: Run) -> list[Question]:
    """All that a run can answer."""
    share = partial(Question, unit="points", higher_is_better=True, bounds=SHARE_BOUNDS)
    questions = [share("accuracy", "test accuracy", ask=correctness)]
    for place, name in enumerate(run.test.class_names):
        questions.append(
            share(f"recall:{name}", f"recall of {name}", ask=correctness, pictures=partial(np.equal, place))
        )
    for probe in run.probes.probes if run.probes is not None else ():
        label = _PROBES[probe.kind].format(probe.level)
        questions.append(share(f"{probe.kind}:{probe.level}", label, ask=partial(_ask_probe, str(probe))))
    questions.append(Question("loss", "test loss", "", False, _LOSS_BOUNDS, lambda run: run.test.losses()))
    if run.train is not None:
        questions.append(Question("gap", "train minus test accuracy", "points", False, (-1.0, 1.0), gap))
    return questions


def _ask_probe(name: str, run: Run) -> np.ndarray:
    return probe_shares(run, name)
