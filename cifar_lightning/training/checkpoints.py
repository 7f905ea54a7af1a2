"""Checkpoints: the block that resuming needs, and files read without running anything in them."""

import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs import folder
from cifar_lightning.runs.settings import load_plain_yaml, read_settings
from cifar_lightning.runs.signals import signals_held
from cifar_lightning.training.saved_settings import LIMITS, refuse_changes

BLOCK = "cifar_lightning"


@dataclass
class ResumeState:
    """What a run needs to resume besides Lightning's own entries: the entry `cifar_lightning` of every checkpoint.

    All are plain values and tensors, which `torch.load(weights_only=True)` reads.

    Attributes:
        num_epochs: the number of finished epochs.
        is_finished: whether the last begun epoch is finished; other callbacks may save before its end.
        class_names: K names, in the order of the labels.
        config: the resolved settings as YAML, as in `config.yaml`.
        curves: the text of `curves.csv`.
        best_loss: the lowest validation loss so far.
        stopped_early: whether a callback such as EarlyStopping ended the run.
        random_state: torch's generators, uint8 tensors: "cpu", and "cuda" where a GPU is in use.
        logger_versions: the id of the record that each other logger has of the run, by the logger's class.
    """

    num_epochs: int
    is_finished: bool
    class_names: list[str]
    config: str
    curves: str
    best_loss: float = float("inf")
    stopped_early: bool = False
    random_state: dict[str, torch.Tensor] = field(default_factory=dict)
    logger_versions: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """Seconds of fitting so far; None before the first epoch is finished."""
        _, *rows = self.curves.splitlines()
        return float(rows[-1].rpartition(",")[2]) if rows else None


@dataclass
class Checkpoint:
    """A checkpoint that was read: the classifier's state and arguments, and what resuming needs.

    Attributes:
        has_loops: whether Lightning's loop state is in it.
        global_step: the number of the optimiser's steps so far.
    """

    path: Path
    weights: dict[str, Any]
    hyper_parameters: dict[str, Any]
    resume: ResumeState
    has_loops: bool
    global_step: int

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Reads `path`; nothing in it can run.

        Raises ValueError if the file is damaged, was not written by `fit`, or holds more than tensors and plain values.
        """
        try:
            # torch compares no checksums. What a signal raises in a destructor, as ZipFile's, is lost.
            with signals_held():
                if zipfile.ZipFile(path).testzip() is not None:
                    raise zipfile.BadZipFile("a checksum differs")
            contents = torch.load(path, map_location="cpu", weights_only=True)
        except (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
            best = path.with_name(folder.BEST_CHECKPOINT)
            has_best = path.name == folder.LAST_CHECKPOINT and best.is_file()
            advice = f"try {best}, the epoch of the lowest validation loss" if has_best else "name another one"
            raise ValueError(
                f"expected a whole checkpoint of tensors and plain values, but {path} is none; it is not loaded:"
                f" {advice}"
            ) from error
        try:
            return cls(
                path=path,
                weights=contents["state_dict"],
                hyper_parameters=contents["hyper_parameters"],
                resume=ResumeState(**contents[BLOCK]),
                has_loops="loops" in contents,
                global_step=contents["global_step"],
            )
        except (LookupError, TypeError) as error:
            raise ValueError(
                f"expected a checkpoint of `cifar-lightning fit`, but {path} is none; name a run folder"
            ) from error

    def check_model(self, model: ImageClassifier) -> None:
        """Makes sure that the checkpoint belongs to `model`, and to the run folder that it is in.

        Raises ValueError if it was trained on other classes or for another net, belongs to another run, or diverged.
        """
        if self.resume.class_names != model.class_names:
            raise ValueError(
                f"expected the classes that {self.path} was trained on, {self.resume.class_names}, got"
                f" {model.class_names}; leave out --data.classes"
            )
        refuse_changes(
            self.hyper_parameters,
            dict(model.hparams),
            ("backbone", "num_outputs", "image_size"),
            besides=(),
            owner=f"as {self.path} was trained with",
            advice="leave out what changes the net",
        )
        if _describe(self.weights) != _describe(model.state_dict()):
            raise ValueError(
                f"expected the weights of {type(model.backbone).__name__}, but {self.path} holds those of another net"
            )
        if not all(bool(self.weights[name].isfinite().all()) for name, _ in model.named_parameters()):
            raise ValueError(
                f"expected finite weights, but the training of {self.path} has diverged; fit again with a lower"
                " learning rate"
            )
        if (run := folder.find_run_folder(self.path)) is not None:
            refuse_changes(
                load_plain_yaml(self.resume.config),
                read_settings(run / folder.CONFIG),
                ("data", "model", "seed_everything", "num_threads", "trainer"),
                besides=(*LIMITS, "trainer.logger"),
                owner=f"as {self.path} was made with",
                advice=f"it or {run / folder.CONFIG} is edited or belongs to another run; put the right one back",
            )


def _describe(weights: dict[str, Any]) -> dict[str, Any]:
    # A module may keep more than tensors (`get_extra_state`).
    return {
        name: (value.shape, value.dtype) if isinstance(value, torch.Tensor) else type(value)
        for name, value in weights.items()
    }
