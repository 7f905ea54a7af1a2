"""Run folders as `fit` and `test` leave them, of nets that are right where they are told to be."""

from pathlib import Path

import numpy as np
import yaml

from cifar_lightning.runs.folder import CURVES, DUPLICATES, PROBES, SCORES, predictions_name, write_csv, write_text
from cifar_lightning.runs.probes import ProbeShares
from cifar_lightning.runs.scores import Predictions, write_scores

NAMES = ["apple", "forest", "lawn_mower"]
FLOPS = {"maxpool": 9_520_000, "avgpool": 9_520_000, "stride": 2_950_000, "baseline": 7_770_000}
BACKBONES = {"maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet", "stride": "StrideNet", "baseline": "BaselineNet"}
PROBE_NAMES = [f"{kind}_{pixels}" for pixels in (1, 2, 3, 4) for kind in ("shift", "consistency")]
PROBE_NAMES += ["noise_8", "noise_16", "noise_32"]


def predict(right, names=NAMES, indices=None, labels=None):
    """Predictions of N pictures, as many of each class as possible, that are right where `right` (N,) is true."""
    count = len(right)
    labels = np.arange(count) * len(names) // count if labels is None else np.asarray(labels)
    indices = np.arange(count) * 7 + 1 if indices is None else np.asarray(indices)
    predicted = np.where(right, labels, (labels + 1) % len(names))
    probabilities = np.full((count, len(names)), 0.1 / (len(names) - 1))
    probabilities[np.arange(count), predicted] = 0.9
    return Predictions(names, indices, labels, predicted, probabilities)


def write_run(
    folder: Path, strategy, seed, right, *, probes=None, train=None, facts=None, settings=None, indices=None, epochs=5
):
    """Writes the run folder `folder`.

    Args:
        right: bool (N,), the test pictures that are answered rightly.
        probes: shares by name; None: for each probe 1 where right, else 0.
        train: bool (M,), the training pictures answered rightly; None: 30, all of them.
        facts: laid over `run` of scores.json.
        settings: laid over those of config.yaml, keys joined by dots.
        indices: of the test pictures.
    """
    right = np.asarray(right, bool)
    test, trained = predict(right, indices=indices), predict(np.ones(30, bool) if train is None else train)
    test.write(folder / predictions_name("test"))
    trained.write(folder / predictions_name("train"))
    shares = ProbeShares(test.indices, probes or {name: right.astype(float) for name in PROBE_NAMES})
    shares.write(folder / PROBES)
    header = ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"]
    curves = [
        [epoch, 1 / (epoch + 1), 1 - 0.5 / (epoch + 1), 0.5, right.mean(), (80.0 + seed) * (epoch + 1) / epochs]
        for epoch in range(epochs)
    ]
    write_csv(folder / CURVES, header, curves)
    write_text(folder / "config.yaml", yaml.safe_dump(make_settings(strategy, seed, epochs, settings or {})))
    run = {
        "strategy": strategy,
        "seed": seed,
        "classes": NAMES,
        "protocol": "lab",
        "epochs": epochs,
        "checkpoint": "last.ckpt",
        "epoch": epochs,
        "batch_size": 128,
        "num_parameters": 22_659,
        "flops_per_image": FLOPS.get(strategy, 1_000_000),
        "device": "cpu",
        "fit_seconds": 80.0 + seed,
        "versions": {"torch": "2.11.0", "lightning": "2.6.6", "cifar_lightning": "0.1.0"},
        **(facts or {}),
    }
    scores = {"train": trained.scores(), "test": test.scores()}
    # As if the first picture had a near copy among those trained on.
    write_csv(folder / DUPLICATES, ["index", "train_index", "similarity"], [[test.indices[0], 7, 0.9]])
    scores["test"]["without_duplicates"] = test.scores_without(test.indices[:1])
    robustness = shares.robustness(scores["test"]["accuracy"])
    write_scores(folder / SCORES, {"format": 1, "run": run, "splits": scores, "robustness": robustness})
    return folder


def make_settings(strategy, seed, epochs, changes):
    """The settings of config.yaml that a comparison looks at."""
    settings = {
        "seed_everything": seed,
        "trainer": {"max_epochs": epochs, "precision": None, "logger": {"init_args": {"name": strategy}}},
        "model": {
            "backbone": {"class_path": f"cifar_lightning.models.backbones.{BACKBONES.get(strategy, 'AvgPoolNet')}"},
            "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.005, "momentum": 0.9}},
        },
        "data": {
            "source": {"class_path": "cifar_lightning.data.Cifar100", "init_args": {"root": None}},
            "classes": NAMES,
            "val_fraction": 0.0,
            "split_seed": 0,
            "batch_size": 128,
        },
        "num_threads": 1,
    }
    for key, value in changes.items():
        *groups, name = key.split(".")
        place = settings
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return settings


def write_study(root: Path, accuracies, seeds, num_pictures=300, generator=None, **settings):
    """Run folders `root/<strategy>/seed_<S>` of nets with these true accuracies, pictures hard for all nets alike.

    Args:
        accuracies: by strategy.
        seeds: a number for all, or by strategy.
    """
    generator = generator or np.random.default_rng(0)
    difficulty = generator.normal(0, 2, num_pictures)
    for strategy, accuracy in accuracies.items():
        ease = np.log(accuracy / (1 - accuracy)) * 1.6 + difficulty + generator.normal(0, 1, num_pictures)
        for seed in range(seeds if isinstance(seeds, int) else seeds[strategy]):
            chances = 1 / (1 + np.exp(-1.7 * (ease + generator.normal(0, 0.1))))
            write_run(
                root / strategy / f"seed_{seed}", strategy, seed, generator.random(num_pictures) < chances, **settings
            )
    return root
