"""Mean curves of a study for TensorBoard."""

from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from cifar_lightning.runs.curves import Curves, find_band
from cifar_lightning.runs.disk import locked, naming
from cifar_lightning.runs.folder import CURVES, SCORES
from cifar_lightning.runs.signals import signals_held
from cifar_lightning.training.logger import SPLITS

# Beside the strategies' folders.
MEANS = "_mean"

_CURVES = [f"{split}_{quantity}" for split in SPLITS for quantity in ("loss", "accuracy")]
# The tags of a mean and of the ends of its band.
_TAGS = {name: [name, f"{name}/lowest", f"{name}/highest"] for name in _CURVES}


def write_mean_curves(study: Path) -> None:
    """Writes `_mean/<strategy>` of a study anew, for each strategy with two finished runs or more.

    TensorBoard's tab "Custom Scalars" draws each mean with a band from the lowest to the highest seed.
    """
    runs: dict[str, list[Curves]] = {}
    for scores in sorted(study.glob(f"*/*/{SCORES}")):
        if (scores.parent / CURVES).is_file():
            runs.setdefault(scores.parent.parent.name, []).append(Curves.read(scores.parent / CURVES))
    several = {strategy: curves for strategy, curves in runs.items() if len(curves) > 1}
    if several:
        (study / MEANS).mkdir(exist_ok=True)
        # Two shards may end at once.
        with locked(study / MEANS, wait=True):
            for strategy, curves in several.items():
                _write(study / MEANS / strategy, curves)


def _write(folder: Path, runs: list[Curves]) -> None:
    values: dict[int, list[Summary.Value]] = {}
    for name, tags in _TAGS.items():
        if band := find_band(runs, name):
            for tag, points in zip(tags, (band.mean, band.low, band.high), strict=True):
                for epoch, point in zip(band.epochs.tolist(), points.tolist(), strict=True):
                    values.setdefault(epoch, []).append(Summary.Value(tag=tag, simple_value=point))
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    with signals_held(), naming(folder), SummaryWriter(str(folder)) as writer:
        writer.add_custom_scalars({"mean over seeds": {name: ["Margin", tags] for name, tags in _TAGS.items()}})
        for epoch, at_epoch in values.items():
            writer._get_file_writer().add_summary(Summary(value=at_epoch), epoch)
