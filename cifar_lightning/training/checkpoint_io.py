"""Checkpoints held in memory and written every few seconds, whole or not at all."""

import copy
import functools
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from cifar_lightning.runs.disk import write_whole


class HeldCheckpointIO(TorchCheckpointIO):
    """Keeps the newest state of each path, until `flush` writes it.

    An epoch of the lab takes less time than writing a checkpoint, so not every one is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[Path, dict[str, Any]] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Holds `checkpoint` for `path`, and for the path in `storage_options`, if there is one: both or none."""
        paths = [Path(path), *([Path(storage_options)] if storage_options else [])]
        # In one step, since Ctrl-C may come at any.
        self.held = {**self.held, **dict.fromkeys(paths, copy.deepcopy(checkpoint))}

    def remove_checkpoint(self, path: str | Path) -> None:
        self.held.pop(Path(path), None)
        super().remove_checkpoint(path)

    def flush(self) -> None:
        """Writes everything that is held. What cannot be written stays held.

        Raises OSError for the first folder that could not be written to, after all others were.
        """
        failures: dict[Path, OSError] = {}
        # `best.ckpt` before `last.ckpt`, which knows the best loss: in this order a kill in between loses neither.
        for path, checkpoint in sorted(self.held.items(), key=lambda item: item[0]):
            # Another callback's folder may be full where that of the run is not.
            if path.parent in failures:
                continue
            try:
                write_whole(path, functools.partial(torch.save, checkpoint))
                del self.held[path]
            except OSError as error:
                failures[path.parent] = error
        if failures:
            raise next(iter(failures.values()))
