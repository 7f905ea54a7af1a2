"""The classes with a plain Trainer, as any LightningModule and LightningDataModule."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import instantiate_module
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from cifar_lightning.data import DrawnShapes, SubsetDataModule
from cifar_lightning.models.backbones import AvgPoolNet, MaxPoolNet
from cifar_lightning.models.classifier import ImageClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:(?s).*(instantiate_classes|JsonargparseDeprecation)"),
    pytest.mark.filterwarnings("ignore:The '.*dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
]
NAMES = ["ring", "star"]


def make_trainer(folder, callbacks=(), max_epochs=2):
    return Trainer(
        accelerator="cpu",
        max_epochs=max_epochs,
        logger=CSVLogger(folder),
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def make_data():
    return SubsetDataModule(DrawnShapes(num_train=10, num_test=4), classes=NAMES)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A trainer, its model and data, and the checkpoint of the lowest validation loss."""
    best = ModelCheckpoint(monitor="val_loss")
    trainer = make_trainer(tmp_path_factory.mktemp("runs"), [best])
    model, data = ImageClassifier(AvgPoolNet(), NAMES), make_data()
    trainer.fit(model, datamodule=data)
    return trainer, model, data, best


def logits(model, images):
    with torch.no_grad():
        return model(images.images)


def test_a_checkpoint_follows_a_metric_that_the_classifier_logs(fitted):
    _, _, data, best = fitted
    loaded = ImageClassifier.load_from_checkpoint(best.best_model_path)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(loaded(data.val.images), data.val.labels)
    assert best.best_model_score.item() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("monitor", ["train_loss", "val_loss"])
def test_early_stopping_follows_a_metric_that_the_classifier_logs(tmp_path, monitor):
    # No improvement is enough for it, so that it stops after the second epoch.
    trainer = make_trainer(tmp_path, [EarlyStopping(monitor, min_delta=100, patience=1)], max_epochs=5)
    trainer.fit(ImageClassifier(AvgPoolNet(), NAMES), datamodule=make_data())
    assert trainer.current_epoch == 2


def test_test_gives_loss_and_accuracy_of_every_split_by_its_name(fitted):
    trainer, model, data, _ = fitted
    scores = trainer.test(model, datamodule=data, verbose=False)
    expected = []
    for images, suffix in ((data.train, "/train"), (data.val, "/val"), (data.test, "")):
        answers = logits(model, images)
        loss = nn.functional.cross_entropy(answers, images.labels).item()
        accuracy = (answers.argmax(1) == images.labels).float().mean().item()
        split = {f"test_loss{suffix}": loss, f"test_accuracy{suffix}": accuracy}
        expected.append(pytest.approx(split, rel=1e-5))
    assert scores == expected


def test_other_loaders_are_tested_too(fitted):
    trainer, model, data, _ = fitted
    data.setup("test")
    # In batches of several sizes, of which the mean is that of the images.
    loader, small = data.predict_dataloader(), DataLoader(TensorDataset(data.test.images, data.test.labels), 3)
    (scores,) = trainer.test(model, dataloaders=loader, verbose=False)
    assert scores.keys() == {"test_loss", "test_accuracy"}
    first, second = trainer.test(model, dataloaders=[loader, small], verbose=False)
    assert first == scores
    assert second == {f"{name}/loader_1": pytest.approx(value, rel=1e-5) for name, value in scores.items()}


def test_validate_works(fitted):
    trainer, model, data, _ = fitted
    (scores,) = trainer.validate(model, datamodule=data, verbose=False)
    assert {"val_loss", "val_accuracy", "val_recall/ring", "val_recall/star"} == scores.keys()


def test_predict_gives_the_probabilities_of_the_test_images_also_with_fresh_data(fitted, tmp_path):
    _, model, data, _ = fitted
    probabilities = torch.cat(make_trainer(tmp_path).predict(model, datamodule=make_data()))
    torch.testing.assert_close(probabilities, logits(model, data.test).double().softmax(1))


def test_data_of_other_classes_than_the_nets_are_refused(tmp_path):
    # Three classes, as the lab's are by default.
    data = SubsetDataModule(DrawnShapes(num_train=10, num_test=4), classes=["ring", "star", "cross"])
    with pytest.raises(ValueError, match=r"expected data of the classes \['apple', .*class_names=data.class_names"):
        make_trainer(tmp_path).fit(ImageClassifier(AvgPoolNet()), datamodule=data)


def test_a_checkpoint_has_no_objects_and_is_loaded_without_arguments(fitted):
    trainer, model, data, _ = fitted
    path = trainer.checkpoint_callback.best_model_path + ".now"
    trainer.save_checkpoint(path)
    assert torch.load(path, weights_only=True)["hyper_parameters"]["class_names"] == NAMES
    loaded = ImageClassifier.load_from_checkpoint(path, weights_only=True)
    assert isinstance(loaded.backbone, AvgPoolNet)
    assert loaded.class_names == NAMES
    assert torch.equal(logits(loaded, data.test), logits(model, data.test))


def test_a_checkpoint_is_not_loaded_into_another_net(fitted):
    trainer, _, data, best = fitted
    # Its weights have the same names and shapes.
    message = r"which have '.*AvgPoolNet', got '.*MaxPoolNet'"
    with pytest.raises(ValueError, match=message):
        ImageClassifier.load_from_checkpoint(best.best_model_path, backbone=MaxPoolNet())
    with pytest.raises(ValueError, match=message):
        trainer.test(ImageClassifier(MaxPoolNet(), NAMES), datamodule=data, ckpt_path=best.best_model_path)
    with pytest.raises(ValueError, match=r"which have \"classes \['ring', 'star'\]\", got"):
        ImageClassifier.load_from_checkpoint(best.best_model_path, class_names=["star", "ring"])


def make_sequential(pool):
    return nn.Sequential(nn.Conv2d(3, 4, 5), pool, nn.Flatten())


def test_a_net_that_needs_arguments_is_given_when_a_checkpoint_is_loaded(tmp_path):
    trainer, data = make_trainer(tmp_path, max_epochs=1), make_data()
    model = ImageClassifier(make_sequential(nn.MaxPool2d(4)), NAMES, optimizer=lambda params: torch.optim.Adam(params))
    trainer.fit(model, datamodule=data)
    path = trainer.checkpoint_callback.best_model_path
    data.setup("test")
    loaded = ImageClassifier.load_from_checkpoint(path, backbone=make_sequential(nn.MaxPool2d(4)), weights_only=True)
    assert torch.equal(logits(loaded, data.test), logits(model, data.test))
    with pytest.raises(ValueError, match=r"which have '\(1\): MaxPool2d.*', got '\(1\): AvgPool2d"):
        ImageClassifier.load_from_checkpoint(path, backbone=make_sequential(nn.AvgPool2d(4)))
    with pytest.raises(ValueError, match=r"got None; for a checkpoint, use load_from_checkpoint"):
        ImageClassifier.load_from_checkpoint(path)


def test_what_lightning_builds_from_a_description_describes_itself_alike():
    model = ImageClassifier(AvgPoolNet(), NAMES, num_outputs=5)
    hparams = {name: value for name, value in model.hparams.items() if not name.startswith("_")}
    assert dict(instantiate_module(ImageClassifier, hparams).hparams) == dict(model.hparams)
