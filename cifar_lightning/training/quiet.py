"""Keeps Lightning's tips, and warnings a student cannot act on, off the terminal."""

import contextlib
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator

import torch

from cifar_lightning.runs.signals import signals_handled

_NO_ACTION = (
    ".*does not have many workers.*",  # batches are cut from memory; workers would only cost time
    ".*smaller than the logging interval.*",  # metrics are logged per epoch
    "The `srun` command is available.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*callbacks used to create the checkpoint need to be provided.*",  # the recorder belongs to fit
    ".*Total length of `list` across ranks is zero.*",  # no validation share was asked for
    ".*scheduler is using 'interval': 'epoch'.*",  # all of them do; model.scheduler says so
    ".*You're using the WeightAveraging callback, but loading a checkpoint outside.*",
    ".*LeafSpec.*",
)
_VARIABLES = ("PL_DISABLE_TIPS", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")
_LEVELS = {
    **dict.fromkeys(("lightning.pytorch", "lightning.fabric", "lightning"), logging.ERROR),
    # Whoever asks for a profiler wants its table.
    "lightning.pytorch.profilers.profiler": logging.INFO,
}


@contextlib.contextmanager
def quiet_framework() -> Iterator[None]:
    """Shows only errors of Lightning, and none of the warnings above, within the block.

    What Lightning and a fit set for the whole process (torch's threads, the answer to Ctrl-C, variables of the
    environment) is put back at the end, but for the random state. Raises KeyboardInterrupt on Ctrl-C, for which a
    Trainer raises SystemExit.
    """
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    num_threads = torch.get_num_threads()
    os.environ.setdefault("PL_DISABLE_TIPS", "1")
    levels = {name: logging.getLogger(name).level for name in _LEVELS}
    excepthook, threading.excepthook = threading.excepthook, _report_thread
    try:
        with warnings.catch_warnings(), signals_handled({signal.SIGINT: signal.getsignal(signal.SIGINT)}):
            for message in _NO_ACTION:
                warnings.filterwarnings("ignore", message=message)
            for name, level in _LEVELS.items():
                logging.getLogger(name).setLevel(level)
            yield
    except SystemExit as stop:
        # The Trainer's `exit(1)`.
        if stop.code == 1 and isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        threading.excepthook = excepthook
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        torch.set_num_threads(num_threads)
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _report_thread(failure: threading.ExceptHookArgs) -> None:
    # What the disk refuses TensorBoard's thread is raised again in the main one.
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)
