"""`test`, `validate`, `predict`, `data` and `configs`."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import torch
from checks import assert_one_sentence, size_of
from PIL import Image
from sklearn.metrics import classification_report, confusion_matrix, log_loss
from tiny import PHOTOS, SMALL, TINY, write_photos

from cifar_lightning.cli.configs import list_configs

RUN = "lightning_logs/quickstart/version_0"
POOLED = "--model.backbone=cifar_lightning.models.backbones.MaxPoolNet"


def read_predictions(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_scores_equal_scikit_learn_on_the_predictions_written_beside_them(finished_run, split):
    scores = json.loads((finished_run / "scores.json").read_text())["splits"][split]
    rows = read_predictions(finished_run / f"{split}_predictions.csv")
    names = [entry["name"] for entry in scores["classes"]]
    truth, predicted = ([row[column] for row in rows] for column in ("label", "predicted"))
    report = classification_report(truth, predicted, labels=names, output_dict=True, zero_division=0)
    for entry in scores["classes"]:
        expected = report[entry["name"]]
        for ours, theirs in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "f1-score"),
            ("support", "support"),
        ):
            assert entry[ours] == pytest.approx(expected[theirs], abs=1e-12)
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-12)
    assert scores["accuracy"] == pytest.approx(np.mean(np.array(truth) == np.array(predicted)), abs=1e-12)
    assert scores["confusion_matrix"] == confusion_matrix(truth, predicted, labels=names).tolist()
    probabilities = [[float(row[name]) for name in names] for row in rows]
    order = np.argsort(names)
    assert scores["loss"] == pytest.approx(log_loss(truth, np.array(probabilities)[:, order], labels=sorted(names)))


def test_the_run_is_described_as_the_contract_says(finished_run):
    run = json.loads((finished_run / "scores.json").read_text())["run"]
    assert run["strategy"] == "quickstart"
    assert run["seed"] == 0
    assert run["classes"] == ["circle", "square", "triangle", "star", "cross"]
    assert run["protocol"] == "holdout"
    assert (run["epochs"], run["epoch"], run["checkpoint"], run["batch_size"]) == (2, 2, "last.ckpt", 128)
    assert run["num_parameters"] == 3 * 32 * 25 + 32 + 32 * 64 * 9 + 64 + 576 * 5 + 5
    # As DESIGN.md has it, for three outputs in place of five.
    assert run["flops_per_image"] == pytest.approx(9_520_000, rel=1e-3)
    assert run["versions"]["torch"] == torch.__version__


def test_another_checkpoint_is_scored_under_its_own_name_and_epoch(command, run, undrawn):
    assert command("test", "--ckpt_path", "run/checkpoints/best.ckpt").code == 0
    about = json.loads((run / "scores.json").read_text())["run"]
    epoch = torch.load(run / "checkpoints/best.ckpt", weights_only=True)["epoch"] + 1
    assert (about["checkpoint"], about["epoch"]) == ("best.ckpt", epoch)


def test_a_run_without_a_limit_of_epochs_has_those_it_came_to(command, tmp_path, undrawn):
    assert command("fit", *TINY, "--trainer.max_epochs=-1", "--trainer.max_steps=6").code == 0
    run = tmp_path / RUN
    assert command("test", "--ckpt_path", str(run)).code == 0
    facts = json.loads((run / "scores.json").read_text())["run"]
    assert facts["epochs"] == facts["epoch"] == len((run / "curves.csv").read_text().splitlines()) - 1 > 0


def test_a_moved_run_folder_needs_nothing_but_its_path(command, finished_run, run):
    (run / "scores.json").unlink()
    outcome = command("test", "--ckpt_path", "run")
    assert (outcome.code, outcome.err) == (0, "")
    assert (run / "scores.json").read_text() == (finished_run / "scores.json").read_text()
    for word in ("train", "test", "circle", "precision", "recall", "f1", "macro F1"):
        assert word in outcome.out


def test_a_share_of_the_test_images_does_not_pass_for_all(command, run, undrawn):
    before = (run / "scores.json").read_text()
    assert command("test", "--ckpt_path", "run", "--trainer.limit_test_batches=0").code == 0
    assert (run / "scores.json").read_text() == before


def test_a_hundred_outputs_keep_the_labels_and_count_unused_outputs_as_wrong(command, tmp_path, undrawn):
    assert command("fit", *TINY, "--model.num_outputs=100").code == 0
    run = tmp_path / RUN
    assert command("test", "--ckpt_path", str(run)).code == 0
    rows = read_predictions(run / "test_predictions.csv")
    sums = [sum(float(value) for value in list(row.values())[3:]) for row in rows]
    # Two epochs do not teach the net that 95 outputs are unused.
    assert max(sums) < 0.999
    scores = json.loads((run / "scores.json").read_text())["splits"]["test"]
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert scores["accuracy"] == pytest.approx(right / len(rows))


def test_validate_prints_the_last_point_of_the_validation_curve(command, finished_run):
    outcome = command("validate", "--ckpt_path", str(finished_run))
    last = (finished_run / "curves.csv").read_text().splitlines()[-1].split(",")
    assert f"loss {float(last[3]):.4f}, accuracy {float(last[4]):.4f}" in outcome.out


def test_predict_writes_a_row_per_image_by_name(command, finished_run, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, size, mode in (("b.png", (50, 40), "RGB"), ("a.jpg", (32, 32), "L"), ("c.png", (7, 90), "RGBA")):
        Image.new(mode, size, 128).save(photos / name)
    assert command("predict", "--ckpt_path", str(finished_run), "--images", "photos", "--output", "out.csv").code == 0
    rows = read_predictions(tmp_path / "out.csv")
    assert [row["file"] for row in rows] == ["a.jpg", "b.png", "c.png"]
    assert list(rows[0]) == ["file", "predicted", "circle", "square", "triangle", "star", "cross"]
    for row in rows:
        probabilities = {name: float(row[name]) for name in list(row)[2:]}
        assert sum(probabilities.values()) == pytest.approx(1)
        assert row["predicted"] == max(probabilities, key=probabilities.get)


def test_predict_writes_the_name_of_an_image_by_its_own_bytes(command, finished_run, tmp_path):
    name = b"caf\xe9.png"  # as an old Windows wrote it: no UTF-8
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    os.rename(tmp_path / "photo.png", os.fsencode(tmp_path / "photos") + b"/" + name)
    assert command("predict", "--ckpt_path", str(finished_run), "--images=photos").code == 0
    assert (tmp_path / "predictions.csv").read_bytes().splitlines()[1].startswith(name + b",")


def test_predict_of_a_test_image_gives_the_probabilities_of_test(command, finished_run, tmp_path):
    from cifar_lightning.data import DrawnShapes

    shapes = DrawnShapes(num_train=20, num_test=6).load("test")
    (row, *_) = read_predictions(finished_run / "test_predictions.csv")
    Image.fromarray(shapes.images[int(row["index"])].permute(1, 2, 0).numpy()).save(tmp_path / "image.png")
    assert command("predict", "--ckpt_path", str(finished_run), "--images", "image.png").code == 0
    (prediction,) = read_predictions(tmp_path / "predictions.csv")
    for name in ("circle", "star"):
        assert float(prediction[name]) == pytest.approx(float(row[name]), rel=1e-4)


def test_predict_needs_no_training_images(command, tmp_path):
    write_photos(tmp_path, "night", "a day")
    assert command("fit", *TINY, *PHOTOS, "--model.num_outputs=3").code == 0
    predict = ["predict", "--ckpt_path", RUN]
    assert command(*predict, "--images=photos/test/night").code == 0
    before = (tmp_path / "predictions.csv").read_text()
    assert before.startswith("file,predicted,a day,night\n")
    (tmp_path / "photos/test/night").rename(tmp_path / "mine")
    shutil.rmtree(tmp_path / "photos")
    outcome = command(*predict, "--images=mine")
    assert (outcome.code, outcome.err) == (0, "")
    assert (tmp_path / "predictions.csv").read_text() == before


def test_own_images_of_another_size_go_through_fit_test_and_predict(command, tmp_path):
    write_photos(tmp_path, "ant", "bee")
    (tmp_path / "photos/train/ant/notes.txt").touch()
    with pytest.warns(UserWarning, match=r"skipped 1 of 9 files, .*: photos/train/ant/notes\.txt"):
        outcome = command("fit", *TINY, *PHOTOS, "--data.source.image_size=64", POOLED)
    assert outcome.code == 0
    run = tmp_path / RUN
    with pytest.warns(UserWarning, match="notes"):
        assert command("test", "--ckpt_path", run).code == 0
    assert json.loads((run / "scores.json").read_text())["run"]["pixels_seen"] == 64**2
    assert size_of(run / "test_images.png") == (20 * 64, 64)
    assert (run / "probes.csv").read_text().count("\n") == 9
    Image.new("RGB", (300, 200)).save(tmp_path / "mine.webp")
    assert command("predict", "--ckpt_path", run, "--images=mine.webp").code == 0
    assert (tmp_path / "predictions.csv").read_text().splitlines()[1].startswith("mine.webp,")
    small = command("fit", *TINY, *PHOTOS, "--data.source.image_size=12", POOLED)
    assert_one_sentence(small, 2, "images of at least (16, 16) pixels")


def test_data_counts_images_per_class_and_draws_a_contact_sheet(command, tmp_path):
    outcome = command("data", *SMALL, "--data.val_fraction=0.25", "--preview", "sheet.png")
    assert outcome.code == 0
    numbers = [line.replace("│", " ").split() for line in outcome.out.splitlines()]
    assert ["circle", "15", "5", "6"] in numbers
    assert ["all", "75", "25", "30"] in numbers
    with Image.open(tmp_path / "sheet.png") as sheet:
        # 15 images of 32 pixels in a row, five rows, one pixel between, twice as large.
        assert sheet.size == (2 * (15 * 33 + 1), 2 * (5 * 33 + 1))


def test_configs_lists_each_config_with_its_purpose(command):
    outcome = command("configs")
    for name in ("quickstart", "baseline", "stride", "maxpool", "avgpool", "lab_protocol"):
        assert f"{name} " in outcome.out
    assert all(purpose and not purpose.startswith("#") for _, purpose in list_configs().values())


def test_configs_of_the_four_nets_differ_in_backbone_and_name_alone():
    nets = {"baseline": "BaselineNet", "stride": "StrideNet", "maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet"}
    texts = set()
    for name, net in nets.items():
        body = list_configs()[name][0].read_text().partition("seed_everything")[2]
        assert f"name: {name}\n" in body
        assert f"backbones.{net}\n" in body
        texts.add(body.replace(f"name: {name}", "").replace(f"backbones.{net}", ""))
    assert len(texts) == 1


def test_robustness_can_be_recomputed_from_the_probes_written_beside_it(finished_run):
    scores = json.loads((finished_run / "scores.json").read_text())
    rows = read_predictions(finished_run / "probes.csv")
    assert [row["index"] for row in rows] == [
        row["index"] for row in read_predictions(finished_run / "test_predictions.csv")
    ]
    for probe, column in (("shift", "shift"), ("shift_consistency", "consistency"), ("noise", "noise")):
        for level, value in scores["robustness"][probe].items():
            if level == "0":
                assert value == scores["splits"]["test"]["accuracy"]
            else:
                assert value == pytest.approx(np.mean([float(row[f"{column}_{level}"]) for row in rows]), abs=1e-12)


def test_names_that_look_like_markup_are_printed_as_they_are(command, tmp_path, undrawn):
    write_photos(tmp_path, "[red]", ":smile:")
    outcomes = [command("fit", *TINY, *PHOTOS, "--trainer.logger.name=a[/b] [red]run:smile:")]
    run = "lightning_logs/a[/b] [red]run:smile:/version_0"
    assert f"run folder: {run}\n" in outcomes[0].out
    outcomes.append(command("test", "--ckpt_path", run))
    assert outcomes[1].out.startswith("a[/b] [red]run:smile:, seed 0")
    outcomes.append(command("data", *PHOTOS, "--duplicates"))
    assert all((outcome.code, outcome.err) == (0, "") for outcome in outcomes)
    assert all(name in outcome.out for outcome in outcomes[1:] for name in ("[red]", ":smile:"))
