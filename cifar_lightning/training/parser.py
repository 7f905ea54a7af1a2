"""Lightning's argument parser, with errors of one sentence."""

import difflib
import inspect
import itertools
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn, get_args

from jsonargparse import DefaultHelpFormatter
from lightning.pytorch.cli import LightningArgumentParser

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import flatten, read_settings
from cifar_lightning.training.configs import list_configs

_UNKNOWN = re.compile(r"[Uu]nrecognized arguments: (\S+)|Option '([^']+)' is not accepted")
_UNKNOWN_OF_GROUP = re.compile(r"Group '([^']+)' does not accept option '([^']+)'")
# What people write in place of the last part of a key.
_SYNONYMS = {
    "epochs": "max_epochs",
    "learning_rate": "lr",
    "seed": "seed_everything",
    "net": "backbone",
    "device": "accelerator",
    "gpus": "devices",
    **dict.fromkeys(("checkpoint", "resume"), "ckpt_path"),
}
_NUMBERS = {"int": "a whole number such as 20", "float": "a number such as 0.1"}
_NETS = "cifar_lightning.models.backbones"


class _WholeWords(DefaultHelpFormatter):
    """Breaks lines between words alone, and leaves out torch's hundreds of subclasses."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        text = re.sub(r", known subclasses: ([\w.]+, ){8}.*\)", ")", " ".join(text.split()))
        return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


class SettingsError(ValueError):
    """A setting is wrong; the message is one sentence."""


class SettingsParser(LightningArgumentParser):
    """Raises a SettingsError where argparse prints its usage and exits.

    Attributes:
        make_further: makes the parser of keys that are hinted at as well; None where there are no others.
    """

    make_further: Callable[[], "SettingsParser"] | None = None
    _given: Sequence[str] = ()
    # The class whose arguments these are; a function has no parser that knows its name.
    _owner = "it"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, formatter_class=_WholeWords, **kwargs)

    def add_class_arguments(self, theclass: type, *args: Any, **kwargs: Any) -> Any:
        self._owner = theclass.__name__
        return super().add_class_arguments(theclass, *args, **kwargs)

    def parse_args(self, args: Any = None, *others: Any, **kwargs: Any) -> Any:
        self._given = list(args or ())
        return super().parse_args(args, *others, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if unknown := _UNKNOWN_OF_GROUP.search(message) or _UNKNOWN.search(message):
            text = ".".join(filter(None, unknown.groups()))
            name = text.lstrip("-").partition("=")[0]
            if "unrecognized" in message and not text.startswith("-"):
                raise SettingsError(self._describe_stray(text))
            raise SettingsError(self._describe_unknown(name))
        key = ".".join(dict.fromkeys(re.findall(r'Parser key "([^"]+)"', message)))
        for cause in _causes(ex):
            if isinstance(cause, SettingsError):
                where = f"in {key}{self._file_of(key, str(cause))}: " if key not in ("", "config") else ""
                raise SettingsError(f"{where}{cause}") from ex
        said = self._explain(key, message, ex)
        raise SettingsError(f"{key}: {said}" if key else said) from ex

    def _explain(self, key: str, message: str, error: BaseException | None) -> str:
        """One sentence from the many lines of jsonargparse about a value."""
        if required := re.search(r"the following arguments are required: ([\w., ]+)", message):
            names = " and ".join(f"{key}.{name}" for name in required[1].split(", "))
            configs = "add --config avgpool, or another one of `cifar-lightning configs`"
            return f"{required[0]}; {f'set {names}' if key else configs}"
        class_name = re.search(r"Expected a dot import path string: ([\w.]+)$", message, re.MULTILINE)
        # A number may be a tensor too, to torch's optimisers.
        if class_name and not re.search("Expected a <class '(float|int)'>", message):
            return f"there is no class {class_name[1]}; {self._nearest_class(key, class_name[1])}"
        if no_file := re.search('Unable to load config "(.*)"', message):
            advice = _as_yaml(no_file[1]) or _as_config(no_file[1]) or f"{self._help()} explains it"
            return f"expected a file or single settings, got {no_file[1]!r}; {advice}"
        # The last cause is about one of the value's types; that it is no path either explains nothing.
        causes = [cause for cause in _causes(error) if type(cause).__name__ != "PathError"]
        said = re.sub(r'^(Parser key "[^"]+": )+', "", " ".join(str(causes[-1] if causes else message).split()))
        if advice := _import_advice(said):
            return f"{said}; {advice}"
        choices = re.findall(r"'([\w.+-]+)'", " ".join(re.findall(r"typing.Literal\[(.*?)\]", message)))
        if got := re.search(r"Expected a (?:<class ')?(?:\w+\.)*(.*?)(?:'>)?\. Got value: (.*)", said):
            expected = f"one of {', '.join(dict.fromkeys(choices))}" if choices else got[1]
            said = f"expected {expected}, got {got[2]!r}"
        value = re.search(r"(?:Given|Got) value: ((?!\[.*\])[\w ,.\[\]-]+)$", message)
        is_list = value and ("expected list" in said or "," in value[1] or len(self._values_of(key)) > 1)
        if value and is_list and self._takes_list(key):
            return f"{said}; {self._with_brackets(key, value[1])}"
        if got and got[1] in _NUMBERS and not choices:
            said = f"expected {_NUMBERS[got[1]]}, got {got[2]!r}"
            share = re.fullmatch(r"(\d+\.?\d*) ?%", got[2]) if got[1] == "float" else None
            return f"{said}; try {float(share[1]) / 100:g}" if share else said
        return f"{said}; {(got and _as_yaml(got[2])) or f'{self._help()} explains it'}"

    def _nearest_class(self, key: str, class_name: str) -> str:
        kinds = list(_subclasses(getattr(action, "_typehint", None) for action in self._actions if action.dest == key))
        # Of the hundreds of torch's modules few are nets.
        kinds = [kind for kind in kinds if kind.__module__ == _NETS] or kinds
        names = {kind.__name__.lower(): kind.__name__ for kind in kinds}
        nearest = difflib.get_close_matches(class_name.lower(), names, n=1)
        return f"did you mean {names[nearest[0]]}?" if nearest else "name its module as well, as in my_net.MyNet"

    def _describe_unknown(self, name: str) -> str:
        file, value = next(((file, flat[name]) for file, flat in self._files() if name in flat), ("", None))
        said = f"unknown key {name!r} in {file}" if file else f"unknown key {name!r}"
        meant = self._nearest_keys(name) or (self.make_further()._nearest_keys(name) if self.make_further else [])
        values = self._values_of(name)
        if config := _as_config(values[0] if values and meant == ["model.backbone"] else name):
            return f"{said}; {config}"
        if values:
            meant = [f"--{key} {self._as_argument(key, values)}" for key in meant]
        elif file:
            meant = [f"{key}: {value}" for key in meant]
        written = " or ".join(f"`{one}`" if " " in one else repr(one) for one in meant)
        if meant:
            return f"{said}; did you mean {written}?"
        if " " in self.prog:
            return f"{said}; {self._help()} lists all keys"
        names = ", ".join(action.dest for action in self._actions if not action.dest.endswith("help"))
        return f"{said}; {self._owner} takes {names or 'no arguments'}"

    def _file_of(self, key: str, said: str) -> str:
        """` of FILE`, the config with the setting of class `key` that was refused; empty if the command line has it."""
        name = re.sub(r"^unknown key '(.+?)'.*|:.*", r"\1", said)
        setting = re.compile(rf"^\('{key}\b.*\b{re.escape(name)}\b", re.MULTILINE)
        files = [file for file, flat in self._files() if setting.search("\n".join(map(str, flat.items())))]
        return f" of {files[-1]}" if files and not self._values_of(f"{key}.{name}") else ""

    def _nearest_keys(self, name: str) -> list[str]:
        """Keys that end as `name` does, or else the one spelt most like it."""
        known = self._known_keys() - {name.replace("init_args.", "")}
        last = name.rpartition(".")[2]
        last = _SYNONYMS.get(last, last)
        ends = {key.rpartition(".")[2]: key for key in known}
        ends |= {word: ends[end] for word, end in _SYNONYMS.items() if end in ends}
        meant = [key for key in known if key.rpartition(".")[2] == last]
        meant = meant or [key for key in known if key.endswith(f"_{last}")]
        meant = meant or [ends.get(near, near) for near in difflib.get_close_matches(name, [*known, *ends], n=1)]
        return sorted(meant, key=lambda key: (len(key), key))[:2]

    def _known_keys(self) -> set[str]:
        """Every key in full, also of the classes that are set by default or by a config."""
        # Others are set by a link, and no option.
        keys = {action.dest for action in self._actions if f"--{action.dest}" in action.option_strings}
        keys = {key for key in keys if not key.endswith("help")}
        groups = tuple(f"{key.partition('.')[0]}." for key in keys)
        for flat in (flatten(self.get_defaults().as_dict()), *(flat for _, flat in self._files())):
            arguments = [key for key in flat if ".init_args." in key and key.startswith(groups)]
            keys |= {key.replace("init_args.", "") for key in arguments}
        return keys

    def _files(self) -> list[tuple[str, dict[str, Any]]]:
        """The config files on the command line, and their flat settings."""
        configs = [argument.partition("=")[2] for argument in self._given if argument.startswith("--config=")]
        return [(config, flatten(read_settings(Path(config)))) for config in configs if not config.startswith("{")]

    def _values_of(self, name: str) -> list[str]:
        """What the command line has after `--name`."""
        for place, argument in enumerate(self._given):
            option, has_value, value = argument.partition("=")
            if option in (f"-{name}", f"--{name}"):
                following = itertools.takewhile(lambda word: not word.startswith("--"), self._given[place + 1 :])
                return [value] if has_value else list(following)
        return []

    def _as_argument(self, key: str, values: Sequence[str]) -> str:
        if self._takes_list(key) and (len(values) > 1 or "," in values[0]):
            return _bracketed(values)
        return shlex.join(values)

    def _takes_list(self, key: str) -> bool:
        actions = [*self._actions, *(self.make_further()._actions if self.make_further else ())]
        return any("list[" in str(getattr(action, "_typehint", "")) for action in actions if action.dest == key)

    def _with_brackets(self, key: str, got: str) -> str:
        values = self._values_of(key)
        return f"write --{key} {_bracketed(values)}" if values else f"write {key}: [{got.strip('[]')}]"

    def _describe_stray(self, value: str) -> str:
        before = self._given[: self._given.index(value)]
        key = next((word for word in reversed(before) if word.startswith("--")), "").lstrip("-").partition("=")[0]
        if self._takes_list(key):
            return f"expected one list for {key}; {self._with_brackets(key, value)}"
        return f"expected an option, got {value!r}; {_as_config(value) or 'leave it out'}"

    def _help(self) -> str:
        # Parsers of single classes have no name of their own.
        return f"`{self.prog if ' ' in self.prog else 'cifar-lightning fit'} --help_all`"


def _bracketed(values: Sequence[str]) -> str:
    """A list of one or several words, as the shell wants it."""
    words = re.findall(r"[^\s,]+", " ".join(values).strip("[]"))
    return shlex.quote(f"[{','.join(words)}]")


def _as_config(word: str) -> str:
    """A question if `word` is the name of a config, or empty."""
    return f"did you mean `--config {word}`?" if word in list_configs() else ""


def _as_yaml(text: str) -> str:
    """How to write a key and its value, if `text` is both with another sign between them, or empty."""
    pair = re.match(r"(\w+) ?[:=] ?(\S+)", text)
    return f"in YAML write `{pair[1]}: {pair[2]}`" if pair else ""


def _import_advice(said: str) -> str:
    """What to do if the class or function of a setting is not there, or is no net; empty for other errors."""
    if missing := re.search(r"No module named '([\w.]+)'", said):
        name = missing[1]
        return f"check its spelling{'' if '.' in name else f', pip install it, or run this in the folder of {name}.py'}"
    if missing := re.search(r"module '([\w.]+)' has no attribute '(\w+)'", said):
        return did_you_mean(missing[2], dir(sys.modules.get(missing[1])), "check its spelling")
    no_net = re.search(r"Import path ([\w.]+) does not correspond to a subclass of Module", said)
    is_function = no_net and inspect.isfunction(resolve_name(no_net[1])) and not no_net[1].startswith("torch.")
    return f"write `def {no_net[1].rpartition('.')[2]}(...) -> nn.Module:`" if no_net and is_function else ""


def _subclasses(types: Iterable[Any]) -> Iterator[type]:
    """The classes in type hints, and all that are derived from them."""
    for kind in types:
        yield from _subclasses(get_args(kind))
        if isinstance(kind, type) and kind.__module__ != "builtins":
            yield kind
            yield from _subclasses(kind.__subclasses__())


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
