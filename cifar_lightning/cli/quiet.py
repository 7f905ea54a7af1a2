"""Keeps Lightning's tips, and warnings a student cannot act on, off the terminal."""

import logging
import os
import threading
import warnings

# By the beginning of their text. Anything else is shown.
_NO_ACTION = (
    ".*does not have many workers.*",  # batches are cut from memory; workers would only cost time
    ".*smaller than the logging interval.*",  # metrics are logged an epoch
    "The `srun` command is available.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*callbacks used to create the checkpoint need to be provided.*",  # the recorder belongs to fit
    ".*Total length of `list` across ranks is zero.*",  # no validation share was asked for
    ".*scheduler is using 'interval': 'epoch'.*",  # so are all; model.scheduler says it
    ".*You're using the WeightAveraging callback, but loading a checkpoint outside.*",  # of its averaged weights
    ".*LeafSpec.*",
    ".*isinstance\\(treespec.*",
    ".*You are using `torch.load` with.*",
    "\\s*Unable to serialize instance",  # that setting is refused
)


def silence_framework() -> None:
    """For this process: errors of Lightning only, and none of the warnings above."""
    # Before Lightning decides whether to advertise.
    os.environ.setdefault("PL_DISABLE_TIPS", "1")
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in _NO_ACTION:
        warnings.filterwarnings("ignore", message=message)
    threading.excepthook = _tell_of_thread


def _tell_of_thread(failure: threading.ExceptHookArgs) -> None:
    # TensorBoard writes from a thread of its own; what the disk refuses there is raised again where it is asked for.
    if not isinstance(failure.exc_value, OSError):
        threading.__excepthook__(failure)
