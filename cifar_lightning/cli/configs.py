"""The configs that ship with the package, and `--config` arguments made safe before they are read."""

from pathlib import Path
from typing import Any

import yaml

from cifar_lightning.runs.settings import MAX_CONFIG_BYTES, load_plain_yaml

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
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"expected a config of at most {MAX_CONFIG_BYTES:,} bytes, got {path}; is it one?")
    try:
        content = load_plain_yaml(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"expected plain YAML, but {path} is none ({reason}); fix it") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected a config of keys and values, but {path} has none; see `cifar-lightning configs`")
    for group in ("trainer", "model", "data"):
        if group in content and not isinstance(content[group], dict):
            raise ValueError(f"expected keys and values below {group}, but {path} has {content[group]!r}; fix it")
    return content
