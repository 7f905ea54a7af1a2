"""`fit`, `validate`, `test` and `predict`, on LightningCLI."""

import contextlib
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cifar_lightning.cli.checkpoints import (
    check_checkpoint,
    find_checkpoint_argument,
    load_checkpoint,
    restoring,
)
from cifar_lightning.cli.machine import num_cores, use_threads
from cifar_lightning.cli.outputs import PREDICTIONS_START, check_output
from cifar_lightning.cli.parser import SentenceParser, find_reason
from cifar_lightning.cli.plain_loop import PlainEpochLoop, is_plain
from cifar_lightning.cli.predict import predict_files
from cifar_lightning.cli.progress import EpochProgress
from cifar_lightning.cli.quiet import silence_framework
from cifar_lightning.cli.refusals import refuse_settings
from cifar_lightning.cli.resuming import (
    find_resumed,
    logger_options,
    refuse_going_on,
    refuse_taken_version,
)
from cifar_lightning.cli.saved_settings import LIMITS, read_saved_config, refuse_changes
from cifar_lightning.cli.stopping import CTRL_C
from cifar_lightning.cli.tables import print_fit_summary, print_scores
from cifar_lightning.cli.testing import OutputCollector, score_run
from cifar_lightning.compare.wording import count
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.disk import naming
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs import folder
from cifar_lightning.runs.logger import RunLogger
from cifar_lightning.runs.overfitting import validation_name
from cifar_lightning.runs.recorder import RunRecorder, is_time_up
from cifar_lightning.runs.settings import flatten

_RUN_LOGGER = "cifar_lightning.runs.logger.RunLogger"


def run_trainer_command(command: str, arguments: list[str]) -> int:
    """Runs one of Lightning's commands and returns its exit code."""
    silence_framework()
    checkpoint = run = None
    if command != "fit":
        arguments, checkpoint = find_checkpoint_argument(command, arguments)
    if command == "test" and checkpoint is not None:
        run = folder.find_run_folder(checkpoint)
    try:
        # The scores are to be those of the run as it is then.
        with folder.hold(run) if run is not None else contextlib.nullcontext():
            RunCLI(command, arguments, checkpoint)
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error
    except SystemExit as stop:
        # The trainer's own answer to Ctrl-C is 1, as is that of Rich to a closed pipe.
        raise SystemExit(CTRL_C if isinstance(stop.__context__, KeyboardInterrupt) else stop.code) from None
    return 0


def resolve_settings(arguments: list[str]) -> dict[str, Any]:
    """The complete settings of a `fit` with these arguments, as they would be saved.

    Net, data module and trainer are built, so that every mistake in the settings is found, but nothing is run.
    """
    silence_framework()
    try:
        return _CheckedSettings("fit", arguments)._settings_as_yaml()
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error


