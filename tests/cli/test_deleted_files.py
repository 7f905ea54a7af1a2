"""A run folder of which files were deleted: a right result, or one sentence."""

import csv
import itertools
import json
import shutil

import pytest
import torch
from tiny import TINY

from cifar_lightning.cli.main import main
from cifar_lightning.runs import folder

MORE = "--trainer.max_epochs=3"
DELETED = {
    "config.yaml": ["config.yaml"],
    "curves.csv": ["curves.csv"],
    "last.ckpt": ["checkpoints/last.ckpt"],
    "best.ckpt": ["checkpoints/best.ckpt"],
    "checkpoints": ["checkpoints"],
    "events": ["train", "val", "events.out.*"],
    "scores.json": ["scores.json"],
    "predictions": ["test_predictions.csv", "train_predictions.csv", "probes.csv"],
}
PAIRS = [pytest.param(pair, marks=pytest.mark.slow) for pair in itertools.combinations(DELETED, 2)]
each_case = pytest.mark.parametrize("names", [*((name,) for name in DELETED), *PAIRS], ids=" and ".join)


@pytest.fixture(scope="session")
def longer_run(tmp_path_factory):
    """A run of three epochs, never stopped; not to be changed."""
    save_dir = tmp_path_factory.mktemp("longer")
    assert main(["fit", *TINY, MORE, f"--trainer.logger.save_dir={save_dir}"]) == 0
    return save_dir / "quickstart/version_0"


@pytest.fixture
def damaged(finished_run, tmp_path):
    """A function that copies the finished run and deletes files of the copy."""

    def make(names):
        run = tmp_path / "lightning_logs/quickstart/version_0"
        shutil.copytree(finished_run, run)
        for pattern in itertools.chain.from_iterable(DELETED[name] for name in names):
            for path in run.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return run

    return make


def contents(parent):
    return {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}


def read_weights(run):
    return torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]


def assert_same_weights(run, other):
    weights, others = read_weights(run), read_weights(other)
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[key], others[key]) for key in weights)


def assert_refused(outcome, part, before, parent):
    assert outcome.code == 2, outcome
    (line,) = outcome.err.splitlines()
    assert part in line
    assert contents(parent) == before


def reason_to_refuse(names, resume):
    """What the sentence has to name; None if the command can do without what was deleted."""
    if "checkpoints" in names:
        return "checkpoint"
    if "last.ckpt" in names:
        return "last.ckpt" if "best.ckpt" in names else "best.ckpt"
    return ("its config.yaml is gone" if resume else "add --config") if "config.yaml" in names else None


@each_case
@pytest.mark.parametrize("way", ["last", "the folder", "the checkpoint"])
def test_a_run_without_some_files_goes_on_or_says_what_is_missing(command, tmp_path, damaged, longer_run, names, way):
    run = damaged(names)
    checkpoint = {"last": "last", "the folder": run, "the checkpoint": run / "checkpoints/last.ckpt"}[way]
    before = contents(tmp_path)
    outcome = command("fit", *TINY, MORE, "--ckpt_path", str(checkpoint))
    if (reason := reason_to_refuse(names, resume=True)) is not None:
        assert_refused(
            outcome, "no " if way == "the checkpoint" and "is gone" not in reason else reason, before, tmp_path
        )
        return
    assert (outcome.code, outcome.err) == (0, "")
    assert_same_weights(run, longer_run)
    rows = [[row[:-1] for row in csv.reader((path / "curves.csv").open())] for path in (run, longer_run)]
    assert rows[0] == rows[1]
    assert (run / "config.yaml").is_file()
    assert not (run / "scores.json").exists()
    assert [path.name for path in run.parent.iterdir()] == ["version_0"]


@each_case
def test_a_run_without_some_files_is_tested_or_says_what_is_missing(
    request, command, tmp_path, damaged, finished_run, names
):
    if len(names) > 1:
        # What is drawn without a file is seen where it alone is missing.
        request.getfixturevalue("undrawn")
    run = damaged(names)
    before = contents(tmp_path)
    outcome = command("test", "--ckpt_path", str(run))
    if (reason := reason_to_refuse(names, resume=False)) is not None:
        assert_refused(outcome, reason, before, tmp_path)
        return
    assert (outcome.code, outcome.err) == (0, "")
    ours, theirs = (json.loads((path / "scores.json").read_text()) for path in (run, finished_run))
    assert ours == theirs
    for name in ("test_predictions.csv", "train_predictions.csv", "val_predictions.csv", "probes.csv"):
        assert (run / name).read_bytes() == (finished_run / name).read_bytes()


