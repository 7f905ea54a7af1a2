"""Lightning's argument parser, with errors of one sentence."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import get_loader, set_loader
from lightning.pytorch.cli import LightningArgumentParser

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import refuse_aliases

_PLAIN_TYPES = {
    "NoneType": "null",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "Iterable": "a list",
    "list": "a list",
    "dict": "keys and values",
}


def _load_plain_yaml(text: str) -> Any:
    refuse_aliases(text)
    return get_loader("yaml")(text)


set_loader("plain_yaml", _load_plain_yaml, (yaml.YAMLError,))


class SentenceParser(LightningArgumentParser):
    """Raises a ValueError of one sentence where argparse prints its usage and exits.

    Values, and files that stand for a group of keys (`--data FILE`), are read as YAML without aliases.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A key that is cut short is a mistake to be told, not to be guessed at.
        super().__init__(*args, allow_abbrev=False, **{"parser_mode": "plain_yaml", **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(describe_parser_error(message, known_keys(self))) from ex


def known_keys(parser: Any) -> list[str]:
    """All keys of a parser and of its commands' parsers."""
    keys = []
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for choice in action.choices.values():
                keys += known_keys(choice)
        else:
            keys.append(action.dest)
    return keys


def describe_parser_error(message: str, keys: Iterable[str]) -> str:
    """One sentence for what jsonargparse says in many lines: what was expected, what came, what to do."""
    text = " ".join(message.split())
    key = _last_key(text)
    if unknown := re.search(r"[Uu]nrecognized arguments?: (\S+)|Key '([^']+)' is not expected|option '(\S+?)'", text):
        name = next(filter(None, unknown.groups())).lstrip("-").partition("=")[0]
        return _describe_unknown_key(name, keys)
    if flag := re.search(r"argument (?:-\w/)?--(\S+): expected one argument", text):
        return f"expected a value behind --{flag[1]}; add one"
    if file := re.search(r"(?:Unable to load config '(.*?)'|sub-config file (\S+):)(?: -)? ?(.*)", text):
        return _describe_group(re.findall(r'Parser key "([^"]+)"', text)[0], file[1] or file[2], file[3])
    if inner := re.search(r"expected a value for ([\w., ]+); add", text):
        return f"expected a value for {inner[1]} of {key}; add --{key}.{inner[1].partition(',')[0]}"
    if required := re.search(r"following arguments are required: ([\w., ]+)", text):
        names = re.sub(r"\b(fit|validate|test|predict)\.", "", required[1]).strip(" .")
        return f"expected a value for {names}; add --{names.partition(',')[0]}, or a --config that has it"
    if option := re.search(r"Option '([^']+)' is not accepted", text):
        return f"unknown key {option[1]!r}; leave it out, or see the arguments of that class"
    if nested := re.fullmatch(r'Parser key "[^"]+": (expected .*|unknown .*)', text):
        return f"in {key}: {nested[1]}"
    if problem := re.search(r"Problem with given class_path '([^']+)': (.*?)(?: - |$)", text):
        reason = describe_parser_error(problem[2], keys) if "Parser key" in problem[2] else problem[2]
        return f"expected a class for {key}, got {problem[1]!r}, which fails ({reason}); fix its name or its arguments"
    if wrong := re.search(r"Import path (\S+) does not correspond to a subclass of (\w+)", text):
        return f"expected a class derived from {wrong[2]} for {key}, got {wrong[1]!r}; name one by its class_path"
    if function := re.search(r"expects a function or a callable class: (.*?)\.* Got value: (\S+)", text):
        return f"expected a class or a function for {key}, got {function[2]!r} ({function[1]}); fix its name"
    path = re.search(r"Expected a dot import path string: (\S+)", text)
    if path and "Expected a <class" not in text:
        return f"expected a class for {key}, got {path[1]!r}; name it with its module, as in my_net.MyNet"
    if other := re.search(r"Not a valid subclass of (\w+)\. Got value: (.*?) Subclass types", text):
        return f"expected a class derived from {other[1]} for {key}, got {other[2][:100]}; name one by its class_path"
    given = re.search(r"(?:Got value|Given value): (.*)$", text)
    expected = _describe_types(text)
    if given and expected:
        return f"expected {expected} for {key}, got {given[1][:100]!r}; fix it"
    return text if len(text) <= 400 else text[:380] + " ..."


def find_reason(message: str) -> str:
    """Why a class refused its arguments: what it said itself, where jsonargparse lists an error for each type."""
    text = " ".join(message.split())
    _, _, errors = text.partition(" Errors: - ")
    reasons = errors.partition(" Given value type: ")[0].split(" - ")
    own = [reason for reason in reasons if not re.match("Expected a |Not a valid |a class path|a dict ", reason)]
    return (own[0] if errors and own else text)[:300].rstrip(". ")


def _describe_types(text: str) -> str:
    """What jsonargparse would have taken, as in `a whole number or null`."""
    above_zero = "restriction v>0" in text or "Not of type PositiveInt" in text
    expected = ["a whole number above 0"] if above_zero else []
    words: list[str] = []
    for name, literal, path in re.findall(
        r"Expected a (?:<class '([\w.]+)'>|typing\.Literal\[(.*?)\]|(dot import path) string)", text
    ):
        if literal:
            words += [word for word in re.findall(r"[\w.-]+", literal) if word not in words]
        else:
            expected.append("a class" if path else _PLAIN_TYPES.get(name.rpartition(".")[2], f"a {name}"))
    if "a number" in expected:
        # torch takes a tensor for a rate; nobody writes one in a config.
        expected = [name for name in expected if name != "a class"]
    if words:
        expected.insert(0, f"one of {', '.join(words)}")
    return " or ".join(dict.fromkeys(expected))


def _describe_group(key: str, value: str, reason: str) -> str:
    """For a value where a group of keys stands: a file that cannot be read, or no file."""
    if not Path(value).is_file():
        return f"expected keys and values below {key}, got {value!r}; set one of them, as --{key}.KEY VALUE"
    return f"expected plain YAML for {key}, but {value} is none ({reason[:200]}); fix it"


def _last_key(text: str) -> str:
    return ".".join(re.findall(r'Parser key "([^"]+)"', text)) or "a setting"


def _describe_unknown_key(name: str, keys: Iterable[str]) -> str:
    return f"unknown key {name!r}; {did_you_mean(name, keys, '--help lists all keys')}"
