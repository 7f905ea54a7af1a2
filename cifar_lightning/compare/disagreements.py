"""The test pictures on which the strategies disagree most."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.questions import stack_correctness
from cifar_lightning.runs.figures import read_test_pictures
from cifar_lightning.runs.folder import TEST_PICTURES, predictions_name
from cifar_lightning.runs.scores import Predictions


@dataclass(frozen=True)
class Disagreement:
    """One test picture.

    Attributes:
        index: place in the source's test split as published.
        truth: name of its class.
        num_right: by strategy, how many of its runs answer rightly.
        picture: PNG as a `data:` URI; None where it is not at hand.
    """

    index: int
    truth: str
    num_right: dict[str, int]
    picture: str | None


def find_disagreements(comparison: Comparison, most: int = 12, with_pictures: bool = True) -> list[Disagreement]:
    """The pictures whose shares of right runs differ most from strategy to strategy, at most `most` of them.

    The largest minus the smallest share counts, then the variance over strategies, then the order of the file.
    """
    right = {summary.name: stack_correctness(summary.runs).astype(int) for summary in comparison.strategies}
    shares = np.stack([of_strategy.mean(axis=0) for of_strategy in right.values()])
    spread = np.ptp(shares, axis=0)
    order = np.lexsort((-shares.var(axis=0), -spread))
    places = [int(place) for place in order[:most] if spread[place] > 0]
    test = comparison.strategies[0].runs[0].test
    pictures = _cut_pictures(comparison, test.indices[places]) if with_pictures else None
    return [
        Disagreement(
            int(test.indices[place]),
            test.class_names[test.labels[place]],
            {name: int(of_strategy[:, place].sum()) for name, of_strategy in right.items()},
            pictures[rank] if pictures is not None else None,
        )
        for rank, place in enumerate(places)
    ]


def count_agreements(comparison: Comparison) -> tuple[int, int]:
    """On how many test pictures every run is right, and on how many every run is wrong."""
    right = stack_correctness([run for summary in comparison.strategies for run in summary.runs])
    return int((right == 1).all(axis=0).sum()), int((right == 0).all(axis=0).sum())


def _cut_pictures(comparison: Comparison, indices: np.ndarray) -> list[str] | None:
    """The pictures `indices` as `data:` URIs, from the first sheet that fits; None where no run has one."""
    for summary in comparison.strategies:
        for run in summary.runs:
            if not (run.folder / TEST_PICTURES).is_file():
                continue
            # Those of the file: in memory pictures may be in another order, or left out, for the sake of other runs.
            order = Predictions.read(run.folder / predictions_name("test")).indices.tolist()
            pictures = read_test_pictures(run.folder / TEST_PICTURES, len(order))
            if pictures is not None:
                return [_embed(pictures[order.index(index)]) for index in indices]
    return None


def _embed(picture: np.ndarray) -> str:
    """The picture, uint8 (S, S, 3), as a `data:` URI."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
