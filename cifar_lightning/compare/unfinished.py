"""Whether a strategy was still improving when its training ended."""

from collections.abc import Sequence

import numpy as np

from cifar_lightning.runs.folder import CURVES
from cifar_lightning.runs.run import Run

_FALL_THAT_COUNTS, _LEARNT = 0.005, 0.95


def is_unfinished(runs: Sequence[Run]) -> bool:
    """Whether these runs of one strategy were still improving at their last epoch. Runs without curves do not count.

    They were if, averaged over the runs, the training loss of the last fifth of the epochs is at least 0.5 % below that
    of the fifth before, and the training accuracy of the last fifth is below 95 %. The loss alone would not do: after
    500 epochs, when all training images have long been right, that of the lab's nets still falls by a third or more.
    Fifths and means over runs even out the noise of single epochs. What it says of shorter fits:
    docs/calibration.md, "Unfinished training".
    """
    falls, accuracies = [], []
    for curves in (run.curves for run in runs if run.has(CURVES) and len(run.curves.epochs)):
        fifth = max(1, len(curves.epochs) // 5)
        before, last = curves.train_loss[-2 * fifth : -fifth], curves.train_loss[-fifth:]
        # A single epoch has no loss before it.
        falls.append(1 - last.mean() / before.mean() if len(before) else 1.0)
        accuracies.append(curves.train_accuracy[-fifth:].mean())
    return bool(falls) and bool(np.mean(falls) >= _FALL_THAT_COUNTS and np.mean(accuracies) < _LEARNT)
