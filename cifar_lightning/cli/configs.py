"""The configs that ship with the package, and `--config` arguments made safe before they are read."""

import os
import stat
from pathlib import Path
from typing import Any

from cifar_lightning.runs.settings import MAX_CONFIG_BYTES, read_mapping

# Of a path, on Linux; what is longer is none.
_LONGEST_PATH = 4096
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
    """Writes every `--config NAME`, `-c NAME` and the like as `--config PATH`, the path of a harmless YAML file.

    Raises:
        ValueError: if there is no such config, it may not be read, or it is a study where `command` wants one net.
    """
    prepared = []
    rest = iter(arguments)
    for argument in rest:
        if argument in ("--config", "-c"):
            name = next(rest, "")
        elif argument.startswith("--config="):
            name = argument.removeprefix("--config=")
        elif argument.startswith("-c"):
            name = argument.removeprefix("-c").removeprefix("=")
        else:
            prepared.append(argument)
            continue
        path, content = find_config(name)
        if command not in ("study", "data") and "strategies" in content:
            raise ValueError(
                f"expected a config of one net, but {path} is a study; use `cifar-lightning study --config {path}`"
            )
        prepared += ["--config", str(path)]
    return prepared


def refuse_special_values(arguments: list[str]) -> None:
    """Refuses a value of a setting that is the path of a pipe or a device, or of a file too large for a config.

    jsonargparse takes a path for the settings that are in that file, and would read it to its end.

    Raises:
        ValueError: that names the setting.
    """
    key = ""
    for argument in arguments:
        is_key = argument.startswith("--")
        key, _, value = argument.partition("=") if is_key else (key, "", argument)
        if not key.startswith(("--data", "--model", "--trainer")) or not value or len(value) > _LONGEST_PATH:
            continue
        try:
            status = os.stat(value)
        except (OSError, ValueError):
            continue
        if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
            raise ValueError(f"expected a value for {key}, got {value}, a pipe or a device; name another")
        if stat.S_ISREG(status.st_mode) and status.st_size > MAX_CONFIG_BYTES:
            raise ValueError(
                f"expected a value for {key}, or a file of at most {MAX_CONFIG_BYTES:,} bytes that has it, got {value};"
                " is it one?"
            )


def find_config(name: str) -> tuple[Path, dict[Any, Any]]:
    """The YAML file meant by `name`, a path or the name of a shipped config, and what is in it.

    Raises:
        ValueError: if there is none, or it is too large, no YAML mapping, or uses aliases.
    """
    path = Path(name)
    if not name:
        raise ValueError("expected a config behind --config; `cifar-lightning configs` lists those that ship")
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
    """What is in a file of plain YAML keys and values.

    Raises:
        ValueError: if the file is anything else.
    """
    try:
        content = read_mapping(path)
    except ValueError as error:
        raise ValueError(f"expected plain YAML of keys and values, but {path} is none ({error}); fix it") from error
    for group in ("trainer", "model", "data"):
        if group in content and not isinstance(content[group], dict):
            raise ValueError(f"expected keys and values below {group}, but {path} has {content[group]!r}; fix it")
    return content
