"""The configs that ship with the package, and `--config` arguments made safe before they are read."""

from pathlib import Path

import yaml

PACKAGE = Path(__file__).resolve().parent.parent
# A config of ours has 2 KB. The limit keeps a file that is none from being parsed for minutes.
MAX_CONFIG_BYTES = 200_000
# What PyYAML raises on texts that are none, or hold values that do not fit their tags.
_DAMAGE = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


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


def prepare_config_arguments(arguments: list[str]) -> list[str]:
    """Writes every `--config NAME`, `-c NAME` and the like as `--config=PATH`, the path of a harmless YAML file.

    Raises:
        ValueError: if there is no such config, or it may not be read.
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
        prepared.append(f"--config={find_config(name)}")
    return prepared


def find_config(name: str) -> Path:
    """The YAML file meant by `name`: a path, or the name of a shipped config.

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
    check_config(path)
    return path


def check_config(path: Path) -> None:
    """Refuses a file that is no plain YAML mapping."""
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"expected a config of at most {MAX_CONFIG_BYTES:,} bytes, got {path}; is it one?")
    try:
        text = path.read_text(encoding="utf-8")
        refuse_aliases(text)
        content = yaml.safe_load(text)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"expected plain YAML, but {path} is none ({reason}); mend it") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected a config of keys and values, but {path} has none; see `cifar-lightning configs`")
    for group in ("trainer", "model", "data"):
        if group in content and not isinstance(content[group], dict):
            raise ValueError(f"expected keys and values below {group}, but {path} has {content[group]!r}; mend it")


def refuse_aliases(text: str) -> None:
    """Raises a YAMLError if `text` uses a YAML alias: a few lines of them stand for gigabytes ("billion laughs")."""
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
        raise yaml.YAMLError("it has an alias, marked by a `*`, and no config needs one: write the value out")
