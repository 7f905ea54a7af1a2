"""argparse for the options that are no settings of Lightning's."""

import argparse
import re
from pathlib import Path
from typing import NoReturn

from cifar_lightning.hints import did_you_mean


class SentenceArguments(argparse.ArgumentParser):
    """Raises a ValueError of one sentence where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            raise ValueError(self.describe_unknown(unknown[1]))
        raise ValueError(f"{message}; `{self.prog} --help` explains the options")

    def describe_unknown(self, argument: str) -> str:
        """What to say about an option that the command does not have."""
        name = argument.partition("=")[0]
        hint = did_you_mean(name, self._option_string_actions, f"`{self.prog} --help` lists the options")
        return f"unknown option {name!r}; {hint}"


def parse_checkpoint(command: str, arguments: list[str]) -> tuple[Path, list[str]]:
    """The value of `--ckpt_path`, and the settings beside it; raises a ValueError if it is missing."""
    parser = SentenceArguments(prog=f"cifar-lightning {command}", allow_abbrev=False)
    parser.add_argument("--ckpt_path", type=Path)
    options, rest = parser.parse_known_args(arguments)
    if options.ckpt_path is None:
        raise ValueError(
            f"expected a checkpoint for {command}: add --ckpt_path RUN_FOLDER, as `fit` prints it at its end"
        )
    return options.ckpt_path, rest


def refuse_folder(option: str, path: Path) -> None:
    """Raises a ValueError if a folder stands where a file is to be written."""
    if path.is_dir():
        raise ValueError(f"expected a file for {option}, but {path} is a folder; name a file in it")
