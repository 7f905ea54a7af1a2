"""What Lightning says and sets for the whole process, for the length of a block."""

import logging
import os
import signal
import threading
import warnings

import pytest
import torch
from lightning.pytorch import Callback, Trainer, seed_everything

from cifar_lightning.data import DrawnShapes, SubsetDataModule
from cifar_lightning.models.backbones import MaxPoolNet
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.training.quiet import quiet_framework

NAMES = ("lightning", "lightning.pytorch", "lightning.fabric")


def state():
    levels = [logging.getLogger(name).level for name in NAMES]
    return levels, warnings.filters[:], threading.excepthook, torch.get_num_threads(), dict(os.environ)


def change_everything_and_fail(num_threads):
    with quiet_framework():
        seed_everything(3, workers=True, verbose=False)
        torch.set_num_threads(num_threads)
        raise KeyError


def test_everything_is_put_back_though_the_block_fails():
    before = state()
    with pytest.raises(KeyError):
        change_everything_and_fail(num_threads=before[3] + 1)
    assert state() == before


def test_tips_are_not_shown_and_other_warnings_are():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with quiet_framework():
            warnings.warn("The 'train_dataloader' does not have many workers which may be a bottleneck.", stacklevel=1)
            warnings.warn("your net is odd", stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["your net is odd"]


def test_ctrl_c_in_a_trainer_is_a_keyboard_interrupt_and_the_next_one_is_heard():
    class Stop(Callback):
        def on_test_start(self, trainer, pl_module):
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    data = SubsetDataModule(DrawnShapes(num_train=2, num_test=2), classes=None, val_fraction=0)
    with pytest.raises(KeyboardInterrupt), quiet_framework():
        Trainer(accelerator="cpu", logger=False, callbacks=[Stop()], enable_checkpointing=False).test(
            ImageClassifier(MaxPoolNet(), DrawnShapes().class_names), data
        )
    assert signal.getsignal(signal.SIGINT) == before
