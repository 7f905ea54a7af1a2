"""TensorBoard's curves of a run, and the number of its folder."""

import contextlib
import os
import shutil
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from cifar_lightning.runs.disk import naming
from cifar_lightning.runs.folder import find_versions
from cifar_lightning.runs.signals import signals_held

SPLITS = ("train", "val")


class RunLogger(TensorBoardLogger):
    """Draws training and validation on one chart, with the epoch as x-axis.

    TensorBoard lays equal tags of different folders over one another: `train_loss` is `loss` in the sub-folder `train`,
    `val_loss` is `loss` in `val`. The run folder itself gets the hyper-parameters and the final scores.

    Args:
        save_dir: where all runs go.
        name: of the run; its folder is `save_dir/name/version_N`.
        version: N, or the folder's name; None: the next free N, taken for good as soon as it is asked for.
    """

    def __init__(self, save_dir: str = "lightning_logs", name: str = "run", version: int | str | None = None) -> None:
        # Lightning expands them in the folder of a run, but not where it counts the versions.
        save_dir = os.path.expanduser(os.path.expandvars(save_dir))
        super().__init__(save_dir, name=name, version=version, default_hp_metric=False)
        # A resumed run replaces older curves from this epoch on.
        self.first_epoch: int | None = None
        self._claimed: list[Path] = []
        self._split_writers: dict[str, SummaryWriter] = {}

    def _get_next_version(self) -> int:
        root = Path(self.root_dir)
        versions = find_versions(root)
        number = int(versions[0].name.removeprefix("version_")) + 1 if versions else 0
        if getattr(rank_zero_only, "rank", 0) != 0:
            return number
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        root.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                # Fits that start at once each get a folder.
                (root / f"version_{number}").mkdir()
                self._claimed = [root / f"version_{number}", *missing]
                return number
            except FileExistsError:
                number += 1

    def release(self) -> None:
        """Removes the folder that was claimed for a run that left nothing."""
        if self._claimed:
            run, *parents = self._claimed
            shutil.rmtree(run, ignore_errors=True)
            with contextlib.suppress(OSError):
                for folder in parents:
                    folder.rmdir()  # unless another run has come to stay

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        epoch = int(metrics.get("epoch", step or 0))
        curves: dict[SummaryWriter, list[Summary.Value]] = {}
        with signals_held():
            for key, value in metrics.items():
                split, _, tag = key.partition("_")
                if split in SPLITS:
                    curves.setdefault(self._split_writer(split), []).append(Summary.Value(tag=tag, simple_value=value))
                elif key != "epoch":
                    self.experiment.add_scalar(key, value, epoch)
            for writer, values in curves.items():
                # As one event, which takes a third of the time of `add_scalar` for each.
                writer._get_file_writer().add_summary(Summary(value=values), epoch)

    def _split_writer(self, split: str) -> SummaryWriter:
        if split not in self._split_writers:
            self._split_writers[split] = SummaryWriter(
                str(Path(self.log_dir, split)), purge_step=self.first_epoch, max_queue=10_000, flush_secs=3600
            )
        return self._split_writers[split]

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, metrics: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Keeps `params`, to be written with the final scores."""
        self.hparams.update(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def log_scores(self, scores: dict[str, float], epoch: int) -> None:
        """Writes hyper-parameters and scores of a finished run for TensorBoard's HParams tab."""
        expected = dict.fromkeys([*scores, "test/loss", "test/accuracy"], 0.0)
        with signals_held():
            for summary in hparams(self.hparams, expected):
                self.experiment._get_file_writer().add_summary(summary)
            for tag, value in scores.items():
                self.experiment.add_scalar(tag, value, epoch)
            # Or its thread would stay.
            self.experiment.close()

    @rank_zero_only
    def flush(self) -> None:
        """Brings to the disk what was logged so far."""
        with signals_held():
            for writer in (self.experiment, *self._split_writers.values()):
                writer.flush()

    def save(self) -> None:
        """Does nothing: Lightning calls this every epoch; the recorder calls `flush` less often."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        super().finalize(status)
        for writer in self._split_writers.values():
            writer.close()


def log_test_scores(run: Path, scores: dict[str, float], figures: Sequence[Path], epoch: int) -> None:
    """Adds `test/<name>` to the events of a finished run: scores for the HParams tab, PNG files for the image tab."""
    # TensorBoard does not say what it could not write.
    with signals_held(), naming(run), SummaryWriter(str(run)) as writer:
        for name, value in scores.items():
            writer.add_scalar(f"test/{name}", value, epoch)
        for figure in figures:
            with Image.open(figure) as image:
                pixels = np.asarray(image.convert("RGB"))
            writer.add_image(f"test/{figure.stem}", pixels, epoch, dataformats="HWC")
