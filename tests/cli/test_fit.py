"""A fit from the command line to its run folder."""

import io
import json
import logging
import re
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from checks import assert_same_weights, read_checkpoint, read_curves
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import TINY

from cifar_lightning.cli.fit import print_fit_summary
from cifar_lightning.training.machine import num_cores

RUN = "lightning_logs/quickstart/version_0"


def test_a_run_folder_holds_all_that_the_contract_names(finished_run):
    names = {path.name for path in finished_run.iterdir()}
    assert {"config.yaml", "curves.csv", "scores.json", "train_predictions.csv", "test_predictions.csv"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert {path.name for path in (finished_run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    assert not [name for name in names if name.startswith(".")]


def test_curves_have_one_row_per_epoch_and_seconds_that_rise(finished_run):
    header, *rows = [line.split(",") for line in (finished_run / "curves.csv").read_text().splitlines()]
    assert header == ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"]
    assert [row[0] for row in rows] == ["1", "2"]
    assert 0 < float(rows[0][-1]) < float(rows[1][-1])


def test_best_is_the_epoch_of_the_lowest_validation_loss(command, tmp_path):
    # A rate far too high for the second half: the loss rises again.
    command("fit", *TINY, "--trainer.max_epochs=6", "--model.optimizer.lr=0.3")
    run = tmp_path / RUN
    losses = [float(row[3]) for row in read_curves(run)]
    assert read_checkpoint(run, "best.ckpt")["epoch"] == losses.index(min(losses))


def test_without_a_validation_share_there_is_no_best_checkpoint_and_no_validation_curve(command, tmp_path):
    assert command("fit", *TINY, "--data.val_fraction=0").code == 0
    run = tmp_path / RUN
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert read_curves(run)[0][3] == ""


def test_the_saved_config_fitted_again_is_a_new_run_with_the_same_weights(command, tmp_path):
    assert command("fit", *TINY, "--seed_everything=3").code == 0
    runs = tmp_path / "lightning_logs/quickstart"
    assert command("fit", "--config", str(runs / "version_0/config.yaml")).code == 0
    assert_same_weights(runs / "version_0", runs / "version_1")
    assert (runs / "version_0/config.yaml").read_text() == (runs / "version_1/config.yaml").read_text()


def test_another_seed_gives_other_weights(command, tmp_path):
    command("fit", *TINY, "--seed_everything=1")
    command("fit", *TINY, "--seed_everything=2")
    first, second = (read_checkpoint(tmp_path / f"lightning_logs/quickstart/version_{n}")["state_dict"] for n in (0, 1))
    assert not torch.equal(first["head.weight"], second["head.weight"])


def test_the_number_of_threads_is_saved_resolved(command, tmp_path):
    assert command("fit", *TINY, "--num_threads=null", "--trainer.max_epochs=1").code == 0
    saved = yaml.safe_load((tmp_path / RUN / "config.yaml").read_text())
    assert saved["num_threads"] == num_cores()


def test_the_root_of_the_data_is_saved_as_the_user_gave_it(command, finished_run):
    assert "/" not in yaml.safe_dump(yaml.safe_load((finished_run / "config.yaml").read_text())["data"])


def test_train_and_validation_share_a_chart_with_the_epoch_as_x_axis(finished_run):
    curves = read_curves(finished_run)
    for split, column in (("train", 1), ("val", 3)):
        events = EventAccumulator(str(finished_run / split)).Reload()
        points = events.Scalars("loss")
        assert [point.step for point in points] == [1, 2]
        assert [point.value for point in points] == pytest.approx([float(row[column]) for row in curves])
        assert "recall/circle" in events.Tags()["scalars"]


def test_hyperparameters_and_final_scores_are_in_the_events_of_the_run(finished_run):
    events = EventAccumulator(str(finished_run)).Reload()
    assert events.summary_metadata["_hparams_/session_start_info"].plugin_data.plugin_name == "hparams"
    scores = json.loads((finished_run / "scores.json").read_text())
    for split in ("val", "test"):
        (point,) = events.Scalars(f"{split}/accuracy")
        assert point.value == pytest.approx(scores["splits"][split]["accuracy"])


def test_the_figures_of_a_tested_run_are_in_the_image_tab(finished_run):
    events = EventAccumulator(str(finished_run)).Reload()
    for name in ("mistakes", "confusion", "reliability", "curves"):
        (shown,) = events.Images(f"test/{name}")
        assert shown.step == 2
        with (
            Image.open(io.BytesIO(shown.encoded_image_string)) as image,
            Image.open(finished_run / f"{name}.png") as drawn,
        ):
            assert np.array_equal(np.asarray(image), np.asarray(drawn.convert("RGB")))


def test_fit_ends_with_the_run_folder_the_scores_and_the_next_command(command, tmp_path, undrawn):
    lines = command("fit", *TINY).out.splitlines()
    assert lines[-5] == "run folder: lightning_logs/quickstart/version_0"
    assert re.fullmatch(r"train: loss \d\.\d{4}, accuracy [01]\.\d{4} \(mean over the epoch, as it learnt\)", lines[-4])
    assert "accuracy at the end: train" in lines[-2]
    next_command = lines[-1].removeprefix("next: cifar-lightning ").split()
    assert command(*next_command).code == 0


def test_a_fit_leaves_no_thread_behind(command):
    before = threading.active_count()
    assert command("fit", *TINY).code == 0
    assert threading.active_count() == before


def test_output_that_is_no_terminal_gets_a_line_every_twentieth_and_no_warning(command):
    outcome = command("fit", *TINY, "--trainer.max_epochs=40", "--data.source.num_train=5")
    assert len([line for line in outcome.out.splitlines() if line.startswith("epoch ")]) == 20
    assert outcome.err == ""


def test_what_the_lab_protocol_prints_says_that_it_is_the_test_split(command, tmp_path, undrawn):
    outcome = command("fit", *TINY, "--config", "lab_protocol")
    assert "test (lab protocol): loss" in outcome.out
    run = tmp_path / RUN
    assert command("test", "--ckpt_path", str(run)).code == 0
    scores = json.loads((run / "scores.json").read_text())
    assert scores["run"]["protocol"] == "lab"
    assert list(scores["splits"]) == ["train", "test"]
    # The curve's last point is the score of the last checkpoint on the same images.
    assert float(read_curves(run)[-1][4]) == pytest.approx(scores["splits"]["test"]["accuracy"])


def test_any_optimiser_and_scheduler_are_taken_from_yaml(command, tmp_path):
    (tmp_path / "adam.yaml").write_text(
        "model:\n"
        "  optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.003, weight_decay: 0.1}}\n"
        "  scheduler: {class_path: torch.optim.lr_scheduler.StepLR, init_args: {step_size: 1, gamma: 0.1}}\n"
    )
    assert command("fit", *TINY, "--config", "adam.yaml").code == 0
    (group,) = read_checkpoint(tmp_path / RUN)["optimizer_states"][0]["param_groups"]
    assert group["weight_decay"] == 0.1
    assert group["lr"] == pytest.approx(0.003 * 0.1**2)


def test_a_net_in_the_working_folder_needs_no_change_of_the_package(command, tmp_path, undrawn):
    (tmp_path / "local_net.py").write_text(
        "from torch import nn\n\n\n"
        "class LocalNet(nn.Sequential):\n"
        "    def __init__(self, width: int = 4):\n"
        "        super().__init__(nn.Conv2d(3, width, 3, stride=2), nn.ReLU(), nn.Flatten())\n"
    )
    (tmp_path / "local.yaml").write_text("model: {backbone: {class_path: local_net.LocalNet, init_args: {width: 6}}}\n")
    assert command("fit", *TINY, "--config", "local.yaml").code == 0
    run = tmp_path / RUN
    assert read_checkpoint(run)["state_dict"]["backbone.0.weight"].shape == (6, 3, 3, 3)
    assert command("test", "--ckpt_path", str(run)).code == 0


def test_an_epoch_without_validation_has_no_validation_values(command, tmp_path):
    arguments = ["--trainer.max_epochs=5", "--trainer.check_val_every_n_epoch=2"]
    assert command("fit", *TINY, *arguments).code == 0
    rows = read_curves(tmp_path / RUN)
    assert [row[3] != "" for row in rows] == [False, True, False, True, False]


NOTHING = "no run folder was kept, since "


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--trainer.logger=false"], NOTHING + "trainer.logger is false"),
        (["--trainer.logger=null"], NOTHING + "trainer.logger is null"),
        (["--trainer.max_epochs=0"], NOTHING + "no epoch was finished"),
        (["--trainer.max_steps=1", "--data.batch_size=20"], NOTHING + "no epoch was finished"),
        (["--trainer.fast_dev_run=true"], NOTHING + "trainer.fast_dev_run only tries a few batches"),
        (
            ["--trainer.enable_checkpointing=false"],
            "no checkpoint was kept, since trainer.enable_checkpointing is false, but curves:"
            " lightning_logs/quickstart/version_0\n",
        ),
    ],
)
def test_a_fit_that_keeps_no_run_says_so_and_names_no_next_command(command, tmp_path, changes, said):
    outcome = command("fit", *TINY, *changes)
    assert outcome.code == 0
    assert said in outcome.out
    assert (tmp_path / "lightning_logs").exists() == ("curves:" in said)
    assert "next:" not in outcome.out
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize(
    "change",
    [
        ["--trainer.fast_dev_run=true"],
        ["--trainer.callbacks=lightning.pytorch.callbacks.EarlyStopping", "--trainer.callbacks.monitor=val_loss"],
        ["--model.scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.scheduler.monitor=val_loss"],
        ["--trainer.logger=true"],
        ["--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.5"],
        ["--trainer.num_sanity_val_steps=2", "--trainer.limit_val_batches=1"],
        ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", "--trainer.logger.save_dir=here"],
        ["--data.classes=null"],
    ],
    ids=" ".join,
)
def test_what_lightning_offers_works(command, change):
    outcome = command("fit", *TINY, *change)
    assert (outcome.code, outcome.err) == (0, "")


def test_a_fit_that_early_stopping_ended_says_so(command):
    stopping = ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=train_loss"]
    arguments = [*TINY, "--trainer.max_epochs=9", *stopping, "--trainer.callbacks.stopping_threshold=100"]
    resume = f"fit --config {RUN}/config.yaml --ckpt_path {RUN} --trainer.min_epochs 9"
    said = f"EarlyStopping ended the run after 1 epoch; resume with: cifar-lightning {resume}\n"
    assert said in command("fit", *arguments).out
    assert said in command("fit", *arguments, "--ckpt_path=last").out
    assert "epoch 9/9" in command(*resume.split()).out


def test_a_profiler_prints_its_table_in_80_columns(command, caplog):
    logging.getLogger("lightning.pytorch.profilers.profiler").addHandler(caplog.handler)
    command("fit", *TINY, "--trainer.profiler=simple")
    _, head, *rows = caplog.messages[-1].splitlines()
    assert head.split() == ["action", "calls", "seconds", "%"]
    # One batch per epoch.
    assert re.match(r"\[LightningModule\]ImageClassifier\.optimizer_step +2 +\d+\.\d\d +\d+\.\d$", rows[2])
    assert {len(row) for row in [head, *rows]} == {80}
    shares = [float(row.split()[-1]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) >= 1


def test_a_fit_begins_with_what_it_trains_on(command):
    first = command("fit", *TINY).out.splitlines()[0]
    # 100 drawn images, of which a tenth is held out; the parameters as torch counts them.
    assert first == (
        "MaxPoolNet (23,813 parameters); 90 images of circle, square, triangle, star, cross;"
        " 10 more to validate on; CPU, 1 thread"
    )


def test_the_line_of_progress_has_every_number_at_80_columns(command, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    outcome = command("fit", *TINY, "--trainer.max_epochs=500", "--trainer.max_steps=2")
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", outcome.out)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.startswith("epoch ")]
    assert {len(line) for line in lines} == {80}
    score = r"\d\.\d{3} \(\d+\.\d %\)"
    assert re.fullmatch(rf"epoch   2/500 ━{{15,}} train {score}  val {score} \d:\d\d:\d\d", lines[-1])


def test_the_end_of_a_fit_names_the_folder_the_scores_and_what_is_next(tmp_path, capsys):
    scores = {"train/loss": 0.25, "train/accuracy": 1.0, "val/loss": 0.5, "val/accuracy": 0.75}
    curves = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n1,0.5,0.5,0.5,0.5,0.5\n"
    fit = SimpleNamespace(
        folder=tmp_path / "my run",
        logger=True,
        why_not_kept=None,
        final_scores=lambda: scores,
        recorder=SimpleNamespace(state=SimpleNamespace(curves=curves)),
        datamodule=SimpleNamespace(validate_on_test=False),
    )
    print_fit_summary(fit)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"run folder: {tmp_path / 'my run'}",
        "train: loss 0.2500, accuracy 1.0000 (mean over the epoch, as it learnt)",
        "validation: loss 0.5000, accuracy 0.7500",
    ]
    assert lines[-1] == f"next: cifar-lightning test --ckpt_path '{tmp_path / 'my run'}'"
    fit.logger, fit.why_not_kept, fit.final_scores = None, "trainer.logger is false", dict
    print_fit_summary(fit)
    assert capsys.readouterr().out == "no run folder was kept, since trainer.logger is false\n"
