"""Near copies of test pictures: listed and drawn by `data`, left out of one more score by `test`."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from tiny import TINY

from cifar_lightning.data import DrawnShapes

pytestmark = pytest.mark.usefixtures("undrawn")

FOLDER = ["--data.source=cifar_lightning.data.ImageFolder", "--data.source.root=photos", "--data.classes=null"]


def read_rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def save(picture, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def draw(seed):
    """Pictures of random blocks, which are like nothing else, uint8 (32, 32, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)


@pytest.fixture
def photos(tmp_path):
    """Two classes of 20 training and 5 test pictures; test pictures 1 (of "day") and 8 (of "night") are copies."""
    root = tmp_path / "photos"
    for number in range(40):
        save(draw(number), root / "train" / ("day", "night")[number // 20] / f"{number:02}.png")
    for number in range(10):
        save(draw(100 + number), root / "test" / ("day", "night")[number // 5] / f"{number:02}.png")
    save(np.roll(draw(7), 1, axis=1), root / "test/day/01.png")
    # In the other class than its original.
    save(draw(12)[:, ::-1], root / "test/night/08.png")
    return root


def test_data_lists_the_copies_by_index_and_class(command, photos):
    outcome = command("data", *FOLDER, "--duplicates")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.replace("│", " ").split() for line in outcome.out.splitlines()]
    assert sorted(row[:4] for row in rows if len(row) == 5 and row[0].isdigit()) == [
        ["1", "day", "7", "day"],
        ["8", "night", "12", "day"],
    ]
    assert "2 of 10 test pictures have a near copy" in outcome.out
    assert "among the 40 training pictures" in outcome.out


def test_data_draws_the_closest_pairs(command, photos, tmp_path):
    outcome = command("data", *FOLDER, "--duplicates", "--preview=pairs.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "closest pairs: pairs.png"
    drawn = np.asarray(Image.open(tmp_path / "pairs.png").convert("RGB"))
    # Ten pairs, so the colours of both pictures of the closest one are there.
    colours = set(map(tuple, drawn.reshape(-1, 3).tolist()))
    assert {tuple(draw(12)[5, 5].tolist()), tuple(draw(12)[20, 20].tolist())} <= colours


def test_data_without_duplicates_compares_nothing(command, photos, monkeypatch):
    monkeypatch.setattr("cifar_lightning.cli.data_command.find_nearest_pairs", None)
    assert "near copy" not in command("data", *FOLDER).out


@pytest.fixture
def run(command, photos, tmp_path):
    """A tested run on the photos, some of whose training pictures are held out."""
    assert command("fit", "--config=quickstart", *FOLDER, "--trainer.max_epochs=2", "--data.val_fraction=0.5").code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", str(run)).code == 0
    return run


def test_the_score_without_copies_can_be_recomputed_from_the_files_beside_it(run):
    rows = read_rows(run / "test_predictions.csv")
    copies = read_rows(run / "duplicates.csv")
    # Held-out pictures count as training pictures: the best epoch is chosen by them.
    assert {row["index"]: row["train_index"] for row in copies} == {"1": "7", "8": "12"}
    left_out = {row["index"] for row in copies}
    right = [row["label"] == row["predicted"] for row in rows if row["index"] not in left_out]
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    assert score["count"] == len(right) == 8
    assert score["accuracy"] == pytest.approx(np.mean(right), abs=1e-12)
    # The formula of Wilson 1927, with z = 1.96.
    z, share = 1.959963984540054, np.mean(right)
    centre = (share + z**2 / 16) / (1 + z**2 / 8)
    half = z / (1 + z**2 / 8) * (share * (1 - share) / 8 + z**2 / 256) ** 0.5
    assert score["accuracy_ci95"] == pytest.approx([centre - half, centre + half], abs=1e-9)


def test_the_table_has_a_line_without_copies(command, run):
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    lines = [
        line.replace("│", " ").split()
        for line in command("test", "--ckpt_path", str(run)).out.splitlines()
        if "without near copies" in line
    ]
    low, high = score["accuracy_ci95"]
    assert lines == [["without", "near", "copies", f"{score['accuracy']:.3f}", f"{low:.3f}-{high:.3f}", "8"]]


def test_drawn_shapes_without_a_copy_keep_their_score(finished_run):
    test = json.loads((finished_run / "scores.json").read_text())["splits"]["test"]
    assert (finished_run / "duplicates.csv").read_text() == "index,train_index,similarity\n"
    assert test["without_duplicates"] == {
        "count": 30,
        "accuracy": test["accuracy"],
        "accuracy_ci95": test["accuracy_ci95"],
    }


def test_copies_alone_leave_no_score(command, tmp_path, monkeypatch):
    load = DrawnShapes.load
    monkeypatch.setattr(DrawnShapes, "load", lambda self, split: load(self, "test"))
    assert command("fit", *TINY).code == 0
    run = tmp_path / "lightning_logs/quickstart/version_0"
    outcome = command("test", "--ckpt_path", str(run))
    assert (outcome.code, outcome.err) == (0, "")
    score = json.loads((run / "scores.json").read_text())["splits"]["test"]["without_duplicates"]
    assert score == {"count": 0, "accuracy": None, "accuracy_ci95": None}
    (line,) = (line for line in outcome.out.splitlines() if "without near copies" in line)
    assert line.replace("│", " ").split() == ["without", "near", "copies", "-", "-", "0"]
    assert [float(row["similarity"]) for row in read_rows(run / "duplicates.csv")] == pytest.approx([1] * 30, abs=1e-4)


def test_the_lab_protocol_compares_with_all_training_pictures(command, photos, tmp_path):
    fit = command("fit", "--config=quickstart", *FOLDER, "--config=lab_protocol", "--trainer.max_epochs=1")
    assert (fit.code, fit.err) == (0, "")
    run = tmp_path / "lightning_logs/quickstart/version_0"
    assert command("test", "--ckpt_path", str(run)).code == 0
    assert {row["train_index"] for row in read_rows(run / "duplicates.csv")} == {"7", "12"}
