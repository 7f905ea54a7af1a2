"""The configs that ship with the package, and what a config's name stands for."""

import contextlib
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import load_plain_yaml, read_settings

_PACKAGE = Path(__file__).resolve().parent.parent


def list_configs() -> dict[str, tuple[Path, str]]:
    """Path and purpose by name; the purpose is the first line of a config's header."""
    # Inside an installed package, beside it in a checkout.
    inside = _PACKAGE / "configs"
    folder = inside if inside.is_dir() else _PACKAGE.parent / "configs"
    return {path.stem: (path, path.read_text().splitlines()[0].lstrip("# ")) for path in sorted(folder.glob("*.yaml"))}


def find_config(name: str | Path) -> Path:
    """The YAML file that `name` stands for: a path, or the name of a shipped config.

    Raises ValueError if there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = list_configs()
    if found := shipped.get(str(name).removesuffix(".yaml")):
        return found[0]
    hint = did_you_mean(str(name), shipped, "`cifar-lightning configs` lists them")
    raise ValueError(f"expected a config, but there is no file {name} and no shipped config of that name; {hint}")


def find_fit_config(name: str | Path) -> Path:
    """As `find_config`; a config that describes a study is a ValueError too."""
    path = find_config(name)
    if "strategies" in read_settings(path):
        raise ValueError(
            f"expected a config of one net, but {path} describes a study; use `cifar-lightning study --config {path}`"
        )
    return path


def resolve_configs(arguments: Sequence[str], find: Callable[[str], Path] = find_config) -> list[str]:
    """Command line arguments with every `--config NAME` as `--config=PATH`; the text of a config stays as it is.

    Raises ValueError if there is no such config, or a key beside `class_path` belongs below `init_args`.
    """
    resolved = []
    rest = iter(arguments)
    for argument in rest:
        option, has_value, value = argument.partition("=")
        if option in ("--config", "-c"):
            name = value if has_value else next(rest, "")
            if not name.startswith("{"):
                name = str(find(name))
                _refuse_misplaced(read_settings(Path(name)), "", f" of {name}")
            argument = f"--config={name}"
        for key, text in ((option.lstrip("-"), value), ("", argument)):
            # The parser reports what is not YAML.
            if text.startswith(("{", "[{")):
                with contextlib.suppress(yaml.YAMLError):
                    _refuse_misplaced(load_plain_yaml(text), "" if key == "config" else key, "")
        resolved.append(argument)
    return resolved


def _refuse_misplaced(settings: Any, key: str, owner: str) -> None:
    if isinstance(settings, list):
        for value in settings:
            _refuse_misplaced(value, key, owner)
    elif isinstance(settings, dict):
        kept = ("class_path", "init_args", "dict_kwargs")
        if "class_path" in settings and (beside := {name: settings[name] for name in settings if name not in kept}):
            where = f"in {key}{owner}: " if key else ""
            for name in beside:
                if near := difflib.get_close_matches(name, kept, n=1):
                    raise ValueError(f"{where}unknown key {name!r} beside class_path; did you mean {near[0]!r}?")
            arguments = {**(settings.get("init_args") or {}), **beside}
            line = yaml.safe_dump(arguments, default_flow_style=True, sort_keys=False, width=1000)
            raise ValueError(
                f"{where}{' and '.join(map(repr, beside))} beside class_path belong{'s' * (len(beside) == 1)} under"
                f" init_args; write `init_args: {line.strip()}` there"
            )
        for name, value in settings.items():
            _refuse_misplaced(value, f"{key}.{name}" if key else str(name), owner)
