"""Trainer, net and data of a run, built from its settings by Lightning's own command line class."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse.typing import PositiveInt
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from cifar_lightning.data import SubsetDataModule
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.training.checkpoints import Checkpoint
from cifar_lightning.training.configs import find_fit_config, resolve_configs
from cifar_lightning.training.machine import num_cores, use_threads
from cifar_lightning.training.parser import SettingsParser
from cifar_lightning.training.profiler import NarrowProfiler
from cifar_lightning.training.run_loggers import RUN_LOGGER

Config = str | Path | Mapping[str, Any]
TRAINER_DEFAULTS = {
    "max_epochs": 500,
    "devices": 1,
    "logger": {"class_path": RUN_LOGGER},
    # Nothing is logged within an epoch, so the trainer need not look.
    "log_every_n_steps": 1_000_000,
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,
}


class Experiment(LightningCLI):
    """`trainer`, `model` and `datamodule` as settings describe them; nothing is run.

    The `arguments` are those of the command line: `--config FILE`, `--trainer.max_epochs 20`. Raises ValueError if a
    setting is wrong, or the `checkpoint` of a subclass does not belong to the net or to its folder.
    """

    model: ImageClassifier
    datamodule: SubsetDataModule
    checkpoint: Checkpoint | None = None

    def __init__(self, arguments: Sequence[str]) -> None:
        try:
            super().__init__(
                ImageClassifier,
                SubsetDataModule,
                save_config_callback=None,
                seed_everything_default=0,
                trainer_defaults=dict(TRAINER_DEFAULTS),
                parser_class=SettingsParser,
                parser_kwargs={"prog": "cifar-lightning fit", "description": "Trains a net and writes its run folder."},
                args=list(arguments),
                run=False,
                auto_configure_optimizers=False,
            )
        except MisconfigurationException as error:
            raise ValueError(" ".join(str(error).split())) from error

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--num_threads",
            type=PositiveInt | None,
            default=None,
            help="torch's threads on the CPU (null: all cores); other numbers give other last bits",
        )
        parser.add_argument(
            "--ckpt_path", type=str | None, help="what to resume: a run folder, a checkpoint file, or `last`"
        )
        parser.link_arguments("data.class_names", "model.class_names", apply_on="instantiate")
        parser.link_arguments("data.image_size", "model.image_size", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        # Without Lightning's warning about `sys.argv`.
        self.config = parser.parse_args(resolve_configs(args, find_fit_config))

    def before_instantiate_classes(self) -> None:
        accelerator = self.config.trainer.accelerator
        if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
            raise ValueError(
                f"expected a GPU for trainer.accelerator {accelerator}, but torch sees none here;"
                " use --trainer.accelerator auto or cpu"
            )
        if self.config.num_threads is None:
            self.config.num_threads = num_cores()
        use_threads(self.config.num_threads)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self.config.trainer.profiler == "simple":
            kwargs["profiler"] = NarrowProfiler()
        return super().instantiate_trainer(**kwargs)

    def instantiate_classes(self) -> None:
        super().instantiate_classes()
        if self.checkpoint is not None:
            # As the trainer will do, so that the weights are compared in the precision that they were saved in.
            self.trainer.precision_plugin.convert_module(self.model)
            self.checkpoint.check_model(self.model)

    def settings(self) -> dict[str, Any]:
        """The complete settings as plain values, as `config.yaml` has them."""
        settings: dict[str, Any] = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        return settings


def make_run_parser() -> SettingsParser:
    """The parser of what a study hands to every run."""
    parser = SettingsParser()
    for kind, group in ((Trainer, "trainer"), (ImageClassifier, "model"), (SubsetDataModule, "data")):
        parser.add_lightning_class_args(kind, group)
    return parser


def to_arguments(config: Config | Sequence[Config], settings: Mapping[str, Any] | None = None) -> list[str]:
    """Configs, each a name, a path or a mapping, and settings by their dotted names, as command line arguments."""
    configs = config if isinstance(config, Sequence) and not isinstance(config, str) else [config]
    # jsonargparse takes the text of a config in place of its path.
    named = [("config", one) for one in configs] + list((settings or {}).items())
    return [f"--{key}={value if isinstance(value, str | Path) else json.dumps(value)}" for key, value in named]
