"""`test`: scores and predictions of every split, written into the run folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from cifar_lightning import __version__
from cifar_lightning.cli.checkpoints import Trained
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.data.duplicates import find_nearest_pairs
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.models.costs import count_flops, count_pixels_seen
from cifar_lightning.models.probes import probe
from cifar_lightning.runs import folder
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.disk import write_csv
from cifar_lightning.runs.logger import log_test_scores
from cifar_lightning.runs.overfitting import validation_name
from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.probe_shares import ProbeShares
from cifar_lightning.runs.run import load_run
from cifar_lightning.runs.scores import RunFacts, Scores, SplitScores


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
) -> Scores:
    """Scores each split from its `logits`; writes the scores into the run folder of `checkpoint`, and returns them."""
    run = folder.find_run_folder(checkpoint)
    if not all(bool(batch.isfinite().all()) for batches in logits.values() for batch in batches):
        raise ValueError(
            f"expected answers that are numbers, but the net of {checkpoint} gives some that are infinite or none: its"
            " training has diverged; fit anew with a lower learning rate"
        )
    # A damaged file is reported while all earlier scores are there.
    curves = load_run(run).curves if run is not None and (run / folder.CURVES).is_file() else None
    predictions = {
        split: Predictions.from_logits(
            model.class_names,
            images.indices.numpy(),
            images.labels.numpy(),
            torch.cat(logits[place]).numpy(),
        )
        for place, (split, images) in enumerate(data.evaluation_splits.items())
    }
    splits = {split: split_predictions.scores() for split, split_predictions in predictions.items()}
    copies = find_nearest_pairs(data.test, data.all_training).copies()
    without = predictions["test"].scores_without(copies.test.indices.numpy())
    test = splits["test"] = replace(splits["test"], without_duplicates=without)
    indices, labels = data.test.indices, data.test.labels
    shares = probe(model.eval(), data.test.images.to(model.device), labels.to(model.device))
    probes = ProbeShares(indices.numpy(), {name: share.cpu().numpy() for name, share in shares.items()})
    facts = RunFacts(
        strategy=strategy,
        seed=settings.seed_everything,
        classes=model.class_names,
        protocol=data.protocol,
        # A run without such a limit (-1, null) has as many as it came to.
        epochs=settings.trainer.max_epochs if (settings.trainer.max_epochs or -1) > 0 else trained.num_epochs,
        checkpoint=checkpoint.name,
        epoch=trained.num_epochs,
        batch_size=data.batch_size,
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops_per_image=count_flops(model, data.image_size),
        pixels_seen=count_pixels_seen(model, data.image_size),
        device=model.device.type,
        fit_seconds=trained.seconds if run else None,
        versions={"torch": torch.__version__, "lightning": lightning.__version__, "cifar_lightning": __version__},
    )
    scores = Scores(facts, splits, probes.robustness(test.accuracy))
    if run is not None:
        # A run is finished once scores.json is there; until the rest is new too, it must not be.
        (run / folder.SCORES).unlink(missing_ok=True)
        for split, split_predictions in predictions.items():
            split_predictions.write(run / folder.predictions_name(split))
        probes.write(run / folder.PROBES)
        columns = copies.test.indices, copies.training.indices, copies.similarity
        rows = zip(*(column.tolist() for column in columns), strict=True)
        write_csv(run / folder.DUPLICATES, ["index", "train_index", "similarity"], rows)
        figures = draw_figures(run, predictions["test"], data, test, curves)
        log_test_scores(run, {"loss": test.loss, "accuracy": test.accuracy}, figures, trained.num_epochs)
        scores.write(run / folder.SCORES)
    return scores


def draw_figures(
    run: Path, predictions: Predictions, data: SubsetDataModule, scores: SplitScores, curves: Curves | None
) -> list[Path]:
    """Draws the figures of a test into the run folder; returns those that are to be looked at."""
    # Half a second to import, for this command alone.
    from cifar_lightning.plots.confusion import draw_confusion
    from cifar_lightning.plots.curve_figure import draw_curves
    from cifar_lightning.plots.image_sheet import draw_test_images
    from cifar_lightning.plots.mistakes import draw_mistakes
    from cifar_lightning.plots.reliability import draw_reliability

    images = data.test.images.permute(0, 2, 3, 1).cpu().numpy()
    draw_test_images(run / folder.TEST_IMAGES, images)
    draw_mistakes(run / folder.MISTAKES, images, predictions)
    draw_confusion(run / folder.CONFUSION, scores.confusion_matrix, data.class_names)
    draw_reliability(run / folder.RELIABILITY, predictions)
    drawn = [folder.MISTAKES, folder.CONFUSION, folder.RELIABILITY]
    if curves is not None:
        draw_curves(run / folder.CURVE_FIGURE, curves, validation_name(data.validate_on_test))
        drawn.append(folder.CURVE_FIGURE)
    return [run / name for name in drawn]
