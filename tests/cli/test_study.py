"""`study` on drawn shapes: two strategies, two seeds, two epochs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import warm
import yaml

from cifar_lightning.cli.main import main
from cifar_lightning.study import engines

STUDY = """
name: tiny
save_dir: runs
seeds: 2
strategies:
  maxpool:
    model: {backbone: {class_path: cifar_lightning.models.backbones.MaxPoolNet}}
  quick:
    model: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.003}}}
    data: {batch_size: 32}
trainer: {max_epochs: 2, accelerator: cpu}
model: {backbone: {class_path: cifar_lightning.models.backbones.StrideNet}}
data:
  source: {class_path: cifar_lightning.data.DrawnShapes, init_args: {num_train: 20, num_test: 6, seed: 0}}
  classes: [circle, square, triangle]
  val_fraction: 0.0
  validate_on_test: true
"""


@pytest.fixture(autouse=True, scope="module")
def warm_workers():
    """Workers of studies that run within the test process are forked from one that has imported everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "get_context", lambda method: warm.CONTEXT)
        yield


@pytest.fixture
def study(command, tmp_path):
    """Runs `study` on study.yaml with more options."""
    (tmp_path / "study.yaml").write_text(STUDY)
    return lambda *arguments: command("study", "--config", "study.yaml", *arguments)


