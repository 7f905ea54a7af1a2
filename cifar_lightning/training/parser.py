"""Lightning's argument parser, with errors of one sentence."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from cifar_lightning.hints import did_you_mean

_UNKNOWN = re.compile(r"[Uu]nrecognized arguments: (\S+)|Option '([^']+)' is not accepted")
_UNKNOWN_OF_GROUP = re.compile(r"Group '([^']+)' does not accept option '([^']+)'")
_TYPE = re.compile(r"<class '(?:\w+\.)*(\w+)'>")
_TYPE_NAMES = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "NoneType": "null"}


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
    """The key and the last cause of what jsonargparse says in many lines."""
    keys = ".".join(re.findall(r'Parser key "([^"]+)"', message))
    choices = list(
        dict.fromkeys(re.findall(r"'([\w.+-]+)'", " ".join(re.findall(r"typing.Literal\[(.*?)\]", message))))
    )
    # That a value is no path either explains nothing.
    causes = [cause for cause in _causes(error) if type(cause).__name__ != "PathError"] or list(_causes(error))
    nested = [cause for cause in causes if isinstance(cause, SettingsError)]
    if nested:
        return f"in {keys}: {nested[-1]}" if keys not in ("", "config") else str(nested[-1])
    # Said about one of the types that the value may have.
    required = re.search(r"the following arguments are required: [\w., ]+", message)
    text = required[0] if required else " ".join((str(causes[-1]) if causes else message).split())
    text = re.sub(r'^(Parser key "[^"]+": )+', "", text)
    for pattern, said in (
        (r"Expected a (.*)\. Got value: (.*)", "expected a {0}, got {1!r}"),
        (r"Expected a dot import path string: (.*)", "expected a class with its module, as in my_net.MyNet, got {0!r}"),
        (
            r"Import path (\S+) does not correspond to a subclass of (\w+)",
            "expected a class derived from {1}, got {0!r}",
        ),
    ):
        if match := re.search(pattern, text):
            text = said.format(*(_TYPE.sub(_name_type, group) for group in match.groups()))
            break
    if choices and "got" in text:
        text = f"expected one of {', '.join(choices)}, {text[text.index('got') :]}"
    return f"{keys}: {text}; `--help` explains it" if keys else f"{text}; `--help` explains it"


def _name_type(match: re.Match[str]) -> str:
    return _TYPE_NAMES.get(match[1], match[1])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
