"""The settings of a run as plain keys and values, from its `config.yaml`."""

import re
from pathlib import Path
from typing import Any

import yaml

# libyaml's, where PyYAML was built with it: seven times as fast.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# How the data are reached on a machine: these settings make no other experiment.
SOURCE_ACCESS = tuple(f"data.source.init_args.{name}" for name in ("root", "download", "verify_md5", "mirrors"))


class _RepeatedKeyError(yaml.YAMLError): ...


class _Loader(_SafeLoader):
    """Refuses a key that is twice in a mapping; PyYAML would drop the first one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                advice = "put both under one" if isinstance(value, yaml.MappingNode) else "keep one"
                raise _RepeatedKeyError(f"{name!r} is in lines {lines[name]} and {line}; {advice}")
            lines[name] = line
        return super().construct_mapping(node, deep)


def read_settings(path: Path) -> dict[str, Any]:
    """The nested keys and values of a config; nothing that it names is imported.

    Raises ValueError if the file is not plain YAML of keys and values, has a key twice, or leaves a group empty.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        mapping = load_plain_yaml(text)
        if not isinstance(mapping, dict):
            raise ValueError("no keys and values")
    except _RepeatedKeyError as error:
        raise ValueError(f"expected every key once in {path}, but {error}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(
            f"expected plain YAML of keys and values, but {path} is none ({_describe(error, text)});"
            " `cifar-lightning configs` lists some to compare it with"
        ) from error
    for group in ("data", "model", "trainer"):
        if mapping.get(group, {}) is None:
            raise ValueError(f"expected settings below {group!r} in {path}, but there are none; remove that line")
    return mapping


def _describe(error: Exception, text: str) -> str:
    """What is wrong, and in which line."""
    if not (isinstance(error, yaml.MarkedYAMLError) and error.problem_mark):
        return " ".join(str(error).split())[:200]
    number = error.problem_mark.line + 1
    for place, line in enumerate(text.splitlines()[:number], start=1):
        if line.strip() and "\t" in line[: -len(line.lstrip())]:
            return f"line {place} begins with a tab; indent it by spaces"
        if pair := re.fullmatch(r"\s*(\w+) *= *(\S+)\s*", line):
            return f"line {place}: write `{pair[1]}: {pair[2]}`"
    indented = re.search("mapping values|expected key|block end", error.problem or "")
    return f"line {number}: {error.problem}{'; indent all keys of a block alike' if indented else ''}"


def load_plain_yaml(text: str) -> Any:
    """The content of a YAML text; nothing that it names is imported.

    Raises yaml.YAMLError if it is not YAML, a value does not fit its tag, a key is there twice, or there is an
    alias.
    """
    # A few lines of aliases can stand for gigabytes ("billion laughs").
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_SafeLoader)):
        raise yaml.YAMLError("it has an alias, marked by a `*`, and no config needs one: write the value out")
    try:
        return yaml.load(text, Loader=_Loader)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # PyYAML raises these for `!!int x` and the like.
        raise yaml.YAMLError(str(error)) from error


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, keys joined by dots."""
    if not isinstance(settings, dict):
        return {prefix: settings}
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
