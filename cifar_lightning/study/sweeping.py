"""Strategies made from the values of a setting, and those that a study is limited to."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.settings import load_plain_yaml

Strategies = dict[str, dict[str, Any]]


def join_sweeps(arguments: Sequence[str]) -> list[str]:
    """`arguments` with all `--sweep KEY VALUE,VALUE` as one `--sweep={"KEY": [VALUE, VALUE]}`."""
    waiting, kept, sweep = list(arguments), [], {}
    while waiting:
        argument = waiting.pop(0)
        if argument != "--sweep":
            kept.append(argument)
            continue
        words = list(itertools.takewhile(lambda word: not word.startswith("--"), waiting))
        del waiting[: len(words)]
        try:
            key, *texts = words
            values = load_plain_yaml(f"[{','.join(texts)}]")
            assert values
        except (ValueError, AssertionError, yaml.YAMLError) as error:
            raise ValueError(
                f"expected a setting and its values, as --sweep model.optimizer.lr 0.001,0.005, got {' '.join(words)!r}"
            ) from error
        sweep[key] = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return [*kept, f"--sweep={json.dumps(sweep)}"] if sweep else kept


def choose_strategies(
    strategies: Strategies, sweep: Mapping[str, Sequence[Any]], only: str | Sequence[str] | None
) -> Strategies:
    """Each strategy with each value of the swept settings: `maxpool` becomes `maxpool lr=0.001`, `maxpool lr=0.005`.

    Without strategies, the values alone make some: `lr=0.001`. A swept setting is a dotted key of the strategy. `only`
    names the strategies that are kept, before or after the sweep. Raises ValueError if a value appears twice, or `only`
    names an unknown strategy.
    """
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    for base, settings in (strategies or {"": {}}).items():
        for values in itertools.product(*sweep.values()):
            chosen = dict(zip(sweep, values, strict=True))
            labels = (f"{key.rpartition('.')[2]}={_describe(value)}" for key, value in chosen.items())
            name = " ".join([base, *labels]).strip()
            if name in made:
                raise ValueError(f"expected every value of a sweep once, got two for {name!r}; remove one")
            made[name] = base, {**settings, **chosen}
    wanted = [name.strip() for name in only.split(",")] if isinstance(only, str) else list(only or made)
    for name in wanted:
        if name not in (known := [*strategies, *made]):
            hint = did_you_mean(name, known, f"there are {', '.join(dict.fromkeys(known))}")
            raise ValueError(f"expected a strategy of the study for --only, got {name!r}; {hint}")
    return {name: settings for name, (base, settings) in made.items() if {base, name} & set(wanted)}


def _describe(value: Any) -> str:
    """A value as a part of a folder's name; a class by the last part of its path."""
    text = str(value.get("class_path") if isinstance(value, Mapping) else value)
    if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", text):
        text = text.rpartition(".")[2]
    return re.sub(r"[^\w.+-]+", "_", text).strip("_.")
