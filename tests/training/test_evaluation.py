"""A checkpoint with the net and the data of its run."""

import shutil

import pytest
import torch

from cifar_lightning.runs.run import load_run
from cifar_lightning.training.evaluation import Evaluation, checkpoint_of, load_model


def test_a_run_a_folder_and_a_file_stand_for_a_checkpoint(fitted_run):
    last = fitted_run / "checkpoints/last.ckpt"
    assert checkpoint_of(load_run(fitted_run)) == checkpoint_of(str(fitted_run)) == checkpoint_of(last) == last


def test_the_settings_are_those_of_the_run_but_for_what_would_cut_the_test_short(fitted_run):
    arguments = ["--trainer.limit_test_batches=1", "--trainer.fast_dev_run=true", "--num_threads=1"]
    evaluation = Evaluation(checkpoint_of(fitted_run), arguments)
    assert (evaluation.strategy, evaluation.run_folder) == ("quickstart", fitted_run)
    assert len(evaluation.datamodule.source.load("test").labels) == 36
    assert (evaluation.trainer.limit_test_batches, evaluation.trainer.fast_dev_run) == (1.0, False)
    assert evaluation.trainer.logger is None


def test_a_checkpoint_on_its_own_needs_a_config(fitted_run, tmp_path):
    alone = shutil.copy(fitted_run / "checkpoints/last.ckpt", tmp_path / "alone.ckpt")
    with pytest.raises(ValueError, match="add --config"):
        Evaluation(alone)
    # For its net alone it needs none.
    expected = load_model(fitted_run).state_dict()
    assert all(torch.equal(weights, expected[name]) for name, weights in load_model(alone).state_dict().items())
