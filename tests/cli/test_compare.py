"""`compare` on the command line: what it writes and prints, and every mistake in one sentence."""

import csv
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import insides
import numpy as np
import pytest
from checks import assert_one_sentence
from simulated_runs import NAMES, write_run, write_study

from cifar_lightning.cli.main import main

ACCURACIES = {"maxpool": 0.95, "avgpool": 0.90, "stride": 0.80}
RIGHT = np.arange(30) % 10 != 0


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three strategies, four seeds (stride: three), and one run that is not tested; not to be changed."""
    root = write_study(tmp_path_factory.mktemp("study"), ACCURACIES, {"maxpool": 4, "avgpool": 4, "stride": 3})
    unfinished = write_run(root / "stride" / "seed_3", "stride", 3, RIGHT)
    (unfinished / "scores.json").unlink()
    return root


@pytest.fixture(scope="module")
def written(study, tmp_path_factory):
    """What `compare` leaves behind for that study: its folder, and what it printed."""
    output = tmp_path_factory.mktemp("comparison")
    with redirect_stdout(StringIO()) as printed:
        assert main(["compare", str(study), "--output", str(output)]) == 0
    return output, printed.getvalue()


def test_the_files_and_the_next_step_are_named(written):
    output, printed = written
    for name in ("comparison.json", "comparison.csv", "comparison.html"):
        assert (output / name).stat().st_size > 500
    assert list((output / "figures").glob("*.png"))
    assert f"written to {output}" in printed
    assert f" --output {output}</code>" in (output / "comparison.html").read_text()
    assert printed.rstrip().endswith(f"next: open {output / 'comparison.html'}")


def test_comparison_json_has_what_it_promises(written, study):
    content = json.loads((written[0] / "comparison.json").read_text())
    assert (content["format"], content["question"], content["classes"]) == (2, "test accuracy", NAMES)
    assert (content["num_images"], content["num_groups"], content["num_left_out"]) == (300, 300, None)
    first, *_, last = content["strategies"]
    assert [strategy["name"] for strategy in content["strategies"]] == ["maxpool", "avgpool", "stride"]
    assert (first["runs"], last["runs"]) == (4, 3)
    scores = [json.loads((study / f"maxpool/seed_{seed}/scores.json").read_text()) for seed in range(4)]
    accuracies = [run["splits"]["test"]["accuracy"] for run in scores]
    assert first["accuracy_mean"] == pytest.approx(np.mean(accuracies))
    assert first["accuracy_sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert first["accuracy_ci95"][0] < first["accuracy_mean"] < first["accuracy_ci95"][1]
    recalls = [{row["name"]: row["recall"] for row in run["splits"]["test"]["classes"]} for run in scores]
    for name in NAMES:
        assert first["recall_mean"][name] == pytest.approx(np.mean([run[name] for run in recalls]))
    assert first["fit_seconds_median"] == 81.5
    pair = content["pairs"][1]
    assert (pair["a"], pair["b"], pair["verdict"]) == ("maxpool", "stride", "maxpool is better")
    assert pair["difference"] == pytest.approx(first["accuracy_mean"] - last["accuracy_mean"])
    assert 0 < pair["ci95"][0] < pair["difference"] < pair["ci95"][1]
    assert 0 <= pair["p"] <= pair["p_adjusted"] <= pair["p_holm"] < 0.05
    assert set(pair["training_noise_only"]) == {"ci95", "p"}
    assert content["answer"].startswith("maxpool beats ")


def test_paired_seeds_and_left_out_near_duplicates_are_in_the_answer_and_on_the_page(command, study, tmp_path, undrawn):
    options = ("--paired_seeds", "--without_duplicates")
    outcome = command("compare", study / "maxpool", study / "avgpool", "--output", tmp_path, *options)
    assert outcome.code == 0
    said = "299 images (1 with a near-duplicate among the training images left out)"
    assert said in " ".join(outcome.out.split())
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert (content["num_images"], content["num_groups"], content["num_left_out"]) == (299, 299, 1)
    assert content["paired_seeds"]
    page = (tmp_path / "comparison.html").read_text()
    assert "Seeds are paired" in page
    assert f"--output {tmp_path} {' '.join(options)}</code>" in page


def test_comparison_csv_has_the_pairs_of_comparison_json(written):
    pairs = json.loads((written[0] / "comparison.json").read_text())["pairs"]
    with (written[0] / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"], row["verdict"]) for row in rows] == [(p["a"], p["b"], p["verdict"]) for p in pairs]
    assert [float(row["ci95_low"]) for row in rows] == [pair["ci95"][0] for pair in pairs]
    assert [float(row["training_noise_only_p"]) for row in rows] == [p["training_noise_only"]["p"] for p in pairs]


def test_what_is_printed_leads_with_the_answer_and_its_tables_fit_80_columns(written):
    content = json.loads((written[0] / "comparison.json").read_text())
    lines = written[1].splitlines()
    assert lines[0] == content["answer"]
    assert max(len(line) for line in lines if line[:1] in "┃│┏└") <= 80
    assert "…" not in written[1]
    assert "differences, points, for new seeds and " in written[1]
    assert "stride lacks seed 3, which other strategies have." in written[1]
    assert "seed_3" in " ".join(content["notes"])


def test_without_output_the_files_go_to_the_first_path_and_do_not_disturb_the_next_comparison(
    command, study, tmp_path, undrawn
):
    root = shutil.copytree(study, tmp_path / "runs")
    assert command("compare", "runs").code == 0
    first = (root / "comparison.json").read_text()
    assert command("compare", "runs", "--question=gap").code == 0
    assert json.loads((root / "comparison.json").read_text())["question"] == "train minus test accuracy"
    assert command("compare", "runs").code == 0
    assert (root / "comparison.json").read_text() == first


def test_an_option_may_stand_between_the_paths(command, study, tmp_path, undrawn):
    shutil.copytree(study, tmp_path / "runs")
    outcome = command("compare", "runs/maxpool", "--output", "out", "runs/stride")
    assert (outcome.code, outcome.err) == (0, "")


def test_names_that_differ_at_their_ends_are_told_apart_in_the_terminal(command, tmp_path, undrawn):
    names = [f"avgpool_adam_lr_0.001_weight_decay_{decay}" for decay in ("0.01", "0.1")]
    write_study(tmp_path / "runs", dict.fromkeys(names, 0.9), 3, 30)
    outcome = command("compare", "runs")
    assert "…" not in outcome.out
    columns = [line.split("│")[1].strip() for line in outcome.out.splitlines() if line.startswith("│")]
    assert all(name in "".join(columns) for name in names)


def test_the_terminal_says_where_lower_is_better(command, study, undrawn):
    outcome = command("compare", study, "--question", "loss", "--output", "out")
    assert "; lower is better" in outcome.out
    assert "; lower is better" not in command("compare", study, "--output", "out").out


def test_tables_that_went_through_a_spreadsheet_are_read(command, study, tmp_path, undrawn):
    shutil.copytree(study, tmp_path / "runs")
    for path in (tmp_path / "runs/stride/seed_1").glob("*.csv"):
        # A mark of the byte order, quotes, and the line ends of Windows.
        quoted = b'"' + path.read_bytes().replace(b",", b'","').replace(b"\n", b'"\r\n"').removesuffix(b'"')
        path.write_bytes(b"\xef\xbb\xbf" + quoted)
    outcome = command("compare", "runs", "--output", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert command("compare", study, "--output", "before").code == 0
    pairs = [json.loads((tmp_path / name / "comparison.json").read_text())["pairs"] for name in ("out", "before")]
    assert pairs[0] == pairs[1]


def set_fact(run, key, value):
    scores = json.loads((run / "scores.json").read_text())
    scores["run"][key] = value
    (run / "scores.json").write_text(json.dumps(scores))


def replace(old, new, *names):
    """A function that writes `new` for `old` in files of a run."""

    def change(run):
        for name in names:
            text = (run / name).read_text()
            assert old in text
            (run / name).write_text(text.replace(old, new))

    return change


def remove_last_rows(run):
    for name in ("test_predictions.csv", "probes.csv"):
        lines = (run / name).read_text().splitlines()
        (run / name).write_text("\n".join(lines[:-3]) + "\n")


TABLES = "test_predictions.csv", "train_predictions.csv"
# What is done to the run stride/seed_1, and what the sentence has to say.
MISTAKES = {
    "a later format": (replace('"format": 1', '"format": 2', "scores.json"), ["scores.json", "format 1"]),
    "a column less": (replace(",predicted", "", "test_predictions.csv"), ["test_predictions.csv"]),
    "a word for a number": (replace("0.", "half", "probes.csv"), ["probes.csv"]),
    "no number": (replace("0.", "nan", "curves.csv"), ["curves.csv"]),
    "no test predictions": (lambda run: (run / "test_predictions.csv").unlink(), ["test_predictions.csv"]),
    "fewer test images": (remove_last_rows, ["same test"]),
    "other labels": (replace("\n1,apple", "\n1,forest", "test_predictions.csv"), ["column label"]),
    "other classes": (replace("apple", "pear", *TABLES), ["pear", "cannot be compared"]),
    "another protocol": (lambda run: set_fact(run, "protocol", "holdout"), ["one protocol", "--allow_mixed"]),
    "other epochs": (lambda run: set_fact(run, "epochs", 7), ["epochs", "--allow_mixed"]),
    "another checkpoint": (lambda run: set_fact(run, "checkpoint", "best.ckpt"), ["checkpoint", "--allow_mixed"]),
    "a run that was cut short": (lambda run: set_fact(run, "epoch", 3), ["epoch"]),
    "a seed twice": (lambda run: set_fact(run, "seed", 2), ["seed", "once"]),
}


@pytest.mark.parametrize(("damage", "parts"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_run_that_does_not_go_with_the_others_is_named(command, study, tmp_path, damage, parts):
    for strategy in ("maxpool", "stride"):
        shutil.copytree(study / strategy, tmp_path / "runs" / strategy)
    damage(tmp_path / "runs/stride/seed_1")
    assert_one_sentence(command("compare", "runs", "--output", "out"), 2, "stride", *parts)
    assert not (tmp_path / "out").exists()


ARGUMENTS = {
    "no path": ([], "expected a folder with runs"),
    "a path that is not there": (["nowhere"], "nowhere"),
    "a file": (["file.txt"], "file.txt"),
    "a folder without runs": (["empty"], "empty"),
    "runs without scores": (["untested"], "untested"),
    "one strategy": (["runs/maxpool"], "at least two strategies"),
    "an unknown question": (["runs", "--question", "acuracy"], "did you mean 'accuracy'"),
    "a class that is not there": (["runs", "--question=recall:aple"], "did you mean 'recall:apple'"),
    "an unknown option": (["runs", "--alow_mixed"], "did you mean '--allow_mixed'"),
    "a margin below zero": (["runs", "--equal_within=-1"], "above 0"),
    "a margin that is no number": (["runs", "--equal_within=two"], "equal_within"),
    "an output that is a file": (["runs", "--output", "file.txt"], "file.txt"),
    "an option without its value": (["runs", "--output"], "expected one argument"),
}


@pytest.mark.parametrize(("arguments", "part"), ARGUMENTS.values(), ids=list(ARGUMENTS))
def test_a_mistaken_argument_ends_in_one_sentence(command, study, tmp_path, arguments, part):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    shutil.copytree(study / "stride/seed_3", tmp_path / "untested/stride/seed_3")
    (tmp_path / "runs").symlink_to(study)
    assert_one_sentence(command("compare", *arguments), 2, part)


def test_two_studies_with_the_same_strategies_are_told_apart_by_their_settings(command, study, tmp_path):
    shutil.copytree(study, tmp_path / "runs/first")
    for seed in (0, 1):
        changed = {"model.optimizer.init_args.lr": 0.01}
        write_run(tmp_path / f"runs/second/seed_{seed}", "maxpool", seed, np.ones(300, bool), settings=changed)
    outcome = command("compare", "runs")
    assert_one_sentence(outcome, 2, "runs/first/maxpool/seed_0", "runs/second/seed_0", "model.optimizer.init_args.lr")


def test_a_comparison_that_is_stopped_leaves_no_page_of_an_earlier_one(command, study, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    (tmp_path / "out/comparison.html").write_text("another answer")
    insides.draw_in(monkeypatch, stopped)
    assert command("compare", study, "--output", "out").code == 130
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["comparison.csv", "comparison.json"]


def test_an_output_that_cannot_be_written_is_the_machines_failure(command, study):
    assert_one_sentence(command("compare", study, "--output", "/proc/nowhere"), 1, "/proc/nowhere")


def test_a_folder_that_may_not_be_read_is_not_left_out(command, study, tmp_path, monkeypatch):
    shutil.copytree(study, tmp_path / "runs")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "seed_1":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    # Root may read everything.
    monkeypatch.setattr(os, "scandir", refuse)
    assert_one_sentence(command("compare", "runs", "--output", "out"), 1, "seed_1")
    assert not (tmp_path / "out").exists()


def compare_apart(folder, **options):
    """`compare runs` in a process of its own: within the tests, warnings and output go elsewhere."""
    command = [sys.executable, "-m", "cifar_lightning", "compare", "runs"]
    return subprocess.run(command, cwd=folder, capture_output=True, **options)


def test_names_that_no_font_and_no_terminal_has_stop_nothing(tmp_path):
    names = {"\N{CJK UNIFIED IDEOGRAPH-7F51}\N{ROCKET}": 0.8, "a space and \N{HEBREW LETTER ALEF}": 0.8}
    root = write_study(tmp_path / "runs", names, 3, 60)
    run = compare_apart(tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"a space and" in run.stdout
    assert (root / "comparison.html").is_file()
    assert len(list((root / "figures").glob("*.png"))) == 9


def test_who_reads_the_answer_alone_gets_the_page_all_the_same(tmp_path):
    write_study(tmp_path / "runs", {"one": 0.8, "two": 0.9}, 3, 40)
    compare = [sys.executable, "-m", "cifar_lightning", "compare", "runs"]
    with subprocess.Popen(compare, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        process.stdout.close()
    assert (tmp_path / "runs/comparison.html").is_file()
