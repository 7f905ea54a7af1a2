"""The test images on which the strategies disagree most."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.questions import stack_correctness
from cifar_lightning.plots.image_sheet import read_test_images
from cifar_lightning.runs.folder import TEST_IMAGES
from cifar_lightning.runs.run import Run


@dataclass(frozen=True)
class Disagreement:
    """One test image.

    Attributes:
        index: its place in the source's test split as published.
        truth: the name of its class.
        num_right: how many runs answer it correctly, by strategy.
        image: PNG as a `data:` URI.
    """

    index: int
    truth: str
    num_right: dict[str, int]
    image: str


def find_disagreements(comparison: Comparison, most: int = 12) -> list[Disagreement]:
    """The images whose shares of right runs differ most between strategies, at most `most` of them.

    They are sorted by the largest minus the smallest share, then by the variance over strategies. Empty where no run
    has its test images at hand.
    """
    images = _read_images(comparison)
    if images is None:
        return []
    right = {summary.name: stack_correctness(summary.runs).astype(int) for summary in comparison.strategies}
    shares = np.stack([answers.mean(axis=0) for answers in right.values()])
    spread = np.ptp(shares, axis=0)
    order = np.lexsort((-shares.var(axis=0), -spread))
    test = comparison.strategies[0].runs[0].predictions("test")
    return [
        Disagreement(
            int(test.indices[place]),
            test.class_names[test.labels[place]],
            {name: int(answers[:, place].sum()) for name, answers in right.items()},
            _embed(images[place]),
        )
        for place in order[:most]
        if spread[place] > 0
    ]


def describe_agreement(comparison: Comparison) -> str:
    """How many test images every run gets right, and how many no run does."""
    right = stack_correctness([run for summary in comparison.strategies for run in summary.runs])
    every, none = int((right == 1).all(axis=0).sum()), int((right == 0).all(axis=0).sum())
    missed = f"{none or 'none'} {'are' if none > 1 else 'is'} missed by all"
    return f"All {len(right)} runs get {every} of the {right.shape[1]} images right; {missed}."


def _read_images(comparison: Comparison) -> np.ndarray | None:
    """The test images, from the first sheet that fits."""
    for run in (run for summary in comparison.strategies for run in summary.runs if run.has(TEST_IMAGES)):
        # The sheet has those test images too that this comparison leaves out.
        indices = Run(run.folder).predictions("test").indices
        images = read_test_images(run.folder / TEST_IMAGES, len(indices))
        if images is not None:
            return images[np.isin(indices, run.predictions("test").indices)]
    return None


def _embed(image: np.ndarray) -> str:
    """The image, uint8 (S, S, 3), as a `data:` URI."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
