"""The parser from which shtab makes the completion of a shell."""

import argparse
import contextlib
import io
import re

from cifar_lightning.cli.main import COMMANDS, main
from cifar_lightning.training.configs import list_configs

_FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}


def make_parser() -> argparse.ArgumentParser:
    """A parser with every command, and for each the options that its help shows."""
    parser = argparse.ArgumentParser("cifar-lightning", description=__doc__)
    commands = parser.add_subparsers()
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, add_help=False)
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            main([name, "--help"])
        for option in dict.fromkeys(re.findall(r"^  (?:-\w, )?(--[\w.]+)", shown.getvalue(), re.MULTILINE)):
            if option == "--config":
                command.add_argument(option, choices=list_configs())
            else:
                command.add_argument(option).complete = _FILES  # type: ignore[attr-defined]
    return parser
