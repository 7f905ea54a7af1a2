"""Training that had not finished, told by the curves."""

from dataclasses import astuple

import numpy as np
import pytest
from simulated_runs import write_pair

from cifar_lightning.compare.api import compare
from cifar_lightning.runs.curves import Curves

GENERATOR = np.random.default_rng(0)


def learn(epochs, constant=12.0, noise=0.01):
    """Curves like those of the lab: training accuracy 69 % after 6 epochs, 80 after 20, 95 after 100, then 100."""
    epoch = np.arange(1, epochs + 1)
    loss = np.exp(-epoch / 100) * (1 + epoch / constant) ** -0.5 * (1 + GENERATOR.normal(0, noise, epochs))
    accuracy = 1 - 0.4 * loss
    return Curves(epoch, loss, accuracy, np.full(epochs, np.nan), np.full(epochs, np.nan), 0.1 * epoch)


def write_curves(root, curves):
    for run in write_pair(root).glob("*/*"):
        curves().write(run / "curves.csv")
    return root


@pytest.mark.parametrize(
    ("epochs", "unfinished"), [(1, True), (6, True), (20, True), (50, True), (200, False), (500, False)]
)
def test_runs_that_were_cut_short_are_still_improving_and_those_of_the_lab_are_not(tmp_path, epochs, unfinished):
    comparison = compare(write_curves(tmp_path, lambda: learn(epochs)))
    assert comparison.still_improving == (["maxpool", "stride"] if unfinished else [])
    assert ("training had not finished" in comparison.answer) == unfinished


def test_a_learning_rate_too_low_is_still_improving_after_a_hundred_epochs(tmp_path):
    comparison = compare(write_curves(tmp_path, lambda: learn(100, constant=1000.0, noise=0.003)))
    assert comparison.still_improving == ["maxpool", "stride"]


def stop_early():
    """A fit that EarlyStopping ended: 96 % of the training images right, and the loss still falls."""
    curves = learn(90)
    *_, seconds = astuple(curves)
    return Curves(curves.epochs, curves.train_loss, curves.train_accuracy + 0.04, *[np.full(90, 0.5)] * 2, seconds)


def test_a_fit_that_early_stopping_ended_near_the_plateau_is_finished(tmp_path):
    assert compare(write_curves(tmp_path, stop_early)).still_improving == []


def test_a_net_that_has_stopped_learning_far_from_all_right_is_finished(tmp_path):
    def stay():
        curves = learn(100)
        loss = 1.0 + GENERATOR.normal(0, 0.002, 100)
        return Curves(curves.epochs, loss, np.full(100, 0.5), curves.val_loss, curves.val_accuracy, curves.seconds)

    assert compare(write_curves(tmp_path, stay)).still_improving == []


def test_without_curves_nothing_is_said(tmp_path):
    root = write_curves(tmp_path, lambda: learn(6))
    for path in root.glob("*/*/curves.csv"):
        path.unlink()
    assert compare(root).still_improving == []
