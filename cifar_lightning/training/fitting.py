"""`fit`: trains one net and keeps its run folder."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import lightning
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint as CheckpointCallback
from lightning.pytorch.loggers import MLFlowLogger

from cifar_lightning.runs import folder
from cifar_lightning.runs.disk import naming
from cifar_lightning.runs.run import Run, load_run
from cifar_lightning.runs.settings import read_settings
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.experiment import Config, Experiment, to_arguments
from cifar_lightning.training.logger import RunLogger
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.progress import EpochProgress
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.recorder import METRICS, RunRecorder, is_time_up
from cifar_lightning.training.resuming import find_resumed, refuse_resuming, refuse_taken_version
from cifar_lightning.training.run_loggers import (
    arrange_loggers,
    continue_loggers,
    finish,
    keep_rows,
    list_loggers,
    make_loggers,
    other_loggers,
    run_logger_options,
)
from cifar_lightning.training.saved_settings import LIMITS, refuse_other_experiment

# `plain_loop` builds on Lightning's own loop, which is no public interface.
_TESTED_LIGHTNING = "2.6."


def fit(
    config: Config,
    settings: Mapping[str, Any] | None = None,
    *,
    ckpt_path: Run | str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Trains a net and keeps its run folder.

    Args:
        config: the name of a shipped config (`"avgpool"`), the path of a YAML file, or its contents as a mapping.
        settings: further settings by their dotted names, as `{"trainer.max_epochs": 20}`.
        ckpt_path: what to resume: a run, a checkpoint file of one, or `"last"`: the newest run of that name.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if a setting is wrong, the training diverges, or the settings keep no run folder.
    """
    arguments = to_arguments(config, settings)
    if ckpt_path is not None:
        arguments.append(f"--ckpt_path={ckpt_path.folder if isinstance(ckpt_path, Run) else ckpt_path}")
    with quiet_framework(), OnlyOwnFrames():
        this = Fit(arguments, progress)
        this.run()
    if this.why_not_kept:
        raise ValueError(f"expected a run to keep, but {this.why_not_kept}")
    return load_run(this.folder.absolute())


class Ending(Enum):
    """Why a fit ended before it had all its epochs, or trained none."""

    TIME_UP = "time up"
    STOPPED_EARLY = "stopped early by a callback"
    NOTHING_LEFT = "nothing left"