@pytest.fixture(scope="module")
def finished_study(tmp_path_factory):
    """The folder of a finished study; not to be changed."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.yaml").write_text(STUDY)
    arguments = ["study", "--config", str(folder / "study.yaml"), "--save_dir", str(folder)]
    assert main([*arguments, "--engine", "processes"]) == 0
    return folder / "tiny"


@pytest.fixture(scope="module")
def serial_study(finished_study, tmp_path_factory):
    """The same with seed 1 alone, each run on all cores; not to be changed."""
    folder = tmp_path_factory.mktemp("serial")
    config = str(finished_study.parent / "study.yaml")
    assert main(["study", "--config", config, "--save_dir", str(folder), "--engine", "serial", "--seeds", "[1]"]) == 0
    return folder / "tiny"


@pytest.fixture
def go_on(finished_study, command, tmp_path):
    """Runs `study` on `tmp_path/tiny`, a copy of the finished study, with more options."""
    shutil.copytree(finished_study, tmp_path / "tiny")
    config = str(finished_study.parent / "study.yaml")
    return lambda *arguments: command("study", "--config", config, "--save_dir", str(tmp_path), *arguments)


@pytest.fixture
def half_finished(finished_study, go_on, tmp_path):
    """Of that copy the run maxpool/seed_0, but after the first of its two epochs."""
    run = tmp_path / "tiny/maxpool/seed_0"
    shutil.rmtree(run)
    logger = [f"--trainer.logger.{key}" for key in (f"save_dir={tmp_path}/tiny", "name=maxpool", "version=seed_0")]
    config = str(finished_study / "maxpool/seed_0/config.yaml")
    assert main(["fit", "--config", config, *logger, "--trainer.max_epochs=1"]) == 0
    shutil.copy(config, run)
    return run


def tree(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


def weights(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_every_strategy_is_fitted_and_tested_with_every_seed(finished_study):
    found = sorted(str(path.parent.relative_to(finished_study)) for path in finished_study.rglob("scores.json"))
    assert found == ["maxpool/seed_0", "maxpool/seed_1", "quick/seed_0", "quick/seed_1"]


@pytest.mark.slow
def test_a_strategy_sets_whatever_keys_it_names(finished_study):
    config = yaml.safe_load((finished_study / "quick/seed_1/config.yaml").read_text())
    assert config["model"]["optimizer"]["class_path"] == "torch.optim.Adam"
    assert config["model"]["backbone"]["class_path"].endswith("StrideNet")
    assert (config["data"]["batch_size"], config["seed_everything"]) == (32, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maxpool/seed_1", "quick/seed_1"])
@pytest.mark.parametrize("engine", ["processes", "serial"])
def test_a_run_equals_fit_and_test_of_its_own_config_to_the_last_bit(request, engine, name, tmp_path):
    run = request.getfixturevalue({"processes": "finished_study", "serial": "serial_study"}[engine]) / name
    assert main(["fit", "--config", str(run / "config.yaml"), f"--trainer.logger.save_dir={tmp_path}"]) == 0
    by_hand = tmp_path / run.parent.name / "version_0"
    assert main(["test", "--ckpt_path", str(by_hand)]) == 0
    ours, theirs = weights(run), weights(by_hand)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours | theirs)
    for file in ("test_predictions.csv", "train_predictions.csv", "probes.csv"):
        assert (run / file).read_bytes() == (by_hand / file).read_bytes()


@pytest.mark.slow
def test_a_finished_study_is_kept_whatever_the_engine_and_threads(finished_study, capsys):
    before = tree(finished_study)
    config = str(finished_study.parent / "study.yaml")
    arguments = ["study", "--config", config, "--save_dir", str(finished_study.parent)]
    assert main([*arguments, "--engine", "serial", "--num_threads", "2"]) == 0
    assert "compare" in capsys.readouterr().out
    assert tree(finished_study) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--max_epochs", "3"], "trainer.max_epochs 2"),
        (["--model.num_outputs", "7"], "model.num_outputs None"),
        (["--data.classes", "[circle, triangle]"], "data.classes"),
    ],
)
def test_changed_settings_are_refused_with_the_difference(finished_study, arguments, named, capsys):
    before = tree(finished_study)
    config = str(finished_study.parent / "study.yaml")
    assert main(["study", "--config", config, "--save_dir", str(finished_study.parent), *arguments]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "--restart" in error
    assert tree(finished_study) == before


@pytest.mark.slow
@pytest.mark.parametrize("dry_run", [[], ["--dry_run"]])
def test_a_finished_run_is_kept_and_keeps_its_settings_also_without_a_checkpoint(go_on, tmp_path, dry_run):
    shutil.rmtree(tmp_path / "tiny/maxpool/seed_1/checkpoints")
    before = tree(tmp_path)
    outcome = go_on("--max_epochs", "5", *dry_run)
    assert outcome.code == 2
    assert "expected trainer.max_epochs 2, as the run in" in outcome.err
    outcome = go_on(*dry_run)
    assert outcome.code == 0
    assert "to do: 0 runs, 0 epochs" in outcome.out or not dry_run
    assert tree(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("left", ["scores.json", "checkpoints/last.ckpt"])
def test_a_run_of_which_nobody_knows_the_settings_is_neither_made_anew_nor_taken(go_on, tmp_path, left):
    run = tmp_path / "tiny/maxpool/seed_1"
    for path in run.rglob("*"):
        if path.is_file() and path != run / left:
            path.unlink()
    before = tree(tmp_path)
    outcome = go_on()
    assert outcome.code == 2
    assert outcome.err == (
        f"cifar-lightning: expected the settings of the run in {run}, but its config.yaml is gone;"
        " put it back, or move that folder away, and the run is made anew\n"
    )
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_a_run_without_scores_and_checkpoint_is_made_anew_beside_the_users_own_files(finished_study, go_on, tmp_path):
    run = tmp_path / "tiny/maxpool/seed_0"
    names = ("scores.json", "checkpoints/last.ckpt", "test_predictions.csv")
    for name in names:
        (run / name).unlink()
    own = [run / "notes.txt", run / "checkpoints/best of all.ckpt", run / "train/picture.png"]
    for path in own:
        path.write_text("mine")
    (events,) = run.glob("train/events*")
    assert "to do: 1 run, 2 epochs" in go_on("--dry_run").out
    outcome = go_on()
    assert outcome.code == 0
    assert all(path.read_text() == "mine" for path in own)
    assert not events.exists()
    assert len(list(run.glob("train/events*"))) == 1
    name = "maxpool/seed_0/test_predictions.csv"
    assert (tmp_path / "tiny" / name).read_bytes() == (finished_study / name).read_bytes()


@pytest.mark.slow
def test_a_half_finished_run_goes_on_from_its_checkpoint_with_its_own_number_of_threads(
    finished_study, half_finished, go_on
):
    config = yaml.safe_load((half_finished / "config.yaml").read_text())
    # Curves are written before the checkpoint: a kill in between leaves them ahead.
    shutil.copy(finished_study / "maxpool/seed_0/curves.csv", half_finished)
    assert go_on("--num_threads", str(config["num_threads"] + 1)).code == 0
    assert yaml.safe_load((half_finished / "config.yaml").read_text())["num_threads"] == config["num_threads"]
    ours, theirs = weights(half_finished), weights(finished_study / "maxpool/seed_0")
    assert all(torch.equal(ours[key], theirs[key]) for key in ours | theirs)
    for file in ("test_predictions.csv", "train_predictions.csv", "probes.csv"):
        assert (half_finished / file).read_bytes() == (finished_study / "maxpool/seed_0" / file).read_bytes()


@pytest.mark.slow
def test_dry_run_counts_what_restart_would_discard_and_discards_nothing(go_on, tmp_path):
    before = tree(tmp_path)
    outcome = go_on("--dry_run", "--restart", "--max_epochs", "3")
    assert outcome.code == 0
    assert "to do: 4 runs, 12 epochs" in outcome.out
    assert outcome.out.count("finished, discarded") == 4
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_restart_discards_and_a_failed_run_stops_no_other(study, tmp_path):
    hot = "strategies: {hot: {model: {optimizer: {class_path: torch.optim.SGD, init_args: {lr: 1.0e+30}}}}}"
    (tmp_path / "hot.yaml").write_text(hot)
    outcome = study("--config", "hot.yaml", "--seeds", "[4]", "--engine", "serial")
    assert outcome.code == 1
    assert outcome.err.startswith("cifar-lightning: hot seed 4 failed: the loss became")
    assert len(outcome.err.splitlines()) == 1
    finished = sorted((tmp_path / "runs/tiny").rglob("scores.json"))
    assert [path.parent.parent.name for path in finished] == ["maxpool", "quick"]
    before = tree(tmp_path / "runs/tiny/maxpool")
    outcome = study("--seeds", "[4]", "--engine", "serial", "--restart", "--max_epochs", "1")
    assert outcome.code == 0
    assert tree(tmp_path / "runs/tiny/maxpool").keys() != before.keys()
    config = yaml.safe_load((tmp_path / "runs/tiny/maxpool/seed_4/config.yaml").read_text())
    assert config["trainer"]["max_epochs"] == 1


@pytest.mark.slow
def test_a_net_of_the_working_folder_enters_a_study(study, tmp_path):
    (tmp_path / "own_study_net.py").write_text(
        "from torch import nn\n\n\nclass OwnNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 4, 5, stride=4), nn.Flatten())\n"
    )
    (tmp_path / "own.yaml").write_text("strategies: {own: {model: {backbone: {class_path: own_study_net.OwnNet}}}}")
    assert study("--config", "own.yaml", "--seeds", "1", "--max_epochs", "1").code == 0
    assert (tmp_path / "runs/tiny/own/seed_0/scores.json").is_file()


@pytest.mark.slow
def test_a_net_that_fails_while_it_is_trained_is_one_sentence_and_stops_no_other(study, tmp_path):
    (tmp_path / "broken_study_net.py").write_text(
        "from torch import nn\n\n\nclass BrokenNet(nn.Module):\n    def forward(self, images):\n"
        "        if self.training:\n            open('tries', 'a').write('tried ')\n            self.conv(images)\n"
        "        return images.mean((2, 3))\n"
    )
    own = "strategies: {broken: {model: {backbone: {class_path: broken_study_net.BrokenNet}}}}"
    (tmp_path / "own.yaml").write_text(own)
    outcome = study("--config", "own.yaml", "--seeds", "1")
    assert outcome.code == 1
    assert outcome.err == (
        "cifar-lightning: broken seed 0 failed: BrokenNet failed in broken_study_net.py, line 8"
        " (AttributeError: 'BrokenNet' object has no attribute 'conv'); fix it\n"
    )
    assert (tmp_path / "tries").read_text() == "tried "
    assert len(list((tmp_path / "runs/tiny").rglob("scores.json"))) == 2


@pytest.mark.slow
def test_the_line_of_progress_fits_80_columns_and_tells_of_tests_when_all_epochs_are_done(go_on, tmp_path, monkeypatch):
    name = "max pooling after both of the convolutions"
    shutil.copytree(tmp_path / "tiny/maxpool", tmp_path / "tiny" / name)
    for path in (tmp_path / "tiny" / name).rglob("scores.json"):
        scores = json.loads(path.read_text())
        scores["splits"]["test"]["accuracy"] = 1.0
        path.write_text(json.dumps(scores))
    net = {"class_path": "cifar_lightning.models.backbones.MaxPoolNet"}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump({"strategies": {name: {"model": {"backbone": net}}}}))
    (tmp_path / "tiny/quick/seed_1/scores.json").unlink()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    outcome = go_on("--config", "long.yaml")
    assert outcome.code == 0
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", outcome.out)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.startswith("run ")]
    assert {len(line) for line in lines} == {80}
    best = "best: max pooling after both … 1.000"
    assert re.fullmatch(rf"run 5/6 ━+ +tests left  {best}", lines[0])
    assert re.fullmatch(rf"run 6/6 ━+ +{best}", lines[-1])


@pytest.mark.slow
def test_a_log_gets_a_line_a_run_without_time_left_for_epochs_that_are_done_or_failed(go_on, command, tmp_path):
    hot = "strategies: {hot: {model: {optimizer: {class_path: torch.optim.SGD, init_args: {lr: 1.0e+30}}}}}"
    (tmp_path / "hot.yaml").write_text(hot)
    (tmp_path / "study.yaml").write_text(STUDY)
    for name in ("maxpool/seed_1", "quick/seed_1"):
        (tmp_path / "tiny" / name / "scores.json").unlink()
    configs = ("--config", "hot.yaml", "--config", "study.yaml", "--save_dir", ".")
    outcome = command("study", *configs, "--seeds", "[1]", "--engine", "serial", "--num_threads", "1")
    lines = outcome.out.splitlines()[:3]
    assert lines[0] == "[1/3] hot seed 1: failed, tests left"
    assert re.fullmatch(r"\[2/3\] maxpool seed 1: test accuracy 0\.\d{3}, tests left", lines[1])
    assert re.fullmatch(r"\[3/3\] quick seed 1: test accuracy 0\.\d{3}", lines[2])


def start_study(folder, *arguments):
    (folder / "study.yaml").write_text(STUDY)
    words = [sys.executable, "-m", "cifar_lightning", "study", "--config", "study.yaml", *arguments]
    return subprocess.Popen(words, cwd=folder, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def processes_of(folder):
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="finds workers by /proc")
def test_a_killed_study_leaves_no_worker_and_goes_on_where_it_was(tmp_path):
    killed = start_study(tmp_path, "--max_epochs", "2000", "--seeds", "1", "--engine", "serial")
    checkpoint = tmp_path / "runs/tiny/maxpool/seed_0/checkpoints/last.ckpt"
    wait_for(checkpoint.exists)
    killed.kill()
    killed.communicate()
    wait_for(lambda: not processes_of(tmp_path))
    epoch = torch.load(checkpoint, weights_only=True)["epoch"]
    assert 0 < epoch < 1999
    stopped = start_study(tmp_path, "--max_epochs", "2000", "--seeds", "1", "--engine", "serial")
    wait_for(lambda: torch.load(checkpoint, weights_only=True)["epoch"] > epoch)
    os.killpg(stopped.pid, signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert err == b""
    assert out.count(b"stopped") == 1
    assert b"stopped; go on with: cifar-lightning study --config study.yaml" in out
    wait_for(lambda: not processes_of(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="finds workers by /proc")
@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_ctrl_c_while_the_workers_start_is_answered_by_the_study_alone(tmp_path, seconds):
    stopped = start_study(tmp_path, "--max_epochs", "2000", "--engine", "processes")
    # The study, what it keeps its resources by, and a worker.
    wait_for(lambda: len(processes_of(tmp_path)) > 2)
    time.sleep(seconds)
    os.killpg(stopped.pid, signal.SIGINT)
    out, err = stopped.communicate(timeout=60)
    assert (stopped.returncode, err) == (130, b"")
    assert b"stopped; go on with: cifar-lightning study --config study.yaml" in out
    wait_for(lambda: not processes_of(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="finds workers by /proc")
def test_ctrl_c_means_nothing_to_a_worker_at_any_moment_of_its_start(tmp_path):
    running = start_study(tmp_path, "--engine", "processes", "--num_threads", "1", "--seeds", "1")
    wait_for(lambda: len(processes_of(tmp_path)) > 2)
    while running.poll() is None:
        for process in processes_of(tmp_path):
            if process != running.pid:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
        time.sleep(0.05)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (0, b""), out


@pytest.mark.parametrize(
    ("arguments", "engine"),
    [
        ([], "processes"),
        (["--config", "auto.yaml"], "serial"),
        (["--config", "auto.yaml", "--trainer.accelerator", "cpu"], "processes"),
    ],
    ids=["in a file", "not in the last file", "behind the command"],
)
def test_a_study_that_asks_for_the_cpu_is_made_by_processes_though_there_is_a_gpu(
    study, tmp_path, monkeypatch, arguments, engine
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("cifar_lightning.cli.study_config.num_cores", lambda: 2)
    (tmp_path / "auto.yaml").write_text("trainer: {accelerator: auto}")
    outcome = study(*arguments, "--dry_run", "--seeds", "[0]")
    assert (outcome.code, f"engine: {engine}," in outcome.out) == (0, True), outcome


def test_dry_run_says_what_is_to_do_and_writes_nothing(study, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    outcome = study("--dry_run")
    assert outcome.code == 0
    assert "to do: 4 runs, 8 epochs" in outcome.out
    assert "measured: 4 epochs of each strategy" in outcome.out
    assert outcome.out.count("new") == 4
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_dry_run_estimates_a_study_of_which_one_strategy_is_finished_and_another_is_not_begun(
    finished_study, tmp_path, capsys
):
    shutil.copytree(finished_study / "maxpool", tmp_path / "tiny" / "maxpool")
    config = str(finished_study.parent / "study.yaml")
    assert main(["study", "--config", config, "--save_dir", str(tmp_path), "--dry_run"]) == 0
    out = capsys.readouterr().out
    assert "to do: 2 runs, 4 epochs" in out
    assert "of fitting (measured:" in out
    assert "each run's test come on top" in out


def test_vary_split_gives_each_seed_a_split_of_its_own(tmp_path, monkeypatch):
    from cifar_lightning.cli.study_command import _parser
    from cifar_lightning.cli.study_config import plan_runs, read_study

    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    options = _parser().parse_args(["--config", "study.yaml", "--vary_split", "--seeds", "[3, 5]"])
    held_out = ["--data.validate_on_test=false", "--data.val_fraction=0.1"]
    runs = plan_runs(read_study(options, held_out))
    assert [(run.seed, run.settings["data"]["split_seed"]) for run in runs] == [(3, 3), (3, 3), (5, 5), (5, 5)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seeds", "0"], "expected a number of seeds above 0"),
        (["--seeds", "-1"], "expected a number of seeds above 0"),
        (["--seeds", "[1, 1]"], "expected every seed once"),
        (["--seeds", "[-3]"], "expected a number of seeds above 0"),
        (
            ["--seeds", "1000000000"],
            "expected a study of at most 10,000 runs, 5,000 seeds a strategy, got 1,000,000,000",
        ),
        (["--seeds", "5001"], "expected a study of at most 10,000 runs"),
        (["--seeds", str(list(range(5001)))], "expected a study of at most 10,000 runs"),
        (["--seeds", "true"], "expected a number of seeds above 0"),
        (["--max_epochs", "0"], "expected trainer.max_epochs of 1 to 10,000,000 in a study, got 0"),
        (["--max_epochs", "-1"], "expected trainer.max_epochs of 1 to 10,000,000 in a study, got -1"),
        (["--trainer.max_epochs", "1e30"], "trainer.max_epochs"),
        (["--max_epochs", "1000000000000"], "expected trainer.max_epochs of 1 to 10,000,000 in a study"),
        (["--trainer.devices", "2"], "expected one device a run in a study, got trainer.devices 2"),
        (["--trainer.devices", "auto"], "expected one device a run in a study, got trainer.devices auto"),
        (["--trainer.num_nodes", "2"], "expected one machine in a study, got trainer.num_nodes 2"),
        (["--trainer.fast_dev_run", "true"], "expected runs that are kept, got trainer.fast_dev_run"),
        (["--save_dir", "study.yaml"], "got the file study.yaml"),
        (["--save_dir", "study.yaml/below"], "got the file study.yaml"),
        (["--save_dir", "study.yaml", "--dry_run"], "got the file study.yaml"),
        (["--save_dir", "a/" * 1500], "nested 1501 levels deep"),
        (["--trainer", "{logger: false}"], "expected the study to name its runs' folders, got a trainer.logger"),
        (
            ["--trainer", "{logger: {class_path: lightning.pytorch.loggers.CSVLogger, init_args: {save_dir: x}}}"],
            "expected the study to name its runs' folders, got a trainer.logger",
        ),
        (["--trainer.enable_checkpointing", "false"], "expected runs that can be tested, got trainer.enable_check"),
        (["--seeds", "\u00b2"], "expected a number of seeds above 0, or a list of them, got '\u00b2'"),
        (["--seeds", "1:3"], "expected a number of seeds above 0, or a list of them, got '1:3'"),
        (["--seeds", "0x10"], "expected a number of seeds above 0, or a list of them, got '0x10'"),
        (["--trainer.limit_train_batches", "0"], "expected runs that are trained, got trainer.limit_train_batches 0"),
        (["--seeds", "2020-13-45"], "expected a number of seeds above 0, or a list of them, got '2020-13-45'"),
        (["--seeds", "!!int x"], "expected a number of seeds above 0, or a list of them, got '!!int x'"),
        (["--seeds", "[" * 3000], "expected a number of seeds above 0"),
        (["--save_dir", 300 * "a"], "of at most 255 bytes a level"),
        (["--max_epochs=-2"], "`max_epochs` must be"),
        (["--trainer.max_epochs", "null"], "expected trainer.max_epochs of 1 to 10,000,000 in a study, got None"),
        (["--seeds", "few"], "expected a number of seeds above 0"),
        (["--engine", "threads"], "expected an engine, serial or processes, got 'threads'"),
        (["--engine", "ray"], "expected an engine, serial or processes, got 'ray'"),
        (["--num_threads", "0"], "expected a whole number above 0 for num_threads"),
        (["--max_epochs", "many"], "invalid int value: 'many'"),
        (["--nonsense"], "unknown option '--nonsense'"),
        (["--save_dir", ""], "expected a folder for save_dir, got ''"),
        (["--trainer.logger.version", "3"], "got --trainer.logger.version; leave it out"),
        (["--vary_split"], "expected a validation share for --vary_split"),
        (["--data.batch_sise", "3"], "did you mean 'data.batch_size'?"),
        (["--data.classes", "[circle, blob]"], "unknown class 'blob'"),
        (["--model.optimizer.lr", "fast"], "got 'fast'"),
    ],
)
def test_mistakes_are_found_before_any_training(study, tmp_path, arguments, named):
    outcome = study(*arguments)
    assert outcome.code == 2
    assert named in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("strategies: {}", "expected strategies"),
        ("strategies: [maxpool]", "expected strategies by name"),
        ("strategies: {a: {model: {num_outputs: 3}}, a: {model: {num_outputs: 4}}}", "'a' stands twice"),
        ("strategies: {../a: {model: {num_outputs: 3}}}", "expected a name for a strategy"),
        ("strategies: {a/b: {model: {num_outputs: 3}}}", "expected a name for a strategy"),
        (
            "strategies: {A: {model: {num_outputs: 3}}, a: {model: {num_outputs: 4}}}",
            "the strategies A and a, one folder",
        ),
        ("strategies: {CON.: {model: {num_outputs: 3}}}", "expected a name for a strategy"),
        ("strategies: {a.: {model: {num_outputs: 3}}}", "expected a name for a strategy"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nname: null", "expected a name for the study"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nsedes: 3", "did you mean 'seeds'?"),
        ("strategies: {a: {trainer: null}}", "expected keys and values below trainer in strategy a, got None"),
        ("strategies: {a: {model: 3}}", "expected keys and values below model in strategy a, got 3"),
        ("strategies: {a: {data: [1]}}", "expected keys and values below data in strategy a, got [1]"),
        (
            "strategies: {a: {model: {num_outputs: 3}}}\nckpt_path: x.ckpt",
            "got ckpt_path in mistaken.yaml; leave it out",
        ),
        ('strategies: {a: {model: {num_outputs: 3}}}\nsave_dir: "a\\0b"', "expected a folder for save_dir"),
        ("strategies: {a: null}", "expected the settings that strategy a changes"),
        ("strategies: {a: {seed_everything: 3}}", "got 'seed_everything'"),
        ("strategies: {a: {model: {backbome: x}}}", "in strategy a: unknown key 'model.backbome'"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nseed_everything: 3", "got seed_everything in mistaken.yaml"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nname: ../x", "expected a name for the study"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nsave_dir: 3", "expected a folder for save_dir, got 3"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nsave_dir: null", "expected a folder for save_dir, got None"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nnum_threads: two", "for num_threads, got 'two'"),
    ],
)
def test_mistakes_in_a_study_are_one_sentence(command, tmp_path, text, named):
    (tmp_path / "mistaken.yaml").write_text(text)
    outcome = command("study", "--config", "mistaken.yaml")
    assert outcome.code == 2
    assert named in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mistaken.yaml"]


def test_a_study_needs_a_config(command):
    assert "add --config study" in command("study").err


def test_one_net_is_no_study_and_a_study_no_net(command):
    outcome = command("study", "--config", "avgpool")
    assert (outcome.code, "has none" in outcome.err) == (2, True)
    outcome = command("fit", "--config", "study")
    assert (outcome.code, "use `cifar-lightning study --config" in outcome.err) == (2, True)


def test_a_config_of_one_net_says_what_strategies_share(command, tmp_path):
    (tmp_path / "rates.yaml").write_text(
        "strategies: {slow: {model: {optimizer: {init_args: {lr: 0.001}}}}, usual: {data: {batch_size: 64}}}"
    )
    small = ("--data.source.num_train=20", "--data.source.num_test=6")
    configs = ("--config", "quickstart", "--config", "rates.yaml")
    outcome = command("study", *configs, *small, "--seeds", "[3, 5]", "--dry_run")
    assert (outcome.code, outcome.err) == (0, "")
    assert "4 runs" in outcome.out


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ("[]", "it is no JSON of a run's scores"),
        ("[" * 100_000, "it is no JSON of a run's scores"),
        ('{"splits": {"test": {"accuracy": null}}, "run": {"fit_seconds": 3}}', "no test accuracy from 0 to 1"),
        (
            '{"splits": {"test": {"accuracy": 1' + 400 * "0" + '}}, "run": {"fit_seconds": 3}}',
            "no test accuracy from 0",
        ),
        ('{"splits": {"test": {"accuracy": 0.5}}, "run": {"fit_seconds": "81 s"}}', "or no seconds of a fit"),
        (b"\xff", "it is no JSON of a run's scores"),
    ],
)
def test_a_finished_run_with_damaged_scores_is_named(go_on, tmp_path, scores, said):
    path = tmp_path / "tiny/maxpool/seed_0/scores.json"
    path.write_bytes(scores if isinstance(scores, bytes) else scores.encode())
    outcome = go_on("--dry_run", "--seeds", "3")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert str(path) in outcome.err
    assert said in outcome.err


def test_restart_discards_all_runs_or_none(go_on, finished_study, tmp_path):
    moved = tmp_path / "tiny/quick/seed_1"
    moved.rename(tmp_path / "moved")
    moved.symlink_to(tmp_path / "moved")
    before = tree(tmp_path / "tiny")
    outcome = go_on("--restart")
    assert outcome.code == 2
    assert f"{moved} is a link or a file; move it away" in outcome.err
    assert tree(tmp_path / "tiny") == before


def test_a_study_that_cannot_be_written_is_the_machines_failure(study):
    outcome = study("--save_dir", "/proc/nowhere", "--seeds", "1")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ("[0, 1, 2]", ""),
        (
            "[circle, triangle, square]",
            " differ in data.classes: compare does not take them together without --allow_m",
        ),
        ("[circle, triangle]", " differ in data.classes: compare does not take them together\n"),
    ],
)
def test_class_lists_that_compare_takes_are_not_warned_of(study, tmp_path, classes, said):
    (tmp_path / "study.yaml").write_text(STUDY.replace("data: {batch_size: 32}", f"data: {{classes: {classes}}}"))
    outcome = study("--dry_run", "--seeds", "1")
    assert outcome.code == 0
    assert said in outcome.err
    assert bool(said) == bool(outcome.err)


def test_a_study_that_compare_will_not_take_together_is_said_to_be_so(study, tmp_path):
    text = STUDY.replace("data: {batch_size: 32}", "data: {classes: [circle, star]}\n    trainer: {max_epochs: 3}")
    (tmp_path / "study.yaml").write_text(text)
    outcome = study("--dry_run", "--seeds", "1")
    assert sorted(outcome.err.splitlines()) == [
        "the strategies maxpool and quick differ in data.classes: compare does not take them together",
        "the strategies maxpool and quick differ in trainer.max_epochs: compare does not take them together without"
        " --allow_mixed",
    ]


@pytest.mark.slow
def test_dry_run_estimates_a_study_whose_runs_end_within_an_epoch(study):
    outcome = study("--dry_run", "--seeds", "1", "--trainer.max_steps", "2")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(r"^to do: 2 runs, 4 epochs$", outcome.out, re.MULTILINE)
    assert re.search("about .* of fitting", outcome.out)


def test_a_second_study_in_the_same_folder_is_refused(study, tmp_path):
    from cifar_lightning.runs import folder

    (tmp_path / "runs/tiny").mkdir(parents=True)
    with folder.locked(tmp_path / "runs/tiny", wait=False):
        outcome = study("--seeds", "1")
    assert outcome.code == 2
    assert "another process goes on with" in outcome.err
