"""Settings of a run that exists already: a resumed or tested run must not change into another experiment."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from cifar_lightning.runs import folder
from cifar_lightning.runs.settings import SOURCE_ACCESS, flatten

# How long a run is: the same run may be made longer.
LIMITS = tuple(f"trainer.{limit}" for limit in ("min_epochs", "max_epochs", "min_steps", "max_steps", "max_time"))
# What the trainer shows, where it works and where it writes.
_NO_EXPERIMENT = (
    *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
    *("trainer.enable_progress_bar", "trainer.enable_model_summary", "trainer.log_every_n_steps", "trainer.profiler"),
    *("trainer.default_root_dir", "trainer.logger", "trainer.detect_anomaly", "trainer.num_sanity_val_steps"),
)


def refuse_other_experiment(run: Path, saved: dict[str, Any], settings: dict[str, Any], with_training: bool) -> None:
    """Raises a ValueError if `settings` would make another experiment than those `saved` with a run.

    The data and the seed are compared; `with_training`, the model, its optimiser, the number of threads and what the
    trainer does in an epoch as well.
    """
    groups = ("data", "seed_everything", *(("model", "num_threads", "trainer") if with_training else ()))
    refuse_changes(
        saved,
        settings,
        groups,
        # The classes are compared by name with the checkpoint itself; here they may be numbers.
        besides=("data.classes", *LIMITS, *_NO_EXPERIMENT),
        owner=f"as the run in {run} has it",
        advice=f"leave it as it was (--config {run / folder.CONFIG} has all settings), or start a new run with fit",
    )


def refuse_changes(
    saved: dict[str, Any],
    settings: dict[str, Any],
    groups: Iterable[str],
    *,
    besides: Collection[str],
    owner: str,
    advice: str,
) -> None:
    """Raises a ValueError that names the first key in which two settings differ, with its value before and now.

    The top-level `groups` are compared, but for the keys in `besides` and below, and how the data are reached on a
    machine. `owner` and `advice` say whose the saved value is, and what to do.
    """
    free = tuple(f"{name}." for name in (*SOURCE_ACCESS, *besides))
    old, new = (flatten({group: _numbered(nested.get(group)) for group in groups}) for nested in (saved, settings))
    for key in sorted(old.keys() | new.keys()):
        if not f"{key}.".startswith(free) and old.get(key) != new.get(key):
            raise ValueError(f"expected {key} {old.get(key)!r}, {owner}, got {new.get(key)!r}; {advice}")


def _numbered(settings: Any) -> Any:
    """`settings` with each list of classes, such as callbacks, as a dictionary by their places."""
    if isinstance(settings, list) and settings and isinstance(settings[0], dict):
        settings = dict(enumerate(settings))
    return {key: _numbered(value) for key, value in settings.items()} if isinstance(settings, dict) else settings
