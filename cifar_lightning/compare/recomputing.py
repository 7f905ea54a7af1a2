"""Whether a `scores.json` says what the files beside it say."""

from collections.abc import Iterator
from typing import Any

from scipy.special import ndtri

from cifar_lightning.runs.run import Run
from cifar_lightning.compare.summaries import wilson
from cifar_lightning.runs.folder import CONFIG, CURVES, DUPLICATES, PROBES, predictions_name
from cifar_lightning.runs.scores import Predictions, read_duplicates
from cifar_lightning.runs.settings import fingerprint

_TOLERANCE = 1e-6


def find_deviations(run: Run) -> list[str]:
    """The figures of a run's `scores.json` that do not follow from its CSV files to 1e-6, as `splits.test.accuracy`.

    Looked at are the class names, the time of the fit, all scores of every split and the probes, each where there is
    its file.

    Raises:
        ValueError: if a file is damaged.
    """
    recomputed = _recompute(run)
    theirs, ours = dict(_flatten(run.scores)), dict(_flatten(recomputed))
    wrong = [key for key, value in ours.items() if not _agree(value, theirs.get(key))]
    # What stands there besides, such as a class too many; where its file is gone, that is said elsewhere.
    parts = ["run.classes", *(part for part in recomputed if part == "robustness")]
    parts += [f"splits.{split}" for split in recomputed["splits"]]
    within, without = (tuple(f"{part}." for part in some) for some in (parts, find_unbacked(run)))
    more = [key for key in theirs if key not in ours and key.startswith(within) and not f"{key}.".startswith(without)]
    return wrong + more


def find_unbacked(run: Run) -> list[str]:
    """The parts of a run's `scores.json` whose CSV file is gone, as `splits.train` or `robustness`."""
    splits = run.scores.get("splits")
    there = splits if isinstance(splits, dict) else {}
    files = {f"splits.{split}": run.folder / predictions_name(split) for split in ("train", "val") if split in there}
    if isinstance(there.get("test"), dict) and "without_duplicates" in there["test"]:
        files["splits.test.without_duplicates"] = run.folder / DUPLICATES
    if "robustness" in run.scores:
        files["robustness"] = run.folder / PROBES
    return [part for part, file in files.items() if not file.is_file()]


def find_contradictions(run: Run) -> list[str]:
    """What a run's `scores.json` says otherwise than its config and its curves, as `run.seed 7 (config.yaml: 1)`."""
    settings = run.settings or {}
    theirs = [
        ("seed", CONFIG, settings.get("seed_everything")),
        ("strategy", CONFIG, settings.get("trainer.logger.init_args.name") or None),
        ("epochs", CONFIG, settings.get("trainer.max_epochs")),
    ]
    if run.curves is not None and run.facts["epoch"] not in run.curves.epochs:
        theirs.append(("epoch", CURVES, f"{len(run.curves.epochs)} epochs"))
    return [
        f"run.{key} {_show(ours)} ({file}: {_show(value)})"
        for key, file, value in theirs
        if value is not None and not _agree(value, ours := run.facts[key])
    ]


def is_config_exchanged(run: Run) -> bool:
    """Whether a run's config.yaml is another than it was tested with, by the fingerprint in `scores.json`."""
    tested_with = run.facts.get("config_sha256")
    return tested_with is not None and run.settings is not None and tested_with != fingerprint(run.settings)


def _show(value: Any) -> str:
    text = str(value)[:50]
    return text if text.isprintable() else repr(text)


def _recompute(run: Run) -> dict[str, Any]:
    files = {"train": run.train, "test": run.test}
    val, duplicates = run.folder / predictions_name("val"), run.folder / DUPLICATES
    if val.is_file():
        files["val"] = predictions = Predictions.read(val)
        run.check_classes("val", predictions)
        if not len(predictions.labels):
            raise ValueError(f"expected predictions of validation pictures, but {val} has none; test that run again")
    splits = {split: predictions.scores(_wilson) for split, predictions in files.items() if predictions is not None}
    if duplicates.is_file():
        splits["test"]["without_duplicates"] = run.test.scores_without(read_duplicates(duplicates), _wilson)
    facts: dict[str, Any] = {"classes": list(run.test.class_names)}
    if run.facts.get("fit_seconds") is not None:
        facts["fit_seconds"] = run.fit_seconds
    found: dict[str, Any] = {"run": facts, "splits": splits}
    if run.probes is not None:
        found["robustness"] = run.probes.robustness(splits["test"]["accuracy"])
    return found


def _wilson(num_right: int, num_pictures: int) -> list[float] | None:
    # Not that of SciPy by which it was written: importing it takes as long as all the rest.
    return [*wilson(num_right / num_pictures, num_pictures, float(ndtri(0.975)))] if num_pictures else None


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)  # type: ignore[assignment]
    else:
        yield key, value
        return
    for name, part in parts:
        yield from _flatten(part, f"{key}.{name}" if key else str(name))


def _agree(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, int | float):
        # An edited file may hold a whole number that no float can.
        return abs(theirs) < 1e300 and abs(ours - theirs) <= _TOLERANCE
    return bool(ours == theirs)
