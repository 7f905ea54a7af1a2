"""A run folder of which files were deleted: a right result, or one sentence that says what is missing."""

import shutil

import pytest
from checks import assert_one_sentence, assert_same_run, contents
from PIL import Image
from tiny import TINY

FIT = ["fit", *TINY, "--trainer.max_epochs=3"]
# What is deleted, and what the sentence has to name; None if the commands can do without.
DELETED = {
    "checkpoints/last.ckpt": ("checkpoints/last.ckpt", "best.ckpt"),
    "checkpoints": ("checkpoints/*", "checkpoint"),
    "checkpoints/best.ckpt": ("checkpoints/best.ckpt", None),
    "curves.csv": ("curves.csv", None),
    "events": ("**/events.out.*", None),
    "scores and tables": ("[!c]*.[cj]s*", None),
}


@pytest.fixture(params=DELETED.values(), ids=list(DELETED))
def damaged(request, run):
    """A copy of the finished run without some files, and what has to be named."""
    pattern, named = request.param
    paths = list(run.glob(pattern))
    assert paths
    for path in paths:
        path.unlink()
    return run, named


def test_a_run_without_some_files_resumes_or_says_what_is_missing(command, tmp_path, damaged, longer_run):
    run, named = damaged
    before = contents(tmp_path)
    outcome = command(*FIT, "--ckpt_path", "run")
    if named is not None:
        assert_one_sentence(outcome, 2, named)
        assert contents(tmp_path) == before
    else:
        assert (outcome.code, outcome.err) == (0, "")
        assert_same_run(run, longer_run)
        assert (run / "config.yaml").is_file()
        assert not (run / "scores.json").exists()


def test_a_run_without_some_files_is_tested_or_says_what_is_missing(command, tmp_path, damaged, finished_run):
    run, named = damaged
    before = contents(tmp_path)
    outcome = command("test", "--ckpt_path", "run")
    if named is not None:
        assert_one_sentence(outcome, 2, named)
        assert contents(tmp_path) == before
    else:
        assert (outcome.code, outcome.err) == (0, "")
        tables = {name for name in contents(finished_run) if name.endswith((".csv", ".json")) and name != "curves.csv"}
        assert all((run / name).read_bytes() == (finished_run / name).read_bytes() for name in tables)


def test_a_run_without_some_files_predicts_or_says_what_is_missing(command, tmp_path, damaged, finished_run):
    Image.new("RGB", (32, 32), (9, 200, 40)).save(tmp_path / "a.png")
    assert command("predict", "--ckpt_path", finished_run, "--images", "a.png", "--output", "expected.csv").code == 0
    _, named = damaged
    outcome = command("predict", "--ckpt_path", "run", "--images", "a.png")
    if named is not None:
        assert_one_sentence(outcome, 2, named)
    else:
        assert (outcome.code, outcome.err) == (0, "")
        assert (tmp_path / "predictions.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_a_run_without_its_settings_is_not_tested_without_others(command, run, tmp_path):
    (run / "config.yaml").unlink()
    assert_one_sentence(command("test", "--ckpt_path", "run"), 2, "config.yaml", "add --config")


def test_a_checkpoint_on_its_own_resumes_as_a_new_run_and_that_is_said(command, tmp_path, finished_run, longer_run):
    shutil.copy(finished_run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    outcome = command(*FIT, "--ckpt_path", "mine.ckpt")
    run = "lightning_logs/quickstart/version_0"
    assert (outcome.code, outcome.err) == (0, "")
    assert any("mine.ckpt" in line and "new run" in line and run in line for line in outcome.out.splitlines())
    assert_same_run(tmp_path / run, longer_run)


def test_the_scores_of_a_checkpoint_on_its_own_are_not_written_and_that_is_said(command, tmp_path, finished_run):
    shutil.copy(finished_run / "checkpoints/last.ckpt", tmp_path / "mine.ckpt")
    outcome = command("test", "--config", finished_run / "config.yaml", "--ckpt_path", "mine.ckpt")
    assert outcome.code == 0
    assert "not written: the checkpoint is not in a run folder" in outcome.out.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ckpt"]


def test_what_a_killed_fit_left_half_written_is_cleared_away_and_nothing_else(command, run):
    leftovers = [run / ".curves.csv.x1.unfinished", run / "checkpoints/.last.ckpt.ab_c.unfinished"]
    others = [run / ".scores.json", run / "notes.unfinished", run / "notes.txt"]
    for path in (*leftovers, *others):
        path.write_text("half")
    assert command(*FIT, "--ckpt_path=run").code == 0
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)
