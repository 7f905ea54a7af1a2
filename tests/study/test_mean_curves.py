"""The mean curves of a study, as TensorBoard reads them."""

import numpy as np
import pytest
from simulated_runs import write_run, write_study
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2, metadata

from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.folder import CURVES
from cifar_lightning.runs.run import find_runs
from cifar_lightning.study.mean_curves import write_mean_curves

LOSSES = {0: [0.4, np.nan, 0.2], 1: [0.6, np.nan, 0.4, 0.1]}


def write_seed(study, strategy, seed, losses):
    run = write_run(study / strategy / f"seed_{seed}", strategy, seed, [True, False])
    epochs = np.arange(1, len(losses) + 1)
    Curves(epochs, epochs + seed, 0.1 * epochs, np.array(losses), 0 * epochs + np.nan, 1.0 * epochs).write(run / CURVES)


def read(folder):
    events = EventAccumulator(str(folder)).Reload()
    curves = {tag: [(e.step, pytest.approx(e.value)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    return curves, events


def test_each_strategy_of_several_runs_has_its_mean_and_band_at_the_epochs_that_all_have(tmp_path):
    for seed, losses in LOSSES.items():
        write_seed(tmp_path, "maxpool", seed, losses)
    write_seed(tmp_path, "stride", 0, LOSSES[0])
    write_mean_curves(tmp_path)
    assert [path.name for path in (tmp_path / "_mean").iterdir()] == ["maxpool"]
    curves, _ = read(tmp_path / "_mean/maxpool")
    assert curves["val_loss"] == [(1, 0.5), (3, 0.3)]
    assert curves["val_loss/lowest"] == [(1, 0.4), (3, 0.2)]
    assert curves["val_loss/highest"] == [(1, 0.6), (3, 0.4)]
    assert curves["train_loss"] == [(1, 1.5), (2, 2.5), (3, 3.5)]
    assert not any(tag.startswith("val_accuracy") for tag in curves)


def test_tensorboard_draws_each_line_with_the_band_of_its_own_tags(tmp_path):
    write_study(tmp_path, {"a": 0.9}, 2, 10)
    write_mean_curves(tmp_path)
    curves, events = read(tmp_path / "_mean/a")
    (stored,) = events.Tensors(metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout.FromString(stored.tensor_proto.string_val[0])
    (category,) = layout.category
    drawn = {chart.title: chart.margin.series[0] for chart in category.chart}
    assert {name: (each.value, each.lower, each.upper) for name, each in drawn.items()} == {
        name: (name, f"{name}/lowest", f"{name}/highest")
        for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    }
    assert {tag for each in drawn.values() for tag in (each.value, each.lower, each.upper)} == set(curves)


def test_a_further_run_replaces_the_means_and_none_of_them_is_taken_for_a_run(tmp_path):
    for seed in range(3):
        write_seed(tmp_path, "a", seed, [0.3 * (seed + 1)])
        write_mean_curves(tmp_path)
    assert len(list((tmp_path / "_mean/a").iterdir())) == 1
    assert read(tmp_path / "_mean/a")[0]["val_loss"] == [(1, 0.6)]
    assert len(find_runs([tmp_path])) == 3
