"""The settings of a run as plain keys and values, from its `config.yaml`."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cifar_lightning.runs.folder import describe_no_text

# libyaml's, where PyYAML was built with it: seven times as fast.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# A config of ours has 2 KB. The limit keeps a file that is none from being parsed for minutes.
MAX_CONFIG_BYTES = 200_000
# How the same data are reached on another machine: no such setting makes another experiment.
SOURCE_ACCESS = tuple(f"data.source.init_args.{name}" for name in ("root", "download", "verify_md5", "mirrors"))


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a `config.yaml` into keys of the form `model.optimizer.init_args.lr`; nothing it names is imported.

    Raises:
        ValueError: if the file is no mapping of plain YAML, or too large for a config.
    """
    try:
        settings = flatten(read_mapping(path))
        try:
            # Keys that are no text, numbers of thousands of digits, and what is nested without end.
            fingerprint(settings)
        except (TypeError, ValueError) as error:
            raise ValueError("keys or values that no config has") from error
        return settings
    except RecursionError as error:
        raise ValueError(
            f"expected the settings of a run, but {path} is damaged (nested too deeply); fit that run anew"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"expected the settings of a run, but {path} is damaged ({error}); fit that run anew"
        ) from error


def read_mapping(path: Path) -> dict[Any, Any]:
    """The keys and values of a file of plain YAML; nothing that it names is imported.

    Raises:
        ValueError: with the reason alone, if the file is anything else, or too large for a config.
    """
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"more than {MAX_CONFIG_BYTES:,} bytes")
    try:
        mapping = load_plain_yaml(path.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise ValueError(describe_no_text(error)) from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error
    if not isinstance(mapping, dict):
        raise ValueError("no keys and values")
    return mapping


def load_plain_yaml(text: str) -> Any:
    """What a YAML text holds; nothing that it names is imported.

    Raises:
        yaml.YAMLError: if it is no YAML, a value does not fit its tag, a key stands twice, or there is an alias.
    """
    refuse_aliases(text)
    try:
        return yaml.load(text, Loader=_Loader)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # By PyYAML, of `!!int x` and the like, and by `_Loader`.
        raise yaml.YAMLError(str(error)) from error


def refuse_aliases(text: str) -> None:
    """Refuses a YAML text with an alias: a few lines of them stand for gigabytes ("billion laughs").

    Raises:
        yaml.YAMLError: if it has one, or is no YAML.
    """
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
        raise yaml.YAMLError("it has an alias, marked by a `*`, and no config needs one: write the value out")


class _Loader(_SafeLoader):
    """YAML of which no mapping has a key twice: PyYAML would keep the last, and one of them would be gone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, count in keys.items():
            if count > 1:
                raise ValueError(f"{key!r} stands twice in the mapping of line {node.start_mark.line + 1}")
        return dict(super().construct_mapping(node, deep))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of flat settings, but for where the run lies or comes from, and how data are reached."""
    elsewhere = (*SOURCE_ACCESS, "trainer.logger.", "ckpt_path")
    kept = {key: value for key, value in settings.items() if not key.startswith(elsewhere)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, keys joined by dots."""
    if not isinstance(settings, dict):
        return {prefix: settings}
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
