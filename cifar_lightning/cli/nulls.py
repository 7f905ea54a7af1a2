"""Nulls among the settings: jsonargparse lets one pass for any argument, as if it were left out."""

import importlib
import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from jsonargparse import Namespace


def refuse_nulls(settings: Namespace, groups: Mapping[str, type]) -> None:
    """Raises a ValueError that names the first argument which is null and may not be.

    Args:
        settings: as parsed.
        groups: by name, the class whose arguments a group of the settings are.
    """
    for group, cls in groups.items():
        for key, default in _find_nulls(settings.get(group), cls, group):
            advice = f"leave it out for {default!r}" if isinstance(default, int | float | str) else "name one"
            raise ValueError(f"expected a value for {key.replace('.init_args', '')}, got null; {advice}")


def _find_nulls(values: Any, cls: type, key: str) -> Iterator[tuple[str, Any]]:
    """Key and default of every argument that is null though its type has no null."""
    arguments = inspect.signature(cls).parameters
    types = _types(cls)
    for name, value in vars(values).items() if isinstance(values, Namespace) else ():
        if value is None and name in types and name in arguments and not _takes_null(types[name]):
            yield f"{key}.{name}", arguments[name].default
        elif isinstance(value, Namespace) and isinstance(value.get("class_path"), str):
            module, _, class_name = value.class_path.rpartition(".")
            # The parser has imported it.
            named = getattr(importlib.import_module(module), class_name)
            if inspect.isclass(named):
                yield from _find_nulls(value.get("init_args"), named, f"{key}.{name}.init_args")


def _types(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):
        # Names that only a type checker imports.
        return {}


def _takes_null(annotation: Any) -> bool:
    return annotation in (Any, None, type(None), object) or type(None) in typing.get_args(annotation)
