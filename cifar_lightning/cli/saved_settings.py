"""Settings of a run that is there already: a resumed or tested run must not change into another experiment."""

from pathlib import Path
from typing import Any

import yaml

from cifar_lightning.cli.configs import check_config
from cifar_lightning.runs import folder

# How the same data are reached on another machine.
_FREE = tuple(f"data.source.init_args.{name}" for name in ("root", "download", "verify_md5", "mirrors"))
# Compared by name with the checkpoint itself, where numbers and names of a class are the same.
_CHECKED_ELSEWHERE = ("data.classes",)


def read_saved_config(run: Path) -> dict[str, Any]:
    """The settings in `config.yaml` of a run folder.

    Raises:
        ValueError: if the file is damaged.
    """
    check_config(run / folder.CONFIG)
    loaded = yaml.safe_load((run / folder.CONFIG).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def refuse_changes(run: Path, saved: dict[str, Any], settings: dict[str, Any], with_training: bool) -> None:
    """Raises a ValueError that names the first setting in which `settings` differ from those `saved` with a run.

    Compared are the data and the seed, and `with_training` the model, its optimiser and the number of threads too.
    """
    groups = ("data", "seed_everything", *(("model", "num_threads") if with_training else ()))
    before, after = ({group: flat.get(group) for group in groups} for flat in (saved, settings))
    old, new = flatten(before), flatten(after)
    for key in sorted(old.keys() | new.keys()):
        if key not in (*_FREE, *_CHECKED_ELSEWHERE) and old.get(key) != new.get(key):
            raise ValueError(
                f"expected {key} {old.get(key)!r}, as the run in {run} has it, got {new.get(key)!r}; leave it as it was"
                f" (--config {run / folder.CONFIG} has all settings), or start a new run with fit"
            )


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as one dictionary, whose keys are joined by dots."""
    if not isinstance(settings, dict):
        return {prefix: settings}
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
