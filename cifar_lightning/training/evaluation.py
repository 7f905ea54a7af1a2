"""A checkpoint with the net and the data that its run was made with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs import folder
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.experiment import Experiment
from cifar_lightning.training.run_loggers import continue_loggers, other_loggers, run_logger_options
from cifar_lightning.training.saved_settings import refuse_other_experiment


class Evaluation(Experiment):
    """Trainer, net and data for the evaluation of a checkpoint, as its run folder and `arguments` laid over it say.

    Attributes:
        run_folder: the run folder that the checkpoint is in; None if it is in none.
        strategy: the name of the run.
        loggers: the settings of the run's loggers beside its own.
    """

    checkpoint: Checkpoint

    def __init__(self, checkpoint: Path, arguments: Sequence[str] = ()) -> None:
        self.checkpoint = Checkpoint.read(checkpoint)
        self.run_folder = folder.find_run_folder(self.checkpoint.path)
        arguments = list(arguments)
        if self.run_folder is not None:
            arguments = [f"--config={self.run_folder / folder.CONFIG}", *arguments]
        elif not any(argument.startswith(("--config", "-c")) for argument in arguments):
            raise ValueError(
                f"expected the settings of {self.checkpoint.path}, but it is in no run folder (no {folder.CONFIG} above"
                " it); add --config"
            )
        super().__init__(arguments)

    def before_instantiate_classes(self) -> None:
        super().before_instantiate_classes()
        settings = self.config.trainer
        self.loggers = other_loggers(settings)
        continue_loggers(self.loggers, self.checkpoint.resume.logger_versions)
        named = settings
        if self.run_folder is not None:
            saved = read_settings(self.run_folder / folder.CONFIG)
            named = saved["trainer"]
            refuse_other_experiment(self.run_folder, saved, self.settings(), with_training=False)
        self.strategy = run_logger_options(named).get("name") or "run"
        settings.logger = False
        # Distributed samplers pad with repeats, which would count some images twice.
        settings.devices = 1
        # A share of the images would pass for all of them.
        settings.limit_test_batches = settings.limit_val_batches = None
        settings.fast_dev_run = False
        settings.enable_progress_bar = False

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        return super().instantiate_trainer(enable_checkpointing=bool(self.config.trainer.callbacks), **kwargs)


def checkpoint_of(run: Run | str | Path) -> Path:
    """The checkpoint file that `run` stands for: itself, or `last.ckpt` of a run folder.

    Raises ValueError if there is none.
    """
    return folder.resolve_checkpoint(run.folder if isinstance(run, Run) else Path(run))


def load_model(run: Run | str | Path) -> ImageClassifier:
    """The trained net of a run (its last epoch), or of a checkpoint file, on the CPU and in evaluation mode.

    Raises:
        ValueError: if there is no checkpoint, or it is damaged.
    """
    checkpoint = Checkpoint.read(checkpoint_of(run))
    return ImageClassifier.load_from_checkpoint(checkpoint.path, map_location="cpu", weights_only=True).eval()
