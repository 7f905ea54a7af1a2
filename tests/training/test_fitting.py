"""`fit`, `test`, `predict` and `load_model` as functions."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TINY_SETTINGS as SMALL

from cifar_lightning.data import DrawnShapes
from cifar_lightning.runs.run import load_run
from cifar_lightning.training.evaluation import load_model
from cifar_lightning.training.fitting import fit
from cifar_lightning.training.predicting import predict
from cifar_lightning.training.scoring import test as score_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two epochs, tested; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    run = fit("quickstart", {**SMALL, "trainer.logger.save_dir": str(folder)}, progress=False)
    score_run(run)
    return run


def test_a_run_gives_its_settings_curves_scores_and_predictions(run):
    assert run.settings["trainer"]["max_epochs"] == 2
    assert run.curves["epoch"].tolist() == [1, 2]
    assert run.scores["run"]["strategy"] == "quickstart"
    predictions = run.predictions("test")
    right = predictions["label"] == predictions["predicted"]
    assert right.mean() == run.scores["splits"]["test"]["accuracy"]
    assert run.probes["noise_8"].shape == (30,)


def test_nothing_is_printed(tmp_path, capsys):
    score_run(fit("quickstart", {**SMALL, "trainer.logger.save_dir": str(tmp_path)}, progress=False))
    assert capsys.readouterr() == ("", "")


def test_a_fit_says_how_far_it_is_unless_told_not_to(tmp_path, capsys):
    fit("quickstart", {**SMALL, "trainer.logger.save_dir": str(tmp_path)})
    assert "epoch 2/2" in capsys.readouterr().out


def test_a_resumed_run_is_the_same_run_with_more_epochs(tmp_path):
    settings = {**SMALL, "trainer.logger.save_dir": str(tmp_path)}
    run = fit("quickstart", settings, progress=False)
    more = {**settings, "trainer.max_epochs": 3}
    resumed = fit("quickstart", more, ckpt_path=run, progress=False)
    whole = fit("quickstart", {**more, "trainer.logger.name": "whole"}, progress=False)
    assert resumed.folder == run.folder
    assert np.array_equal(resumed.curves["train_loss"], whole.curves["train_loss"])


def test_a_run_made_from_a_runs_own_settings_is_the_same_to_the_last_bit(run, tmp_path):
    again = fit(run.settings, {"trainer.logger.save_dir": str(tmp_path)}, progress=False)
    for column in ("train_loss", "val_loss", "val_accuracy"):
        assert np.array_equal(again.curves[column], run.curves[column])


def test_a_run_that_keeps_nothing_is_refused(tmp_path):
    nothing = {**SMALL, "trainer.logger.save_dir": str(tmp_path), "trainer.max_steps": 1, "data.batch_size": 10}
    with pytest.raises(ValueError, match="no epoch was finished"):
        fit("quickstart", nothing, progress=False)


def test_the_loaded_net_gives_the_probabilities_of_the_test(run):
    model = load_model(run)
    assert not model.training
    predictions = run.predictions("test")
    source = DrawnShapes(num_train=20, num_test=6)
    images = source.load("test").keep_classes(tuple(predictions.class_names)).images
    with torch.no_grad():
        probabilities = model(images).double().softmax(dim=1).numpy()
    assert np.allclose(probabilities, predictions.probabilities, atol=1e-6)


def test_images_are_predicted_in_the_order_of_their_names(run, tmp_path):
    pixels = DrawnShapes(num_train=1, num_test=2).load("test").images.permute(0, 2, 3, 1).numpy()
    for name, image in zip("bca", pixels, strict=False):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    predictions = predict(run, tmp_path, accelerator="cpu")
    assert predictions.files == ["a.png", "b.png", "c.png"]
    with torch.no_grad():
        expected = load_model(run)(torch.from_numpy(pixels[[2, 0, 1]]).permute(0, 3, 1, 2)).double().softmax(dim=1)
    assert np.allclose(predictions.probabilities, expected.numpy(), atol=1e-6)
    assert predictions["circle"].tolist() == predictions.probabilities[:, 0].tolist()
    predictions.write(tmp_path / "predictions.csv")
    header, first, *_ = (tmp_path / "predictions.csv").read_text().splitlines()
    assert header == "file,predicted,circle,square,triangle,star,cross"
    assert first.startswith(f"a.png,{predictions.predicted[0]},")


def test_scores_that_changed_are_read_anew(tmp_path, undrawn):
    settings = {**SMALL, "trainer.logger.save_dir": str(tmp_path)}
    run = fit("quickstart", settings, progress=False)
    first = score_run(run).to_dict()
    assert run.scores == first
    fit("quickstart", {**settings, "trainer.max_epochs": 4}, ckpt_path=run.folder, progress=False)
    with pytest.raises(ValueError, match=r"scores\.json"):
        load_run(run.folder).scores  # noqa: B018
    score_run(run)
    assert run.scores["run"]["epoch"] == 4