class RunCLI(LightningCLI):
    """LightningCLI for one command: its settings, its run folder, what it prints.

    Args:
        command: `fit`, `validate`, `test` or `predict`.
        arguments: what stands behind it.
        checkpoint: the file that `--ckpt_path` means; None for `fit`, which finds it among its settings.
    """

    def __init__(self, command: str, arguments: list[str], checkpoint: Path | None = None) -> None:
        self.command = command
        self.checkpoint = checkpoint
        super().__init__(
            ImageClassifier,
            SubsetDataModule,
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults={
                "max_epochs": 500,
                "devices": 1,
                "logger": {"class_path": _RUN_LOGGER},
                # Nothing is logged within an epoch, so the trainer need not look.
                "log_every_n_steps": 1_000_000,
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
            },
            parser_class=SentenceParser,
            args=[command, *arguments],
            auto_configure_optimizers=False,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        # Building the parser of a command takes time; one is enough.
        return {
            self.command: LightningCLI.subcommands()[self.command] | {"verbose", "weights_only", "return_predictions"}
        }

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        self.config = parser.parse_args(args)
        if self.settings.trainer.logger is True:
            # Lightning would take a logger of its own, whose folder holds no run.
            options = inspect.signature(RunLogger).parameters
            init_args = Namespace({name: option.default for name, option in options.items()})
            self.settings.trainer.logger = Namespace(class_path=_RUN_LOGGER, init_args=init_args)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--num_threads",
            type=PositiveInt | None,
            default=None,
            help="torch's threads on the CPU (null: all cores); other numbers give other last bits",
        )
        if self.command == "predict":
            parser.add_argument("--images", type=str, required=True, help="a picture, or a folder of pictures")
            parser.add_argument("--output", type=str, default="predictions.csv", help="the CSV file to write")
        if self.command == "predict" and self.checkpoint is not None:
            # The pictures that the net was trained on may be far away.
            trained = load_checkpoint(self.checkpoint)["hyper_parameters"]
            parser.set_defaults({f"model.{name}": trained[name] for name in ("class_names", "image_size")})
            return
        parser.link_arguments("data.class_names", "model.class_names", apply_on="instantiate")
        parser.link_arguments("data.image_size", "model.image_size", apply_on="instantiate")

    @property
    def settings(self) -> Any:
        """The parsed settings of the command."""
        return self.config[self.command]

    def _parse_ckpt_path(self) -> None:
        # Lightning would let the checkpoint's hyper-parameters replace the settings; here they must agree.
        self.resumed: Path | None = None
        if self.command == "fit" and self.settings.ckpt_path is not None:
            self.checkpoint, self.resumed = find_resumed(self.settings)
            self.settings.ckpt_path = str(self.checkpoint)
            if self.resumed is not None:
                options = logger_options(self.settings)
                options["save_dir"], options["name"] = str(self.resumed.parent), ""
                options["version"] = self.resumed.name

    def before_instantiate_classes(self) -> None:
        settings = self.settings
        refuse_settings(settings)
        if settings.trainer.logger is None:
            # Lightning would take null for a logger of its own, whose folder holds no run.
            settings.trainer.logger = False
        run = self.resumed
        if self.command in ("test", "validate") and self.checkpoint is not None:
            run = folder.find_run_folder(self.checkpoint)
        saved = read_saved_config(run) if run is not None else None
        if settings.num_threads is None:
            settings.num_threads = saved.get("num_threads") if saved and self.resumed else None
        if settings.num_threads is None:
            settings.num_threads = num_cores()
        use_threads(settings.num_threads)
        if saved is not None:
            assert run is not None
            refuse_changes(run, saved, self._settings_as_yaml(), with_training=self.command == "fit")
        if self.command == "fit" and self.resumed is None:
            refuse_taken_version(settings)
        self.run_name = logger_options(settings).get("name") or "run"
        if self.command != "fit":
            settings.trainer.logger = False
            # Distributed samplers pad with repeats, which would count some pictures twice.
            settings.trainer.devices = 1
            for name in ("test", "predict", "val"):
                # A share of the pictures would pass for all of them.
                settings.trainer[f"limit_{name}_batches"] = None
            settings.trainer.fast_dev_run = False
        if self.command == "predict":
            check_output("--output", Path(settings.output), "predictions.csv", PREDICTIONS_START)

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
            if isinstance(error, ValueError) and "Union subtypes" not in str(error):
                raise
            # Of a class that the settings name, or of Lightning, about its arguments.
            raise ValueError(
                f"expected arguments that the classes of the settings take, but one fails on them"
                f" ({type(error).__name__}: {find_reason(str(error))}); fix them"
            ) from error
        if self.checkpoint is not None:
            # As the trainer will do, so that the weights are compared in the precision that they were saved in.
            self.trainer.precision_plugin.convert_module(self.model)
            self.trained = check_checkpoint(self.checkpoint, self.model)
            if self.command == "fit":
                limits = self.settings.trainer
                refuse_going_on(self.checkpoint, self.trained, limits.max_epochs, self.trainer.max_steps)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        callbacks: list[Any] = []
        # Of a run that goes on, as arguments: its `config.yaml` has them only once an epoch more is kept.
        self.new_limits: list[str] = []
        self.recorder: RunRecorder | None = None
        if self.settings.trainer.enable_progress_bar is not False:
            callbacks.append(EpochProgress())
        # Without a logger there is no folder of its own that a run could be kept in.
        has_folder = bool(self.settings.trainer.logger) and self.settings.trainer.enable_checkpointing is not False
        if not has_folder and not self.settings.trainer.callbacks:
            # Or Lightning's own checkpoints would fall into the working folder.
            kwargs["enable_checkpointing"] = False
        if self.command == "fit" and has_folder and not self.settings.trainer.fast_dev_run:
            self.recorder = RunRecorder(self._saved_config(), keep_best=self.datamodule.val_fraction > 0)
            callbacks.append(self.recorder)
        if self.command == "test":
            self.collector = OutputCollector()
            callbacks.append(self.collector)
        self.trainer_defaults["callbacks"] = callbacks
        trainer: Any = super().instantiate_trainer(**kwargs)
        # Other callbacks' checkpoints are to hold the epoch's line of the curves, which the recorder adds.
        trainer.callbacks.sort(key=lambda callback: (isinstance(callback, Checkpoint), callback is not self.recorder))
        if is_plain(trainer):
            lightnings = trainer.fit_loop.epoch_loop
            trainer.fit_loop.epoch_loop = PlainEpochLoop(trainer, lightnings.min_steps, lightnings.max_steps)
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        with restoring(self.checkpoint):
            super()._run_subcommand(subcommand)

    def _settings_as_yaml(self) -> dict[str, Any]:
        """The settings as they would be saved."""
        loaded = yaml.safe_load(self._parser(self.command).dump(self.settings, skip_none=False))
        assert isinstance(loaded, dict)
        for key, value in flatten(loaded).items():
            # Lists are of plain values, or of callbacks and their arguments.
            if unable := re.search(r"(?:'(\w+)': ')?Unable to serialize instance ([^']+)", str(value)):
                inner = f"{unable[1]} of " if unable[1] else ""
                raise ValueError(
                    f"expected settings that a {folder.CONFIG} can hold, got the object {unable[2][:200]} for"
                    f" {inner}{key}; write the arguments of that class out, with null for those it cannot hold"
                )
        return loaded

    def _saved_config(self) -> str:
        """The resolved settings as YAML, enough to make this run again as a new one."""
        config = self._settings_as_yaml()
        config["ckpt_path"] = None
        if self.resumed is not None:
            # The run keeps its settings, but for how long it is.
            limits, config = config["trainer"], read_saved_config(self.resumed)
            for key in LIMITS:
                name = key.removeprefix("trainer.")
                if config["trainer"].get(name) != limits[name]:
                    self.new_limits += [f"--{key}", "null" if limits[name] is None else str(limits[name])]
                config["trainer"][name] = limits[name]
        elif isinstance(config["trainer"]["logger"], dict) and "init_args" in config["trainer"]["logger"]:
            # A number claimed by this run is no setting: fitting the same config again takes the next one.
            config["trainer"]["logger"]["init_args"]["version"] = None
        return yaml.safe_dump(config, sort_keys=False)

    def fit(self, model: ImageClassifier, datamodule: SubsetDataModule, **kwargs: Any) -> None:
        logger = self.trainer.logger
        if isinstance(logger, RunLogger):
            logger.log_hyperparams(_hyperparameters(self.settings))
        if self.checkpoint is not None and self.resumed is None:
            print(f"{self.checkpoint} lies in no run folder; going on from it as a new run: {self._run_folder()}")
        is_first = getattr(rank_zero_only, "rank", 0) == 0
        held = folder.hold(self._run_folder()) if self.recorder and is_first else contextlib.nullcontext()
        try:
            # TensorBoard does not say what it could not write.
            with naming(self._run_folder()), held:
                self.trainer.fit(model, datamodule=datamodule, weights_only=True, **kwargs)
        except (SystemExit, OSError, MemoryError, torch.OutOfMemoryError):
            # SystemExit is how Ctrl-C and SIGTERM arrive here.
            self._say_how_to_go_on()
            raise
        finally:
            # Curves alone are kept where no checkpoints are asked for.
            is_run = self._last_checkpoint().exists() or (self.recorder is None and self.trainer.current_epoch > 0)
            if isinstance(logger, RunLogger) and not is_run:
                logger.release()
        if not self.trainer.is_global_zero:
            return
        scores = self._final_scores()
        if scores and isinstance(logger, RunLogger):
            with naming(self._run_folder()):
                logger.log_scores(scores, self.trainer.current_epoch)
        if is_time_up(self.trainer) or (self.checkpoint is not None and not scores):
            self._say_what_ended_it()
        run = self._run_folder() if self.recorder and self._last_checkpoint().exists() else None
        curves = self.recorder.curves if self.recorder else None
        events = self._run_folder() if isinstance(logger, RunLogger) and self._run_folder().is_dir() else None
        print_fit_summary(run, events, scores, curves, lab_protocol=datamodule.validate_on_test)

    def _say_what_ended_it(self) -> None:
        if is_time_up(self.trainer):
            print("the run has used up its time; raise trainer.max_time to go on")
            return
        said = f"nothing was left to train after {self.trained.num_epochs} epochs"
        if self.trainer.should_stop:
            print(f"{said}, where a callback stopped it early; raise trainer.min_epochs to go on")
        else:
            print(f"{said}; raise trainer.max_epochs to go on")

    def _final_scores(self) -> dict[str, float]:
        """Of the last finished epoch, as `train/loss`; empty if nothing was trained."""
        metrics = {key: value.item() for key, value in self.trainer.callback_metrics.items()}
        if metrics and self.recorder:
            # The trainer has those of an epoch that was cut short too.
            metrics = self.recorder.last_epoch()
        return {
            f"{split}/{metric}": metrics[f"{split}_{metric}"]
            for split in ("train", "val")
            for metric in ("loss", "accuracy")
            if f"{split}_{metric}" in metrics
        }

    def _run_folder(self) -> Path:
        # Not the trainer's `log_dir`, which waits for all processes.
        logger = self.trainer.logger
        return Path((logger.log_dir if logger is not None else None) or self.trainer.default_root_dir)

    def _last_checkpoint(self) -> Path:
        return self._run_folder() / folder.CHECKPOINTS / folder.LAST_CHECKPOINT

    def _say_how_to_go_on(self) -> None:
        run = self._run_folder()
        if self._last_checkpoint().is_file():
            arguments = ["fit", "--config", str(run / folder.CONFIG), "--ckpt_path", str(run), *self.new_limits]
            command = shlex.join(arguments)
            print(f"stopped; go on with: cifar-lightning {command}")
        else:
            print("stopped before the first epoch was finished; nothing to go on from")

    def validate(self, model: ImageClassifier, datamodule: SubsetDataModule, **kwargs: Any) -> None:
        if not datamodule.validate_on_test and datamodule.val_fraction == 0:
            raise ValueError("expected a validation share, but this run has none (data.val_fraction 0); use `test`")
        (scores,) = self.trainer.validate(model, datamodule=datamodule, verbose=False, weights_only=True, **kwargs)
        split = validation_name(datamodule.validate_on_test)
        print(f"{split}: loss {scores['val_loss']:.4f}, accuracy {scores['val_accuracy']:.4f}")
        for name in model.class_names:
            print(f"  recall {name}: {scores[f'val_recall/{name}']:.4f}")

    def test(self, model: ImageClassifier, datamodule: SubsetDataModule, **kwargs: Any) -> None:
        self.trainer.test(model, datamodule=datamodule, verbose=False, weights_only=True, **kwargs)
        assert self.checkpoint is not None
        # The trainer has brought the net back to the host; the probes run where the test ran.
        model.to(self.trainer.strategy.root_device)
        with self.trainer.precision_plugin.forward_context():
            scores = score_run(
                self.run_name, self.checkpoint, self.trained, self.settings, model, datamodule, self.collector.logits
            )
        run = folder.find_run_folder(self.checkpoint)
        print_scores(scores, run)

    def predict(self, model: ImageClassifier, datamodule: SubsetDataModule, **kwargs: Any) -> None:
        assert self.checkpoint is not None
        output = Path(self.settings.output)
        num_pictures = predict_files(self.trainer, model, self.checkpoint, Path(self.settings.images), output)
        print(f"{count(num_pictures, 'prediction')}: {output}")


class _CheckedSettings(RunCLI):
    """The command without its run."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def _hyperparameters(settings: Any) -> dict[str, Any]:
    """The settings in which runs differ, flat, for TensorBoard's table."""
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