class Fit(Experiment):
    """A fit that is set up, and run by `run`; its arguments are settings, and `--ckpt_path` to resume a run.

    Attributes:
        checkpoint: the checkpoint to resume from; None for a new run.
        resumed: the run folder that is resumed; None for a new one.
        new_limits: new limits of a resumed run, as arguments; they reach `config.yaml` with its first new epoch.
        recorder: the callback that keeps the run folder; None where none is kept.
    """

    def __init__(self, arguments: Sequence[str], progress: bool = True) -> None:
        self.resumed: Path | None = None
        self.new_limits: list[str] = []
        self.recorder: RunRecorder | None = None
        self._progress = progress
        super().__init__(arguments)

    def before_instantiate_classes(self) -> None:
        settings = self.config
        arrange_loggers(settings)
        saved: dict[str, Any] = {}
        if settings.ckpt_path is None:
            refuse_taken_version(settings)
        else:
            checkpoint, self.resumed = find_resumed(settings)
            self.checkpoint = Checkpoint.read(checkpoint)
            settings.ckpt_path = str(checkpoint)
            if self.resumed is not None:
                options = run_logger_options(settings.trainer)
                options.save_dir, options.name, options.version = str(self.resumed.parent), "", self.resumed.name
                continue_loggers(other_loggers(settings.trainer), self.checkpoint.resume.logger_versions)
                saved = read_settings(self.resumed / folder.CONFIG)
                settings.num_threads = settings.num_threads or saved.get("num_threads")
        super().before_instantiate_classes()
        if self.resumed is not None:
            refuse_other_experiment(self.resumed, saved, self.settings(), with_training=True)

    def instantiate_classes(self) -> None:
        # jsonargparse would not say why a logger cannot be built; `instantiate_trainer` builds them.
        self._loggers, self.config.trainer.logger = self.config.trainer.logger, False
        super().instantiate_classes()
        if self.checkpoint is not None:
            refuse_resuming(self.checkpoint, self.config.trainer.max_epochs, self.trainer.max_steps)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        callbacks: list[Any] = []
        settings = self.config.trainer
        settings.logger = self._loggers
        kwargs["logger"] = make_loggers(list_loggers(settings)) or False
        if not self._progress:
            kwargs["enable_progress_bar"] = False
        elif settings.enable_progress_bar is not False:
            callbacks.append(EpochProgress())
        has_folder = bool(settings.logger) and settings.enable_checkpointing is not False
        if not has_folder and not settings.callbacks:
            # Else Lightning would write its own to the working folder.
            kwargs["enable_checkpointing"] = False
        if has_folder and not settings.fast_dev_run:
            self.recorder = RunRecorder(
                self._config_to_save(),
                self.model.class_names,
                keep_best=self.datamodule.val_fraction > 0,
                resumed=self.checkpoint,
            )
            callbacks.append(self.recorder)
        self.trainer_defaults["callbacks"] = callbacks
        trainer: Any = super().instantiate_trainer(**kwargs)
        # Other checkpoints need the epoch's line of the curves, which the recorder adds.
        trainer.callbacks.sort(key=lambda one: isinstance(one, CheckpointCallback) and one is not self.recorder)
        if lightning.__version__.startswith(_TESTED_LIGHTNING):
            from cifar_lightning.training.plain_loop import PlainEpochLoop, is_plain

            if is_plain(trainer, self.model, self.datamodule):
                lightnings = trainer.fit_loop.epoch_loop
                trainer.fit_loop.epoch_loop = PlainEpochLoop(trainer, lightnings.min_steps, lightnings.max_steps)
        return trainer

    def _config_to_save(self) -> str:
        """The resolved settings as YAML, to make this run again as a new one."""
        config = self.settings()
        config["ckpt_path"] = None
        if self.resumed is not None:
            limits, config = config["trainer"], read_settings(self.resumed / folder.CONFIG)
            for key in LIMITS:
                name = key.removeprefix("trainer.")
                if config["trainer"].get(name) != limits[name]:
                    self.new_limits += [f"--{key}", "null" if limits[name] is None else str(limits[name])]
                config["trainer"][name] = limits[name]
        elif config["trainer"]["logger"]:
            # Fitting the same config again takes the next number.
            run_logger_options(config["trainer"])["version"] = None
        return yaml.safe_dump(config, sort_keys=False)

    @property
    def folder(self) -> Path:
        # Not the trainer's `log_dir`, which waits for all processes.
        return Path(self.logger.log_dir if self.logger else self.trainer.default_root_dir)

    @property
    def logger(self) -> RunLogger | None:
        """The logger of the run folder; None for `trainer.logger` false."""
        return self.trainer.logger if isinstance(self.trainer.logger, RunLogger) else None

    @property
    def is_kept(self) -> bool:
        return self.recorder is not None and (self.folder / folder.CHECKPOINTS / folder.LAST_CHECKPOINT).is_file()

    @property
    def num_new_epochs(self) -> int:
        before = self.checkpoint.resume.num_epochs if self.checkpoint else 0
        return self.recorder.state.num_epochs - before if self.recorder else 0

    @property
    def why_not_kept(self) -> str | None:
        settings = self.config.trainer
        if self.is_kept:
            return None
        if settings.fast_dev_run:
            return "trainer.fast_dev_run only tries a few batches"
        if not settings.logger:
            return f"trainer.logger is {json.dumps(settings.logger)}"
        return "trainer.enable_checkpointing is false" if self.recorder is None else "no epoch was finished"

    def run(self) -> None:
        """Trains the net. When it ends, also on Ctrl-C, the last finished epoch is on the disk."""
        with self.recording():
            self.trainer.fit(self.model, datamodule=self.datamodule, ckpt_path=self.config.ckpt_path, weights_only=True)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Holds the run folder while a block trains the net, and ends what its loggers record."""
        logger = self.logger
        if self.checkpoint is not None:
            keep_rows(self.trainer.loggers, self.checkpoint.resume.num_epochs)
        for one in self.trainer.loggers:
            # MLflow would refuse the new limits of a resumed run.
            if self.resumed is None or not isinstance(one, MLFlowLogger):
                one.log_hyperparams(_hyperparameters(self.config))
        is_held = self.recorder and self.trainer.is_global_zero
        held = folder.hold(self.folder) if is_held else contextlib.nullcontext()
        try:
            # TensorBoard does not say what it could not write.
            with naming(self.folder), held:
                yield
        finally:
            # Curves alone are kept where no checkpoints are asked for.
            if logger and not (self.is_kept or (self.recorder is None and self.trainer.current_epoch > 0)):
                logger.release()
            finish(self.trainer.loggers)
        scores = self.final_scores()
        if self.trainer.is_global_zero and scores and logger:
            with naming(self.folder):
                logger.log_scores(scores, self.trainer.current_epoch)

    @property
    def ending(self) -> Ending | None:
        """Why the run ended early; None if it trained all epochs that were asked for."""
        if is_time_up(self.trainer):
            return Ending.TIME_UP
        num_epochs, max_epochs = self.trainer.current_epoch, self.trainer.max_epochs or -1
        if self.recorder and self.recorder.state.stopped_early and not 0 <= max_epochs <= num_epochs:
            return Ending.STOPPED_EARLY
        return Ending.NOTHING_LEFT if self.checkpoint is not None and not self.final_scores() else None

    def final_scores(self) -> dict[str, float]:
        """Scores of the last finished epoch, as `train/loss`; empty if nothing was trained."""
        metrics = {key: value.item() for key, value in self.trainer.callback_metrics.items()}
        if metrics and self.recorder:
            # The trainer's may be of an epoch that was cut short.
            metrics = self.recorder.last_epoch()
        return {name.replace("_", "/"): metrics[name] for name in METRICS if name in metrics}


def _hyperparameters(settings: Any) -> dict[str, Any]:
    """The settings for TensorBoard's table of runs."""
    model, data = settings.model, settings.data
    optimizer = model.optimizer
    return {
        "backbone": str(model.backbone.class_path).rpartition(".")[2],
        "num_outputs": str(model.num_outputs),
        "optimizer": str(optimizer.class_path).rpartition(".")[2],
        "learning_rate": optimizer.init_args.get("lr", 0.0),
        "momentum": optimizer.init_args.get("momentum", 0.0) or 0.0,
        "batch_size": data.batch_size,
        "max_epochs": settings.trainer.max_epochs,
        "seed": settings.seed_everything,
        "classes": ", ".join(map(str, data.classes)) if data.classes else "all",
        "val_fraction": data.val_fraction,
        "protocol": "lab" if data.validate_on_test else "holdout",
    }
