"""Run folders as `fit` and `test` leave them, of nets that are right where a test wants them to be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.disk import write_csv, write_text
from cifar_lightning.runs.folder import CONFIG, CURVES, DUPLICATES, GROUPS, PROBES, SCORES, predictions_name
from cifar_lightning.runs.predictions import Predictions
from cifar_lightning.runs.probe_shares import ProbeShares
from cifar_lightning.runs.scores import RunFacts, Scores

NAMES = ["apple", "forest", "lawn_mower"]
FLOPS = {"maxpool": 9_520_000, "avgpool": 9_520_000, "stride": 2_950_000, "baseline": 7_770_000}
PIXELS = {"maxpool": 784, "avgpool": 784, "stride": 1024, "baseline": 961}
BACKBONES = {"maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet", "stride": "StrideNet", "baseline": "BaselineNet"}
PROBE_NAMES = [f"{kind}_{pixels}" for pixels in (1, 2, 3, 4) for kind in ("shift", "consistency")]
PROBE_NAMES += ["noise_8", "noise_16", "noise_32"]


def predict(right, names=NAMES, indices=None, labels=None):
    """Predictions of N images, evenly spread over the classes, that are right where `right` (N,) is true."""
    count = len(right)
    labels = np.arange(count) * len(names) // count if labels is None else np.asarray(labels)
    indices = np.arange(count) * 7 + 1 if indices is None else np.asarray(indices)
    predicted = np.where(right, labels, (labels + 1) % len(names))
    probabilities = np.full((count, len(names)), 0.1 / (len(names) - 1))
    probabilities[np.arange(count), predicted] = 0.9
    return Predictions(names, indices, labels, predicted, probabilities)


def write_run(
    folder: Path,
    strategy,
    seed,
    right,
    *,
    probes=None,
    train=None,
    facts=None,
    settings=None,
    indices=None,
    epochs=5,
    groups=None,
):
    """Writes the run folder `folder`, and returns its path.

    Args:
        right: bool (N,), whether each test image is answered rightly; or the predictions themselves.
        probes: shares by name; None: for each probe 1 where right, else 0.
        train: bool (M,), whether each training image is answered rightly; None: 30, all of them.
        facts: laid over `run` of scores.json.
        settings: laid over those of config.yaml, keys joined by dots.
        indices: the indices of the test images.
        groups: int (N,), the groups of near-duplicates among the test images; None: there are none.
    """
    test = right if isinstance(right, Predictions) else predict(np.asarray(right, bool), indices=indices)
    trained = predict(np.ones(30, bool) if train is None else train, test.class_names)
    test.write(folder / predictions_name("test"))
    trained.write(folder / predictions_name("train"))
    shares = ProbeShares(test.indices, probes or {name: test.is_right.astype(float) for name in PROBE_NAMES})
    shares.write(folder / PROBES)
    epoch = np.arange(1, epochs + 1)
    half, accuracy = np.full(epochs, 0.5), np.full(epochs, test.is_right.mean())
    Curves(epoch, 1 / epoch, 1 - 0.2 / epoch, half, accuracy, (80.0 + seed) * epoch / epochs).write(folder / CURVES)
    write_text(folder / CONFIG, yaml.safe_dump(make_settings(strategy, seed, epochs, settings or {})))
    run = {
        "strategy": strategy,
        "seed": seed,
        "classes": list(test.class_names),
        "protocol": "lab",
        "epochs": epochs,
        "checkpoint": "last.ckpt",
        "epoch": epochs,
        "batch_size": 128,
        "num_parameters": 22_659,
        "flops_per_image": FLOPS.get(strategy, 1_000_000),
        "pixels_seen": PIXELS.get(strategy, 1024),
        "device": "cpu",
        "fit_seconds": 80.0 + seed,
        "versions": {"torch": "2.11.0", "lightning": "2.6.6", "cifar_lightning": "0.1.0"},
        **(facts or {}),
    }
    # As if the first image had a near-duplicate among the training images.
    write_csv(folder / DUPLICATES, ["index", "train_index", "similarity"], [[test.indices[0], 7, 0.9]])
    shared = [] if groups is None else list(zip(test.indices.tolist(), np.asarray(groups).tolist(), strict=True))
    write_csv(folder / GROUPS, ["index", "group"], shared)
    tested = replace(test.scores(), without_duplicates=test.scores_without(test.indices[:1]))
    scores = Scores(RunFacts(**run), {"train": trained.scores(), "test": tested}, shares.robustness(tested.accuracy))
    scores.write(folder / SCORES)
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


def write_study(root: Path, accuracies, seeds, num_images=300, generator=None, **settings):
    """Run folders `root/<strategy>/seed_<S>` of nets with these true accuracies, images equally hard for all nets.

    Args:
        accuracies: the true accuracy by strategy.
        seeds: the number of seeds, one for all or by strategy.
    """
    generator = generator or np.random.default_rng(0)
    difficulty = generator.normal(0, 2, num_images)
    for strategy, accuracy in accuracies.items():
        ease = np.log(accuracy / (1 - accuracy)) * 1.6 + difficulty + generator.normal(0, 1, num_images)
        for seed in range(seeds if isinstance(seeds, int) else seeds[strategy]):
            chances = 1 / (1 + np.exp(-1.7 * (ease + generator.normal(0, 0.1))))
            write_run(
                root / strategy / f"seed_{seed}", strategy, seed, generator.random(num_images) < chances, **settings
            )
    return root


def write_pair(root, seeds=3, **of_stride):
    """Two strategies; what is given is done to the run stride/seed_1."""
    generator = np.random.default_rng(0)
    for strategy in ("maxpool", "stride"):
        for seed in range(seeds):
            changed = of_stride if (strategy, seed) == ("stride", 1) else {}
            write_run(root / strategy / f"seed_{seed}", strategy, seed, generator.random(30) < 0.8, **changed)
    return root
