"""The configs that ship with the package, and what a config's name stands for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import read_settings

_PACKAGE = Path(__file__).resolve().parent.parent


def configs_folder() -> Path:
    """The folder `configs`: inside an installed package, beside the package in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def list_configs() -> dict[str, tuple[Path, str]]:
    """Path and purpose by name; the purpose is the first line of a config's header."""
    return {
        path.stem: (path, path.read_text().splitlines()[0].lstrip("# "))
        for path in sorted(configs_folder().glob("*.yaml"))
    }


def find_config(name: str | Path) -> Path:
    """The YAML file that `name` stands for: a path, or the name of a shipped config.

    Raises:
        ValueError: if there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = list_configs()
    if path.stem in shipped and path.suffix in ("", ".yaml") and path.name == str(name):
        return shipped[path.stem][0]
    hint = did_you_mean(str(name), shipped, "`cifar-lightning configs` lists them")
    raise ValueError(f"expected a config, but there is no file {name} and no shipped config of that name; {hint}")


def find_fit_config(name: str | Path) -> Path:
    """As `find_config`, for one net.

    Raises:
        ValueError: if there is none, it is not YAML of keys and values, or it describes a study.
    """
    path = find_config(name)
    if "strategies" in read_settings(path):
        raise ValueError(
            f"expected a config of one net, but {path} describes a study; use `cifar-lightning study --config {path}`"
        )
    return path


def resolve_configs(arguments: Sequence[str], find: Callable[[str], Path] = find_config) -> list[str]:
    """Command line arguments with every `--config NAME` as `--config=PATH`; the text of a config stays as it is.

    Raises:
        ValueError: if there is no such config, or it is not YAML of keys and values.
    """
    resolved = []
    rest = iter(arguments)
    for argument in rest:
        option, has_value, value = argument.partition("=")
        if option not in ("--config", "-c"):
            resolved.append(argument)
            continue
        name = value if has_value else next(rest, "")
        if not name.startswith("{"):
            name = str(find(name))
            read_settings(Path(name))
        resolved.append(f"--config={name}")
    return resolved
