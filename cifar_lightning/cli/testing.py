"""`test`: scores and predictions of every split, written into the run folder."""

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cifar_lightning import __version__
from cifar_lightning.cli.checkpoints import Trained
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.data.near_duplicates import find_nearest_pairs
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.models.probes import probe
from cifar_lightning.runs import folder
from cifar_lightning.runs.logger import log_test_scores
from cifar_lightning.runs.overfitting import Curves, validation_name
from cifar_lightning.runs.probes import ProbeShares
from cifar_lightning.runs.scores import Predictions, write_scores
from cifar_lightning.runs.settings import fingerprint, read_settings


class OutputCollector(Callback):
    """Gathers the logits of every test loader."""

    def __init__(self) -> None:
        self.logits: dict[int, list[Tensor]] = {}

    def on_test_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Tensor,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.logits.setdefault(dataloader_idx, []).append(outputs.float().cpu())


def score_run(
    strategy: str,
    checkpoint: Path,
    trained: Trained,
    settings: Any,
    model: ImageClassifier,
    data: SubsetDataModule,
    logits: dict[int, list[Tensor]],
) -> dict[str, Any]:
    """Scores each split from its `logits`; writes the scores into the run folder of `checkpoint`, and returns them."""
    run = folder.find_run_folder(checkpoint)
    if not all(bool(batch.isfinite().all()) for batches in logits.values() for batch in batches):
        raise ValueError(
            f"expected answers that are numbers, but the net of {checkpoint} gives some that are infinite or none: its"
            " training has diverged; fit anew with a lower learning rate"
        )
    if run is not None and (run / folder.CURVES).is_file():
        # A damaged file is told while all former scores are there.
        Curves.read(run / folder.CURVES)
    predictions = {
        split: Predictions.from_logits(
            model.class_names,
            images.indices.numpy(),
            images.labels.numpy(),
            torch.cat(logits[place]).numpy(),
        )
        for place, (split, images) in enumerate(data.evaluation_splits.items())
    }
    scores: dict[str, Any] = {
        "format": 1,
        "run": {
            "strategy": strategy,
            "seed": settings.seed_everything,
            "classes": model.class_names,
            "protocol": data.protocol,
            # Of a run without such a limit (-1, null), those it came to.
            "epochs": settings.trainer.max_epochs if (settings.trainer.max_epochs or -1) > 0 else trained.num_epochs,
            "checkpoint": checkpoint.name,
            "epoch": trained.num_epochs,
            "batch_size": data.batch_size,
            "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
            "flops_per_image": count_flops(model, data.image_size),
            "device": model.device.type,
            "fit_seconds": trained.seconds if run else None,
            # So that `compare` notices a config.yaml that was changed, or exchanged, since.
            "config_sha256": fingerprint(read_settings(run / folder.CONFIG)) if run else None,
            "versions": {
                "torch": torch.__version__,
                "lightning": lightning.__version__,
                "cifar_lightning": __version__,
            },
        },
        "splits": {split: split_predictions.scores() for split, split_predictions in predictions.items()},
    }
    indices, labels = data.test.indices, data.test.labels
    shares = probe(model.eval(), data.test.images.to(model.device), labels.to(model.device))
    probes = ProbeShares(indices.numpy(), {name: share.cpu().numpy() for name, share in shares.items()})
    test = scores["splits"]["test"]
    copies = find_nearest_pairs(data.test, data.all_training).duplicates()
    test["without_duplicates"] = predictions["test"].scores_without(copies.test.indices.numpy())
    scores["robustness"] = probes.robustness(test["accuracy"])
    if run is not None:
        # A run is finished once scores.json is there; until the rest is new too, it must not be.
        (run / folder.SCORES).unlink(missing_ok=True)
        for split, split_predictions in predictions.items():
            split_predictions.write(run / folder.predictions_name(split))
        probes.write(run / folder.PROBES)
        columns = copies.test.indices, copies.training.indices, copies.similarity
        rows = zip(*(column.tolist() for column in columns), strict=True)
        folder.write_csv(run / folder.DUPLICATES, ["index", "train_index", "similarity"], rows)
        figures = draw_figures(run, predictions["test"], data, test)
        log_test_scores(run, {"loss": test["loss"], "accuracy": test["accuracy"]}, figures, trained.num_epochs)
        write_scores(run / folder.SCORES, scores)
    return scores


def draw_figures(run: Path, predictions: Predictions, data: SubsetDataModule, scores: dict[str, Any]) -> list[Path]:
    """Draws the pictures of a test into the run folder; returns those that are to be looked at."""
    # Half a second to import, for this command alone.
    from cifar_lightning.runs import curve_figures, figures

    pictures = data.test.images.permute(0, 2, 3, 1).cpu().numpy()
    figures.draw_test_pictures(run / folder.TEST_PICTURES, pictures)
    mistakes, confusion, reliability, curves = (
        run / name for name in (folder.MISTAKES, folder.CONFUSION, folder.RELIABILITY, folder.CURVE_FIGURE)
    )
    figures.draw_mistakes(mistakes, pictures, predictions)
    figures.draw_confusion(confusion, scores["confusion_matrix"], data.class_names)
    curve_figures.draw_reliability(reliability, predictions)
    drawn = [mistakes, confusion, reliability]
    if (run / folder.CURVES).is_file():
        curve_figures.draw_curves(curves, (run / folder.CURVES).read_text(), validation_name(data.validate_on_test))
        drawn.append(curves)
    return drawn


def count_flops(model: ImageClassifier, image_size: int) -> int:
    """Floating point operations of one picture's forward and backward pass, as torch's own counter sees them."""
    picture = torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8, device=model.device)
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        model.eval()(picture).sum().backward()
    model.zero_grad()
    return counter.get_total_flops()
