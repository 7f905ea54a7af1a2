"""argparse for the commands that need none of Lightning's settings."""

import argparse
import re
from typing import NoReturn

from cifar_lightning.hints import did_you_mean


class SentenceArguments(argparse.ArgumentParser):
    """Raises a ValueError of one sentence where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            raise ValueError(self.describe_unknown(unknown[1]))
        raise ValueError(f"{message}; `{self.prog} --help` explains the options")

    def describe_unknown(self, argument: str) -> str:
        """What to say of an option that the command does not have."""
        name = argument.partition("=")[0]
        hint = did_you_mean(name, self._option_string_actions, f"`{self.prog} --help` lists the options")
        return f"unknown option {name!r}; {hint}"
