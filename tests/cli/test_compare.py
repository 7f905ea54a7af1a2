"""`compare` on the command line: what it writes and prints, and every mistake in one sentence."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from simulated_runs import NAMES, write_run, write_study

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
    from contextlib import redirect_stdout
    from io import StringIO

    from cifar_lightning.cli.main import main

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
    assert (content["format"], content["question"], content["classes"]) == (1, "test accuracy", NAMES)
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
    assert 0 <= pair["p"] <= pair["p_holm"] < 0.05
    assert set(pair["training_noise_only"]) == {"ci95", "p"}
    assert content["answer"].startswith("maxpool is better than")


def test_comparison_csv_has_the_pairs_of_comparison_json(written):
    pairs = json.loads((written[0] / "comparison.json").read_text())["pairs"]
    with (written[0] / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"], row["verdict"]) for row in rows] == [(p["a"], p["b"], p["verdict"]) for p in pairs]
    assert [float(row["ci95_low"]) for row in rows] == [pair["ci95"][0] for pair in pairs]
    assert [float(row["training_noise_only_p"]) for row in rows] == [p["training_noise_only"]["p"] for p in pairs]


def test_what_is_printed_leads_with_the_answer_and_fits_80_columns(written):
    content = json.loads((written[0] / "comparison.json").read_text())
    lines = written[1].splitlines()
    assert " ".join(written[1].split()).startswith(content["answer"])
    assert max(len(line) for line in lines if str(written[0]) not in line) <= 80
    assert "…" not in written[1]
    assert "differences, points, for new seeds and pictures; verdicts" in written[1]
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


@pytest.mark.parametrize(("question", "said"), [("loss", True), ("gap", True), ("accuracy", False)])
def test_the_terminal_says_where_lower_is_better(command, study, tmp_path, undrawn, question, said):
    outcome = command("compare", str(study), "--question", question, "--output", "out")
    assert ("; lower is better" in outcome.out) == said


def test_tables_that_went_through_a_spreadsheet_are_read(command, study, tmp_path, undrawn):
    shutil.copytree(study, tmp_path / "runs")
    for path in (tmp_path / "runs/stride/seed_1").glob("*.csv"):
        table = path.read_bytes()
        if path.name in ("curves.csv", "duplicates.csv"):
            table = table.replace(b"\n", b",look again\n").replace(b"look again", b"note", 1)
        quoted = b'"' + table.replace(b",", b'","').replace(b"\n", b'"\n"').removesuffix(b'"')
        path.write_bytes(b"\xef\xbb\xbf\r\n" + quoted.replace(b"\n", b"\r\n") + b"\r\n")
    outcome = command("compare", "runs", "--output", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert command("compare", str(study), "--output", "before").code == 0
    pairs = [json.loads((tmp_path / name / "comparison.json").read_text())["pairs"] for name in ("out", "before")]
    assert pairs[0] == pairs[1]


def change_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def write_line(path, number, text):
    """Puts `text`, bytes, into line `number`, counted from 1."""
    lines = path.read_bytes().splitlines()
    lines[number - 1] = text
    path.write_bytes(b"\n".join(lines) + b"\n")


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def write_column(path, column, value):
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    for row in rows:
        row[column] = value
    path.write_text("".join(",".join(row) + "\n" for row in (header, *rows)))


def set_fact(run, key, value):
    change_json(run / "scores.json", lambda scores: scores["run"].update({key: value}))


def remove_last_rows(run):
    for name in ("test_predictions.csv", "probes.csv"):
        lines = (run / name).read_text().splitlines()
        (run / name).write_text("\n".join(lines[:-3]) + "\n")


def relabel(run):
    path = run / "test_predictions.csv"
    path.write_text(path.read_text().replace("\n1,apple", "\n1,forest"))


def rename_class(run):
    for name in ("test_predictions.csv", "train_predictions.csv"):
        path = run / name
        path.write_text(path.read_text().replace("apple", "pear"))


# What is done to the run stride/seed_1, and what the sentence has to say.
MISTAKES = {
    "torn scores.json": (lambda run: (run / "scores.json").write_text('{"format": 1, "ru'), "scores.json is damaged"),
    "scores.json of another kind": (
        lambda run: (run / "scores.json").write_text("[]"),
        "the scores of a run in format 1",
    ),
    "a later format": (lambda run: change_json(run / "scores.json", lambda s: s.update(format=2)), "in format 1"),
    "a seed in words": (lambda run: set_fact(run, "seed", "one"), "run.seed of type int"),
    "a seed below zero": (lambda run: set_fact(run, "seed", -1), "run.seed of type int, 0 and more"),
    "less than no arithmetic": (lambda run: set_fact(run, "flops_per_image", -7), "run.flops_per_image of type int, 0"),
    "half a parameter": (lambda run: set_fact(run, "num_parameters", 0.5), "run.num_parameters of type int"),
    "a time in words": (lambda run: set_fact(run, "fit_seconds", "81 s"), "run.fit_seconds to be a number of seconds"),
    "a list of times": (lambda run: set_fact(run, "fit_seconds", [81]), "run.fit_seconds to be a number of seconds"),
    "a time that is no number": (
        lambda run: set_fact(run, "fit_seconds", float("nan")),
        "run.fit_seconds to be a number of seconds",
    ),
    "a time before the start": (lambda run: set_fact(run, "fit_seconds", -1), "run.fit_seconds to be a number of sec"),
    "a seed that no machine counts": (lambda run: set_fact(run, "seed", 10**30), "run.seed of type int"),
    "an index that no machine counts": (
        lambda run: (run / "test_predictions.csv").write_text(
            (run / "test_predictions.csv").read_text().replace("\n1,", f"\n{10**30},", 1)
        ),
        "test_predictions.csv is damaged",
    ),
    "predictions of nothing": (
        lambda run: (run / "train_predictions.csv").write_text("index,label,predicted,apple,forest,lawn_mower\n"),
        "expected predictions of training pictures",
    ),
    "a picture twice": (
        lambda run: (run / "test_predictions.csv").write_text(
            (run / "test_predictions.csv").read_text().replace("\n8,", "\n1,", 1)
        ),
        "each test picture once",
    ),
    "no test predictions": (lambda run: (run / "test_predictions.csv").unlink(), "expected test_predictions.csv"),
    "torn predictions": (lambda run: os.truncate(run / "test_predictions.csv", 500), "test_predictions.csv is damaged"),
    "torn probes": (lambda run: os.truncate(run / "probes.csv", 500), "probes.csv is damaged"),
    "probes that are no shares": (
        lambda run: write_column(run / "probes.csv", 1, "1e308"),
        "probes.csv is damaged (a share that is not within 0 and 1)",
    ),
    "a probability that is no number": (
        lambda run: write_column(run / "test_predictions.csv", -1, "nan"),
        "test_predictions.csv is damaged (probabilities of a picture that are below 0, above 1 together, or no num",
    ),
    "probabilities of more than 1 together": (
        lambda run: write_column(run / "train_predictions.csv", 3, "1.5"),
        "train_predictions.csv is damaged (probabilities of a picture",
    ),
    "probabilities that have no sum": (
        lambda run: write_line(run / "test_predictions.csv", 4, b"9,apple,apple,1e308,1e308,0"),
        "test_predictions.csv is damaged (probabilities of a picture",
    ),
    "predictions without a class": (
        lambda run: (run / "test_predictions.csv").write_text("index,label,predicted\n1,apple,apple\n"),
        "test_predictions.csv is damaged (it has no column of a class)",
    ),
    "a curve twice": (
        lambda run: replace_text(run / "curves.csv", "val_loss", "train_loss"),
        "damaged (a column stands twice), in runs/stride/seed_1/curves.csv; fit that run anew",
    ),
    "an accuracy above 1": (
        lambda run: write_column(run / "curves.csv", 4, "1.5"),
        "damaged (an accuracy above 1)",
    ),
    "a row begun": (
        lambda run: write_line(run / "test_predictions.csv", 4, b"15,apple"),
        "test_predictions.csv is damaged (line 4 has another number of columns, 2 instead of 6); test that run again",
    ),
    "probes without rows": (
        lambda run: (run / "probes.csv").write_text("index,shift_1\n"),
        "probes.csv is damaged (no row below the names of the columns); test that run again",
    ),
    "empty probes": (lambda run: (run / "probes.csv").write_text(""), "probes.csv is damaged (it is empty); test that"),
    "predictions that are no text": (
        lambda run: write_line(run / "train_predictions.csv", 3, b"\xff\xfe"),
        "train_predictions.csv is damaged (line 3 is no text in UTF-8); test that run again",
    ),
    "half an index": (
        lambda run: write_column(run / "test_predictions.csv", 0, "1.5"),
        "test_predictions.csv is damaged (a number that is not whole, or too large); test that run again",
    ),
    "a word for a number": (
        lambda run: write_column(run / "probes.csv", 1, "half"),
        "probes.csv is damaged ('half' in line 2 is no number); test that run again",
    ),
    "curves without epochs": (
        lambda run: (run / "curves.csv").write_text("a,b\n1,2\n"),
        "damaged ('epoch' is not among the names of its columns)",
    ),
    "curves that are no text": (
        lambda run: write_line(run / "curves.csv", 2, b"\xff"),
        "curves.csv is damaged (line 2 is no text in UTF-8); fit that run anew",
    ),
    "no name": (lambda run: set_fact(run, "strategy", " "), "run.strategy to be a name of printable characters"),
    "half of a letter": (lambda run: set_fact(run, "strategy", "\ud800"), r"characters, but"),
    "a name with a blank at its end": (lambda run: set_fact(run, "strategy", "stride "), "has 'stride '"),
    "a name that is not seen": (lambda run: set_fact(run, "strategy", "\u2028"), "run.strategy to be a name of pri"),
    "a protocol that a terminal obeys": (lambda run: set_fact(run, "protocol", "\x1b[31m"), r"'\x1b[31m'"),
    "a name of two lines": (
        lambda run: set_fact(run, "strategy", "a\nb"),
        "run.strategy to be a name of printable characters",
    ),
    "torn curves": (lambda run: (run / "curves.csv").write_text("epoch\n0\n"), "curves.csv"),
    "an epoch that no machine counts": (
        lambda run: write_column(run / "curves.csv", 0, str(10**30)),
        "damaged (a number that is not whole, or too large)",
    ),
    "an epoch twice": (lambda run: write_column(run / "curves.csv", 0, "3"), "damaged (epochs that do not ascend"),
    "settings that are no text": (
        lambda run: write_line(run / "config.yaml", 2, b"\xff"),
        "config.yaml is damaged (line 2 is no text in UTF-8)",
    ),
    "a probe that no machine counts": (
        lambda run: replace_text(run / "probes.csv", "noise_16", "noise_" + "9" * 5000),
        "is no probe as",
    ),
    "a probe of a small two": (
        lambda run: replace_text(run / "probes.csv", "noise_16", "noise_\u00b2"),
        "'noise_\u00b2' is no probe as",
    ),
    "a probe twice": (
        lambda run: replace_text(run / "probes.csv", "noise_16", "noise_8"),
        "noise_8 stands twice",
    ),
    "probes of what": (
        lambda run: replace_text(run / "probes.csv", "index", "place"),
        "its first column is 'place' instead of 'index'",
    ),
    "columns that are exchanged": (
        lambda run: replace_text(run / "test_predictions.csv", "label,predicted", "predicted,label"),
        "its first columns are not index, label, predicted",
    ),
    "a class twice": (
        lambda run: replace_text(run / "test_predictions.csv", "forest,lawn_mower", "forest,forest"),
        "test_predictions.csv is damaged (a class stands twice",
    ),
    "a class that a terminal obeys": (
        lambda run: [
            replace_text(run / f"{split}_predictions.csv", "apple", "\x1b[31m") for split in ("train", "test")
        ],
        r"stride/seed_1 has '\x1b[31m'; rename it in the data",
    ),
    "training pictures of other classes": (
        lambda run: replace_text(run / "train_predictions.csv", "apple", "pear"),
        "train_predictions.csv has others; test that run again",
    ),
    "settings nested without end": (
        lambda run: (run / "config.yaml").write_text("a: " + 995 * "{a: " + "1" + 995 * "}"),
        "config.yaml is damaged (",
    ),
    "lists nested without end": (
        lambda run: (run / "config.yaml").write_text("a: " + 990 * "[" + 990 * "]"),
        "config.yaml is damaged (",
    ),
    "a loss below 0": (lambda run: write_column(run / "curves.csv", 1, "-1"), "damaged (a loss, an accuracy or a time"),
    "an index of 5000 digits": (
        lambda run: replace_text(run / "test_predictions.csv", "\n8,", "\n" + 5000 * "8" + ","),
        "damaged (a number that is not whole, or too large)",
    ),
    "a class that is a list": (
        lambda run: replace_text(run / "config.yaml", "class_path: torch.optim.SGD", "class_path: [torch.optim.SGD]"),
        "one model.optimizer.class_path in all runs of stride",
    ),
    "settings whose keys are no text": (
        lambda run: (run / "config.yaml").write_text("extra: [{1: 2, a: 3}]"),
        "config.yaml is damaged (keys or values that no config has)",
    ),
    "a setting of thousands of digits": (
        lambda run: replace_text(run / "config.yaml", "batch_size: 128", "batch_size: 0x" + 10_000 * "f"),
        "config.yaml is damaged (",
    ),
    "torn settings": (lambda run: (run / "config.yaml").write_text("model: ["), "config.yaml is damaged"),
    "settings with aliases": (lambda run: (run / "config.yaml").write_text("a: &a {}\nb: *a"), "an alias"),
    "fewer test pictures": (remove_last_rows, "expected the same test pictures in all runs"),
    "other labels": (relabel, "picture 1 is apple in"),
    "other classes": (rename_class, "nets that choose among other classes cannot be compared"),
    "probes of other pictures": (
        lambda run: (run / "probes.csv").write_text((run / "probes.csv").read_text().replace("\n1,", "\n2,")),
        "expected probes of the pictures of test_predictions.csv, but runs/stride/seed_1/probes.csv has others",
    ),
    "another protocol": (lambda run: set_fact(run, "protocol", "holdout"), "one protocol in all runs"),
    "other epochs": (lambda run: set_fact(run, "epochs", 7), "one number of epochs in all runs"),
    "another checkpoint": (lambda run: set_fact(run, "checkpoint", "best.ckpt"), "one checkpoint in all runs"),
    "a run that was cut short": (lambda run: set_fact(run, "epoch", 3), "one epoch tested in all runs"),
    "a seed twice": (lambda run: set_fact(run, "seed", 2), "each seed of a strategy once"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_run_that_does_not_go_with_the_others_is_named(command, study, tmp_path, mistake):
    damage, part = MISTAKES[mistake]
    shutil.copytree(study, tmp_path / "runs")
    damage(tmp_path / "runs/stride/seed_1")
    assert_one_sentence(command("compare", "runs", "--output", "out"), 2, part)
    assert not (tmp_path / "out").exists()


def assert_one_sentence(outcome, code, part):
    lines = outcome.err.strip().splitlines()
    assert outcome.code == code, outcome
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("cifar-lightning: ")
    assert part in lines[0]
    assert len(lines[0]) < 600


ARGUMENTS = {
    "no path": ([], "expected a folder with runs, got none"),
    "an empty path": ([""], "expected a folder, got an empty name"),
    "an empty output": (["runs", "--output="], "expected a folder, got an empty name"),
    "a path that is not there": (["nowhere"], "there is no nowhere"),
    "a file": (["file.txt"], "got the file file.txt"),
    "a folder without runs": (["empty"], "expected run folders below empty"),
    "runs without scores": (["untested"], "expected tested runs below untested"),
    "one strategy": (["runs/maxpool"], "at least two strategies"),
    "an unknown question": (["runs", "--question", "acuracy"], "did you mean 'accuracy'"),
    "a class that is not there": (["runs", "--question=recall:aple"], "did you mean 'recall:apple'"),
    "an unknown option": (["runs", "--alow_mixed"], "did you mean '--allow_mixed'"),
    "an option cut short": (["runs", "--out", "x"], "did you mean '--output'"),
    "an output that is a file": (["runs", "--output", "file.txt"], "expected a folder for --output, got the file file"),
    "an output within a file": (
        ["runs", "--output", "file.txt/x"],
        "got the file file.txt, which file.txt/x/figures",
    ),
    "an output of endless depth": (["runs", "--output", "a/" * 1500], "nested 1501 levels deep"),
    "an output with a file in the way": (["runs", "--output", "taken"], "got the file taken/figures; name a folder"),
    "an output of a long name": (["runs", "--output", 300 * "a"], "with names of at most 255 bytes a level"),
    "an option without its value": (["runs", "--output"], "expected one argument"),
}


@pytest.mark.parametrize("mistake", ARGUMENTS)
def test_a_mistaken_argument_ends_in_one_sentence(command, study, tmp_path, mistake):
    arguments, part = ARGUMENTS[mistake]
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/figures").touch()
    shutil.copytree(study / "stride/seed_3", tmp_path / "untested/stride/seed_3")
    (tmp_path / "runs").symlink_to(study)
    assert_one_sentence(command("compare", *arguments), 2, part)


def test_a_comparison_that_is_stopped_leaves_no_page_of_an_earlier_one(command, study, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    (tmp_path / "out/comparison.html").write_text("another answer")
    monkeypatch.setattr("cifar_lightning.compare.figures.write_figures", stopped)
    assert command("compare", str(study), "--output", "out").code == 130
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["comparison.csv", "comparison.json"]


def test_an_output_that_cannot_be_written_is_the_machines_failure(command, study, tmp_path):
    assert_one_sentence(command("compare", str(study), "--output", "/proc/nowhere"), 1, "/proc/nowhere")


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


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_output_of_any_encoding_loses_no_sign_and_stops_nothing(tmp_path, encoding):
    root = write_study(
        tmp_path / "runs",
        {"na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve \N{CJK UNIFIED IDEOGRAPH-7F51}": 0.8, "plain": 0.8},
        3,
        60,
    )
    run = subprocess.run(
        [sys.executable, "-m", "cifar_lightning", "compare", str(root)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    printed = run.stdout.decode(encoding)
    assert (run.returncode, run.stderr) == (0, b"")
    assert (root / "comparison.html").is_file()
    low = json.loads((root / "comparison.json").read_text())["pairs"][0]["ci95"][0]
    assert low < 0
    assert f" {100 * low:.1f} to +" in printed
    assert "ve ?" in printed


def test_who_reads_the_answer_alone_gets_the_page_all_the_same(tmp_path):
    write_study(tmp_path / "study", {"one": 0.8, "two": 0.9}, 3, 40)
    compare = [sys.executable, "-m", "cifar_lightning", "compare", "study"]
    with subprocess.Popen(compare, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        process.stdout.close()
    assert (tmp_path / "study/comparison.html").is_file()


def test_what_cannot_be_drawn_warns_nobody_and_the_figures_are_there(tmp_path):
    names = {"\N{CJK UNIFIED IDEOGRAPH-7F51}\N{ROCKET}": 0.9, "a space and \N{HEBREW LETTER ALEF}": 0.8}
    root = write_study(tmp_path / "runs", names, 3, 60)
    for seed in range(3):
        for column in (1, 3):
            write_column(next(root.glob(f"a*/seed_{seed}")) / "curves.csv", column, "1e308")
    # In a process of its own: within the tests, warnings go elsewhere.
    command = [sys.executable, "-m", "cifar_lightning", "compare", str(root)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(list((root / "figures").glob("*.png"))) == 9


def test_two_studies_with_the_same_strategies_are_told_apart_by_their_settings(command, study, tmp_path):
    shutil.copytree(study, tmp_path / "runs/first")
    for seed in (0, 1):
        changed = {"model.optimizer.init_args.lr": 0.01}
        write_run(tmp_path / f"runs/second/seed_{seed}", "maxpool", seed, np.ones(300, bool), settings=changed)
    outcome = command("compare", "runs")
    assert_one_sentence(outcome, 2, "maxpool, seed 0, is in runs/first/maxpool/seed_0 and in runs/second/seed_0")
    assert "one model.optimizer.init_args.lr in all runs of maxpool" in outcome.err


def test_help_and_mistakes_answer_before_anything_is_loaded(command):
    start = time.perf_counter()
    outcome = command("compare", "--help")
    assert time.perf_counter() - start < 0.2
    assert (outcome.code, "--allow_mixed" in outcome.out) == (0, True)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_four_hundred_runs_are_compared_in_seconds_and_a_gigabyte(tmp_path):
    """In less than ten (`benchmarks/compare.py`); here half more, since a shared machine may be as slow."""
    accuracies = {"maxpool": 0.94, "avgpool": 0.91, "stride": 0.895, "baseline": 0.895}
    write_study(tmp_path / "runs", accuracies, 100, train=np.ones(1500, bool), epochs=500)
    # Not getrusage's peak, which includes that of the process that started this one.
    code = (
        "import sys, time; from cifar_lightning.cli.main import main; assert main(sys.argv[1:]) == 0;"
        " (peak,) = (line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        " print(time.process_time(), peak, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "compare", str(tmp_path / "runs"), "--output", str(tmp_path / "out")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, run.stderr.split())
    assert seconds < 15
    assert kilobytes < 1e6
    assert json.loads((tmp_path / "out/comparison.json").read_text())["strategies"][0]["runs"] == 100
