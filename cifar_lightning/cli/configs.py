"""The configs that ship with the package, and `--config` arguments made safe before they are read."""

from pathlib import Path
from typing import Any

import yaml

from cifar_lightning.runs.settings import MAX_CONFIG_BYTES, has_aliases

PACKAGE = Path(__file__).resolve().parent.parent


def configs_folder() -> Path:
    """The folder `configs`: inside an installed package, beside the package in a checkout."""
    inside = PACKAGE / "configs"
    return inside if inside.is_dir() else PACKAGE.parent / "configs"


def list_configs() -> dict[str, tuple[Path, str]]:
    """Path and purpose, by name; the purpose is the first line of a config's header."""
    return {
        path.stem: (path, path.read_text().splitlines()[0].lstrip("# "))
        for path in sorted(configs_folder().glob("*.yaml"))
    }


def prepare_config_arguments(command: str, arguments: list[str]) -> list[str]:
    """Replaces the value of every `--config` by the path of an existing, harmless YAML file.

    Raises:
        ValueError: if there is no such config, it may not be read, or it is a study where `command` wants one net.
    """
    prepared = list(arguments)
    for place, argument in enumerate(arguments):
        if argument in ("--config", "-c") and place + 1 < len(arguments):
            path, content = find_config(arguments[place + 1])
            prepared[place + 1] = str(path)
        elif argument.startswith("--config="):
            path, content = find_config(argument.removeprefix("--config="))
            prepared[place] = f"--config={path}"
        else:
            continue
        if command != "study" and "strategies" in content:
            raise ValueError(
                f"expected a config of one net, but {path} is a study; use `cifar-lightning study --config {path}`"
            )
    return prepared


def find_config(name: str) -> tuple[Path, dict[Any, Any]]:
    """The YAML file meant by `name`, a path or the name of a shipped config, and what is in it.

    Raises:
        ValueError: if there is none, or it is too large, no YAML mapping, or uses aliases.
    """
    path = Path(name)
    if not path.is_file():
        shipped = list_configs()
        if name.removesuffix(".yaml") not in shipped:
            raise ValueError(
                f"expected a config, but there is no file {name} and none of that name ships with the package;"
                " `cifar-lightning configs` lists those that do"
            )
        path = shipped[name.removesuffix(".yaml")][0]
    return path, read_config(path)


def read_config(path: Path) -> dict[Any, Any]:
    """What is in a plain YAML mapping; aliases are refused, since no config needs them.

    Raises:
        ValueError: if the file is anything else.
    """
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"expected a config of at most {MAX_CONFIG_BYTES:,} bytes, got {path}; is it one?")
    try:
        text = path.read_text(encoding="utf-8")
        if has_aliases(text):
            raise ValueError(f"expected a config without YAML aliases, but {path} has one; write the value out")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"expected YAML, but {path} is none ({reason}); mend it") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected a config of keys and values, but {path} has none; see `cifar-lightning configs`")
    for group in ("trainer", "model", "data"):
        if group in content and not isinstance(content[group], dict):
            raise ValueError(f"expected keys and values below {group}, but {path} has {content[group]!r}; mend it")
    return content
