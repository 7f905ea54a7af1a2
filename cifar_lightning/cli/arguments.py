"""argparse for the options that are no settings of Lightning's."""

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.folder import CONFIG


class SentenceArguments(argparse.ArgumentParser):
    """Raises a ValueError of one sentence where argparse prints its usage and exits."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        if "required: --ckpt_path" in message:
            word = next(iter(self._given), "")
            is_run = Path(word).suffix == ".ckpt" or Path(word, CONFIG).is_file()
            meant = f"did you mean `--ckpt_path {shlex.quote(word)}`?"
            raise ValueError(f"{message}; {meant if is_run else 'name a run folder, as `fit` prints it'}")
        if unknown := re.match(r"unrecognized arguments: ([^\s=]+)", message):
            hint = did_you_mean(unknown[1], self._option_string_actions, f"`{self.prog} --help` lists the options")
            raise ValueError(f"unknown option {unknown[1]!r}; {hint}")
        raise ValueError(f"{message}; `{self.prog} --help` explains the options")


def parse_checkpoint(command: str, arguments: list[str]) -> tuple[Path, list[str]]:
    """The value of `--ckpt_path`, and the settings beside it."""
    parser = SentenceArguments(prog=f"cifar-lightning {command}", allow_abbrev=False)
    parser.add_argument("--ckpt_path", required=True, type=Path)
    options, rest = parser.parse_known_args(arguments)
    return options.ckpt_path, rest


def refuse_folder(option: str, path: Path) -> None:
    """Raises a ValueError if a folder stands where a file is to be written."""
    if path.is_dir():
        raise ValueError(f"expected a file for {option}, but {path} is a folder; name a file in it")
