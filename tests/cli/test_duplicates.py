"""Near-duplicates of test images: listed and drawn by `data`, left out of one more score by `test`."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from tiny import PHOTOS, TINY

from cifar_lightning.data import DrawnShapes
from cifar_lightning.runs.run import Run

pytestmark = pytest.mark.usefixtures("undrawn")


def read_rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def draw(seed):
    """Images of random blocks, which are like nothing else, uint8 (32, 32, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)


@pytest.fixture
def photos(tmp_path):
    """Two classes of 20 training and 5 test images; test images 1 (of "day") and 8 (of "night") are copies."""
    root = tmp_path / "photos"
    for number in range(40):
        save(draw(number), root / "train" / ("day", "night")[number // 20] / f"{number:02}.png")
    for number in range(10):
        save(draw(100 + number), root / "test" / ("day", "night")[number // 5] / f"{number:02}.png")
    save(np.roll(draw(7), 1, axis=1), root / "test/day/01.png")
    # In the other class than its original.
    save(draw(12)[:, ::-1], root / "test/night/08.png")
    return root


def test_data_lists_near_duplicates_by_index_and_class_if_asked(command, photos):
    assert "near" not in command("data", *PHOTOS).out
    outcome = command("data", *PHOTOS, "--duplicates")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.replace("│", " ").split() for line in outcome.out.splitlines()]
    assert sorted(row[:4] for row in rows if len(row) == 5 and row[0].isdigit()) == [
        ["1", "day", "7", "day"],
        ["8", "night", "12", "day"],
    ]
    assert "2 of 10 test" in outcome.out
    assert "among the 40 training" in outcome.out


def test_data_draws_the_closest_pairs(command, photos, tmp_path):
    outcome = command("data", *PHOTOS, "--duplicates", "--preview=pairs.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "closest pairs: pairs.png"
    drawn = np.asarray(Image.open(tmp_path / "pairs.png").convert("RGB"))
    # Ten pairs, so the colours of both images of the closest one are there.
    colours = set(map(tuple, drawn.reshape(-1, 3).tolist()))
    assert {tuple(draw(12)[5, 5].tolist()), tuple(draw(12)[20, 20].tolist())} <= colours


@pytest.fixture
def run(command, photos, tmp_path):
    """A tested run on the photos, some of whose training images are held out."""
    assert command("fit", *TINY, *PHOTOS, "--data.val_fraction=0.5").code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", str(run)).code == 0
    return run


def test_the_score_without_near_duplicates_can_be_recomputed_from_the_files_beside_it(run):
    rows = read_rows(run / "test_predictions.csv")
    copies = read_rows(run / "duplicates.csv")
    # Held-out images count as training images: the best epoch is chosen by them.
    assert {row["index"]: row["train_index"] for row in copies} == {"1": "7", "8": "12"}
    left_out = {row["index"] for row in copies}
    right = [row["label"] == row["predicted"] for row in rows if row["index"] not in left_out]
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    assert score["count"] == len(right) == 8
    assert score["accuracy"] == pytest.approx(np.mean(right), abs=1e-12)
    assert score["accuracy_ci95"][0] < score["accuracy"] <= score["accuracy_ci95"][1]


def test_test_images_that_are_copies_of_one_another_are_written_and_counted_as_one(command, photos, tmp_path):
    save(np.roll(draw(103), 1, axis=1), photos / "test/night/07.png")
    assert command("fit", *TINY, *PHOTOS, "--trainer.max_epochs=1").code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", str(run)).code == 0
    assert read_rows(run / "groups.csv") == [{"index": "3", "group": "3"}, {"index": "7", "group": "3"}]
    assert Run(run).groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 3, 8, 9]


def test_the_table_has_a_line_without_near_duplicates(command, run):
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    lines = [
        line.replace("│", " ").split()
        for line in command("test", "--ckpt_path", str(run)).out.splitlines()
        if "without dup" in line
    ]
    low, high = score["accuracy_ci95"]
    assert [line[-3:] for line in lines] == [[f"{score['accuracy']:.3f}", f"{low:.3f}-{high:.3f}", "8"]]


def test_drawn_shapes_without_near_duplicates_keep_their_score(finished_run):
    test = json.loads((finished_run / "scores.json").read_text())["splits"]["test"]
    assert (finished_run / "duplicates.csv").read_text() == "index,train_index,similarity\n"
    assert test["without_duplicates"] == {
        "count": 30,
        "accuracy": test["accuracy"],
        "accuracy_ci95": test["accuracy_ci95"],
    }


def test_near_duplicates_alone_leave_no_score(command, tmp_path, monkeypatch):
    load = DrawnShapes.load
    monkeypatch.setattr(DrawnShapes, "load", lambda self, split: load(self, "test"))
    assert command("fit", *TINY).code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    outcome = command("test", "--ckpt_path", str(run))
    assert (outcome.code, outcome.err) == (0, "")
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    assert score == {"count": 0, "accuracy": None, "accuracy_ci95": None}
    (line,) = (line for line in outcome.out.splitlines() if "without dup" in line)
    assert line.replace("│", " ").split()[-3:] == ["-", "-", "0"]
    assert [float(row["similarity"]) for row in read_rows(run / "duplicates.csv")] == pytest.approx([1] * 30, abs=1e-4)


def test_the_lab_protocol_compares_with_all_training_images(command, photos, tmp_path):
    fit = command("fit", *TINY, *PHOTOS, "--config=lab_protocol", "--trainer.max_epochs=1")
    assert (fit.code, fit.err) == (0, "")
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", str(run)).code == 0
    assert {row["train_index"] for row in read_rows(run / "duplicates.csv")} == {"7", "12"}