@each_case
@pytest.mark.parametrize("name", ["validate", "predict"])
def test_a_run_without_some_files_is_validated_and_predicts_or_says_what_is_missing(
    command, tmp_path, damaged, finished_run, names, name
):
    (tmp_path / "pictures").mkdir()
    shutil.copy(finished_run / "test_pictures.png", tmp_path / "pictures/a.png")
    more = ["--images", "pictures"] if name == "predict" else []
    expected = command(name, "--ckpt_path", str(finished_run), *more)
    run = damaged(names)
    before = contents(tmp_path)
    outcome = command(name, "--ckpt_path", str(run), *more)
    if (reason := reason_to_refuse(names, resume=False)) is not None:
        assert_refused(outcome, reason, before, tmp_path)
        return
    assert outcome == expected


def test_a_checkpoint_on_its_own_goes_on_as_a_new_run_and_that_is_said(command, tmp_path, finished_run, longer_run):
    shutil.copy(finished_run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    outcome = command("fit", *TINY, MORE, "--ckpt_path", "mine.ckpt")
    run = "lightning_logs/quickstart/version_0"
    assert outcome.code == 0
    assert f"mine.ckpt lies in no run folder; going on from it as a new run: {run}\n" in outcome.out
    assert_same_weights(tmp_path / run, longer_run)


def test_the_scores_of_a_checkpoint_on_its_own_are_not_written_and_that_is_said(command, tmp_path, finished_run):
    shutil.copy(finished_run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    before = contents(tmp_path)
    outcome = command("test", "--config", str(finished_run / "config.yaml"), "--ckpt_path", "mine.ckpt")
    assert outcome.code == 0
    assert outcome.out.endswith("nothing was written, since the checkpoint lies in no run folder\n")
    assert contents(tmp_path) == before


def test_a_newest_run_that_was_stopped_before_its_first_epoch_is_not_gone_on_with(command, tmp_path, damaged):
    damaged([])
    (tmp_path / "lightning_logs/quickstart/version_1").mkdir()
    before = contents(tmp_path)
    outcome = command("fit", *TINY, MORE, "--ckpt_path=last")
    assert_refused(outcome, "quickstart/version_1, the newest run, but it has none", before, tmp_path)


def test_a_run_with_nothing_left_to_train_stays_as_it_is_and_that_is_said(command, damaged):
    run = damaged([])
    before = contents(run)
    outcome = command("fit", *TINY, "--ckpt_path=last")
    assert (outcome.code, outcome.err) == (0, "")
    assert "nothing was left to train after 2 epochs; raise trainer.max_epochs to go on\n" in outcome.out
    assert {path: content for path, content in contents(run).items() if "events" not in path.name} == {
        path: content for path, content in before.items() if "events" not in path.name
    }


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_run_is_not_shortened(command, tmp_path, damaged, epochs):
    damaged([])
    before = contents(tmp_path)
    outcome = command("fit", *TINY, f"--trainer.max_epochs={epochs}", "--ckpt_path=last")
    assert_refused(outcome, "trainer.max_epochs of at least 2, the epochs that lightning_logs", before, tmp_path)


def test_a_run_that_goes_on_elsewhere_is_refused(command, tmp_path, damaged):
    run = damaged([])
    before = contents(tmp_path)
    with folder.hold(run):
        outcome = command("fit", *TINY, MORE, "--ckpt_path=last")
    assert_refused(outcome, "another process goes on with", before, tmp_path)
    assert command("fit", *TINY, MORE, "--ckpt_path=last").code == 0


def test_what_a_killed_fit_left_half_written_is_cleared_away_and_nothing_else(command, tmp_path, damaged):
    run = damaged([])
    leftovers = [run / ".curves.csv.x1", run / "checkpoints/.last.ckpt.ab_c", run / ".config.yaml.8"]
    leftovers += [run / ".scores.json.x1", run / ".mistakes.png.77", run / ".val_predictions.csv.q"]
    others = [run / ".scores.json", run / ".notes.json.x1", run / ".mine", run / "notes.txt"]
    for path in (*leftovers, *others):
        path.write_text("half")
    assert command("fit", *TINY, MORE, "--ckpt_path=last").code == 0
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)
