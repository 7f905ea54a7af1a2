"""What a test measures and writes."""

import pytest
import torch

from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.run import load_run
from cifar_lightning.runs.scores import Scores
from cifar_lightning.training.machine import processor_name
from cifar_lightning.training.scoring import test as score_run


def test_scores_are_what_the_prediction_tables_say(finished_run):
    scores = Scores.read(finished_run / "scores.json")
    assert scores.splits.keys() == {"train", "val", "test"}
    for split in ("train", "test"):
        again = Predictions.read(finished_run / f"{split}_predictions.csv").scores()
        assert scores.splits[split].accuracy == again.accuracy
        assert scores.splits[split].loss == pytest.approx(again.loss, abs=1e-9)
    assert (scores.run.epochs, scores.run.epoch, scores.run.checkpoint) == (2, 2, "last.ckpt")
    assert scores.run.fit_seconds == load_run(finished_run).curves.seconds[-1]
    assert scores.run.processor == processor_name(torch.device("cpu")) != ""


def test_the_same_scores_come_back_and_another_checkpoint_says_which_it_is(run, undrawn):
    before = (run / "scores.json").read_text()
    scores = score_run(run, {"num_threads": 1})
    assert (run / "scores.json").read_text() == before
    assert scores == Scores.read(run / "scores.json")
    assert score_run(run / "checkpoints/best.ckpt", {"num_threads": 1}).run.checkpoint == "best.ckpt"


def test_a_test_that_fails_half_way_leaves_no_scores(run, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cifar_lightning.training.scoring.draw_figures", fail)
    with pytest.raises(OSError, match="No space"):
        score_run(run, {"num_threads": 1})
    assert not (run / "scores.json").exists()
