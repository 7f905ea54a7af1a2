"""What the curves of a run say about over-fitting, in words."""

from dataclasses import astuple

import numpy as np

from cifar_lightning.runs.curves import Curves

# Losses move as much by chance from epoch to epoch.
_RISE_THAT_COUNTS = 0.05


def validation_name(lab_protocol: bool) -> str:
    """The name of the second curve: in the lab's protocol it is that of the test split."""
    return "test (lab protocol)" if lab_protocol else "validation"


def describe_loss(loss: float) -> str:
    """The loss with three decimals, or as `3.21e+34` if it has blown up."""
    return f"{loss:.3f}" if loss < 1000 else f"{loss:.2e}"


def describe_overfitting(curves: Curves, val_name: str = "validation") -> str:
    """One line: when the loss of `val_name` was lowest, how far it has risen since, and how the accuracies ended."""
    if curves.best is None:
        return (
            f"no {val_name} loss to see over-fitting by; training loss {describe_loss(curves.train_loss[-1])}"
            f" and accuracy {100 * curves.train_accuracy[-1]:.1f} % at epoch {curves.epochs[-1]}"
        )
    # Validation may be rarer than epochs.
    validated = ~np.isnan(curves.val_loss)
    when = "the end" if validated[-1] else f"epoch {curves.epochs[validated][-1]}"
    seen = Curves(*(values[validated] for values in astuple(curves)))
    train, val = 100 * seen.train_accuracy[-1], 100 * seen.val_accuracy[-1]
    gap = f"gap {train - val:.1f} points" if train >= val else f"{val_name} ahead by {val - train:.1f} points"
    accuracies = f"accuracy at {when}: train {train:.1f} %, {val_name} {val:.1f} % ({gap})"
    return f"{_describe_losses(seen, val_name)}; {accuracies}"


def _describe_losses(curves: Curves, val_name: str) -> str:
    best = curves.best
    assert best is not None
    lowest, last = (describe_loss(curves.val_loss[place]) for place in (best, -1))
    rise = curves.val_loss[-1] / curves.val_loss[best] - 1 if curves.val_loss[best] > 0 else np.inf
    when, end = curves.epochs[best], curves.epochs[-1]
    if len(curves.epochs) == 1:
        return f"{val_name} loss {last} at epoch {end} alone, too early to see over-fitting"
    if best == len(curves.epochs) - 1:
        return f"{val_name} loss still falling: {last} at epoch {end}, its lowest"
    if curves.val_loss[-1] <= (1 + _RISE_THAT_COUNTS) * curves.val_loss[best]:
        return f"{val_name} loss hardly rose: {lowest} at epoch {when}, {last} at epoch {end}"
    # Beyond tenfold the two losses say more than their ratio.
    percent = f" (+{100 * rise:.0f} %)" if rise < 10 else ""
    return f"{val_name} loss rose from {lowest} at epoch {when} to {last} at epoch {end}{percent}"
