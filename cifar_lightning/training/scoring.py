"""`test`: scores and predictions of every split, written to the run folder."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import torch

from cifar_lightning import __version__
from cifar_lightning.data import SubsetDataModule
from cifar_lightning.data.near_duplicates import find_groups, find_nearest_pairs
from cifar_lightning.models.costs import count_flops, count_pixels_seen
from cifar_lightning.models.probes import probe
from cifar_lightning.runs import folder
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.disk import write_csv
from cifar_lightning.runs.overfitting import validation_name
from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.probe_shares import ProbeShares
from cifar_lightning.runs.run import Run
from cifar_lightning.runs.scores import RunFacts, Scores
from cifar_lightning.training.evaluation import Evaluation, checkpoint_of
from cifar_lightning.training.experiment import to_arguments
from cifar_lightning.training.logger import log_test_scores
from cifar_lightning.training.machine import processor_name
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.run_loggers import log_elsewhere, make_loggers


def test(run: Run | str | Path, settings: Mapping[str, Any] | None = None) -> Scores:  # noqa: PT028
    """Scores a trained net per class and writes scores, predictions and figures to its run folder.

    Args:
        run: a run, its folder, or one of its checkpoint files; a folder stands for its `last.ckpt`.
        settings: settings laid over those of the run, for one made on another machine, as `{"data.source.root": ...}`.

    Raises:
        ValueError: if there is no checkpoint, it does not belong to the settings, or its answers are not finite.
    """
    with quiet_framework(), OnlyOwnFrames():
        scores = score(checkpoint_of(run), to_arguments([], settings))
    if isinstance(run, Run):
        run.reread()
    return scores


def score(checkpoint: Path, arguments: Sequence[str]) -> Scores:
    """As `test`, with the settings as command line arguments."""
    evaluation = Evaluation(checkpoint, arguments)
    run = evaluation.run_folder
    loggers = make_loggers(evaluation.loggers) if run is not None else []
    with folder.hold(run) if run is not None else contextlib.nullcontext():
        evaluation.trainer.test(
            evaluation.model,
            datamodule=evaluation.datamodule,
            ckpt_path=evaluation.checkpoint.path,
            verbose=False,
            weights_only=True,
        )
        # The trainer has brought the net back to the host.
        evaluation.model.to(evaluation.trainer.strategy.root_device)
        with evaluation.trainer.precision_plugin.forward_context():
            scores = _score(evaluation)
    log_elsewhere(loggers, scores.splits["test"], scores.run.epoch)
    return scores


def _score(evaluation: Evaluation) -> Scores:
    checkpoint, model, data = evaluation.checkpoint, evaluation.model, evaluation.datamodule
    run = evaluation.run_folder
    outputs = model.test_outputs.values()
    logits = [torch.cat([batch for batch, _ in batches]).cpu() for batches in outputs]
    if not all(bool(batch.isfinite().all()) for batch in logits):
        raise ValueError(
            f"expected finite answers, but the training of {checkpoint.path} has diverged; fit again with a lower"
            " learning rate"
        )
    predictions = {
        split: Predictions.from_logits(
            model.class_names, images.indices.numpy(), images.labels.numpy(), answers.numpy()
        )
        for answers, (split, images) in zip(logits, data.evaluation_splits.items(), strict=True)
    }
    shares = probe(model.eval(), data.test.images.to(model.device), data.test.labels.to(model.device))
    probes = ProbeShares(data.test.indices.numpy(), {name: share.cpu().numpy() for name, share in shares.items()})
    # Runs of the same data share what is found.
    cache = run.parent.parent if run is not None else None
    duplicates = find_nearest_pairs(data.test, data.all_training, cache).duplicates()
    groups = find_groups(data.test, cache)
    splits = {split: split_predictions.scores() for split, split_predictions in predictions.items()}
    without = predictions["test"].scores_without(duplicates.test.indices.numpy())
    splits["test"] = replace(splits["test"], without_duplicates=without)
    scores = Scores(_facts(evaluation), splits, probes.robustness(splits["test"].accuracy))
    if run is not None:
        # It marks a finished run, so it goes first and comes last.
        (run / folder.SCORES).unlink(missing_ok=True)
        for split, split_predictions in predictions.items():
            split_predictions.write(run / folder.predictions_name(split))
        probes.write(run / folder.PROBES)
        columns = duplicates.test.indices, duplicates.training.indices, duplicates.similarity
        rows = zip(*(column.tolist() for column in columns), strict=True)
        write_csv(run / folder.DUPLICATES, ["index", "train_index", "similarity"], rows)
        shared = groups.bincount()[groups] > 1
        members = torch.stack([data.test.indices[shared], data.test.indices[groups[shared]]], dim=1)
        write_csv(run / folder.GROUPS, ["index", "group"], members.tolist())
        figures = draw_figures(run, predictions["test"], scores, data)
        summary = {"loss": splits["test"].loss, "accuracy": splits["test"].accuracy}
        log_test_scores(run, summary, figures, checkpoint.resume.num_epochs)
        scores.write(run / folder.SCORES)
    return scores


def _facts(evaluation: Evaluation) -> RunFacts:
    settings, model, data = evaluation.config, evaluation.model, evaluation.datamodule
    resume = evaluation.checkpoint.resume
    return RunFacts(
        strategy=evaluation.strategy,
        seed=settings.seed_everything,
        classes=model.class_names,
        protocol=data.protocol,
        # Without a limit (-1, null), those that it came to.
        epochs=settings.trainer.max_epochs if (settings.trainer.max_epochs or -1) > 0 else resume.num_epochs,
        checkpoint=evaluation.checkpoint.path.name,
        epoch=resume.num_epochs,
        batch_size=data.batch_size,
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops_per_image=count_flops(model),
        pixels_seen=count_pixels_seen(model),
        device=model.device.type,
        fit_seconds=resume.seconds if evaluation.run_folder else None,
        versions={"torch": torch.__version__, "lightning": lightning.__version__, "cifar_lightning": __version__},
        processor=processor_name(model.device),
    )


def draw_figures(run: Path, predictions: Predictions, scores: Scores, data: SubsetDataModule) -> list[Path]:
    """Draws the figures into the run folder; returns those that people look at."""
    # Half a second to import.
    from cifar_lightning.plots.confusion import draw_confusion
    from cifar_lightning.plots.curve_figure import draw_curves
    from cifar_lightning.plots.image_sheet import draw_test_images
    from cifar_lightning.plots.mistakes import draw_mistakes
    from cifar_lightning.plots.reliability import draw_reliability

    pixels = data.test.images.permute(0, 2, 3, 1).cpu().numpy()
    net = f"{scores.run.strategy}, seed {scores.run.seed}"
    draw_test_images(run / folder.TEST_IMAGES, pixels)
    draw_mistakes(run / folder.MISTAKES, net, pixels, predictions)
    draw_confusion(run / folder.CONFUSION, net, scores.splits["test"].confusion_matrix, predictions.class_names)
    draw_reliability(run / folder.RELIABILITY, net, predictions)
    drawn = [folder.MISTAKES, folder.CONFUSION, folder.RELIABILITY]
    if (run / folder.CURVES).is_file():
        curves = Curves.read(run / folder.CURVES)
        draw_curves(run / folder.CURVE_FIGURE, net, curves, validation_name(data.validate_on_test))
        drawn.append(folder.CURVE_FIGURE)
    return [run / name for name in drawn]
