"""Lightning's argument parser, with errors of one sentence."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from cifar_lightning.hints import did_you_mean

_UNKNOWN = re.compile(r"[Uu]nrecognized arguments: (\S+)|Option '([^']+)' is not accepted")
_UNKNOWN_OF_GROUP = re.compile(r"Group '([^']+)' does not accept option '([^']+)'")


class SettingsError(ValueError):
    """A setting is wrong; the message is one sentence."""


class SettingsParser(LightningArgumentParser):
    """Raises a SettingsError where argparse prints its usage and exits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A key that is cut short is a mistake to report, not to guess at.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if unknown := _UNKNOWN_OF_GROUP.search(message) or _UNKNOWN.search(message):
            name = ".".join(filter(None, unknown.groups())).lstrip("-").partition("=")[0]
            hint = did_you_mean(name, self._known_keys(), "--help lists all keys")
            raise SettingsError(f"unknown key {name!r}; {hint}")
        raise SettingsError(describe_error(message, ex)) from ex

    def _known_keys(self) -> list[str]:
        """Every key, in full and by its last part: errors of nested classes name only that."""
        keys = [action.dest for action in self._actions]
        return list(dict.fromkeys([*keys, *(key.rpartition(".")[2] for key in keys)]))


def describe_error(message: str, error: BaseException | None) -> str:
    """The key, and the last cause of what jsonargparse says in many lines."""
    keys = ".".join(re.findall(r'Parser key "([^"]+)"', message))
    # That a value is no path either explains nothing.
    causes = [cause for cause in _causes(error) if type(cause).__name__ != "PathError"]
    for cause in reversed(causes):
        if isinstance(cause, SettingsError):
            return f"in {keys}: {cause}" if keys not in ("", "config") else str(cause)
    text = " ".join(str(causes[-1] if causes else message).split())
    # The last cause is about one of the types that the value may have; these are about all of them.
    if required := re.search(r"the following arguments are required: [\w., ]+", message):
        text = required[0]
    text = re.sub(r'^(Parser key "[^"]+": )+', "", text)
    choices = re.findall(r"'([\w.+-]+)'", " ".join(re.findall(r"typing.Literal\[(.*?)\]", message)))
    if got := re.search(r"Expected a (?:<class ')?(?:\w+\.)*(.*?)(?:'>)?\. Got value: (.*)", text):
        expected = f"one of {', '.join(dict.fromkeys(choices))}" if choices else got[1]
        text = f"expected {expected}, got {got[2]!r}"
    return f"{keys}: {text}; `--help` explains it" if keys else f"{text}; `--help` explains it"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
