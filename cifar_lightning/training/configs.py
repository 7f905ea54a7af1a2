"""The configs that ship with the package, and what a config's name stands for."""

from pathlib import Path

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import read_mapping

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
    if "strategies" in read_mapping(path):
        raise ValueError(
            f"expected a config of one net, but {path} describes a study; use `cifar-lightning study --config {path}`"
        )
    return path
