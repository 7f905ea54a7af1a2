"""`study` on drawn shapes: two strategies, two seeds, two epochs."""

import re
import shutil

import insides
import pytest
import warm
import yaml
from checks import assert_one_sentence, assert_same_weights, contents, next_command, read_checkpoint

from cifar_lightning.cli.main import main

pytestmark = pytest.mark.usefixtures("undrawn")

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
TABLES = ("test_predictions.csv", "train_predictions.csv", "probes.csv")
HOT = "strategies: {hot: {model: {optimizer: {class_path: torch.optim.SGD, init_args: {lr: 1.0e+30}}}}}"


@pytest.fixture(autouse=True, scope="module")
def warm_workers():
    """Workers of studies that run within the test process are forked from one that has imported everything."""
    with pytest.MonkeyPatch.context() as patch:
        insides.start_workers_from(patch, warm.CONTEXT)
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


@pytest.fixture
def resume(finished_study, study, tmp_path):
    """Runs `study` on `tmp_path/tiny`, a copy of the finished study, with more options."""
    shutil.copytree(finished_study, tmp_path / "tiny")
    return lambda *arguments: study("--save_dir", str(tmp_path), *arguments)


def tree(folder):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


def test_every_strategy_is_fitted_and_tested_with_every_seed_and_what_it_changes(finished_study):
    found = sorted(str(path.parent.relative_to(finished_study)) for path in finished_study.rglob("scores.json"))
    assert found == ["maxpool/seed_0", "maxpool/seed_1", "quick/seed_0", "quick/seed_1"]
    config = yaml.safe_load((finished_study / "quick/seed_1/config.yaml").read_text())
    assert config["model"]["optimizer"]["class_path"] == "torch.optim.Adam"
    assert config["model"]["backbone"]["class_path"].endswith("StrideNet")
    assert (config["data"]["batch_size"], config["seed_everything"]) == (32, 1)
    assert sorted(path.name for path in (finished_study / "_mean").glob("*")) == ["maxpool", "quick"]


@pytest.mark.parametrize("name", ["maxpool/seed_1", "quick/seed_0"])
def test_a_run_equals_fit_and_test_of_its_own_config_to_the_last_bit(finished_study, command, name, tmp_path):
    run = finished_study / name
    assert command("fit", "--config", run / "config.yaml", f"--trainer.logger.save_dir={tmp_path}").code == 0
    by_hand = tmp_path / run.parent.name / "version_0"
    assert command("test", "--ckpt_path", by_hand).code == 0
    assert_same_weights(run, by_hand)
    assert all((run / file).read_bytes() == (by_hand / file).read_bytes() for file in TABLES)


def test_a_finished_study_is_kept_whatever_the_engine_and_threads(resume, tmp_path):
    before = tree(tmp_path / "tiny")
    outcome = resume("--engine", "serial", "--num_threads", "2")
    assert outcome.code == 0
    assert next_command(outcome) == ["compare", str(tmp_path / "tiny")]
    assert tree(tmp_path / "tiny") == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--max_epochs", "3"], "trainer.max_epochs 2"),
        (["--max_epochs", "3", "--dry_run"], "trainer.max_epochs 2"),
        (["--model.num_outputs", "7"], "model.num_outputs None"),
        (["--data.classes", "[circle, triangle]"], "data.classes"),
    ],
)
def test_changed_settings_are_refused_with_the_difference(resume, tmp_path, arguments, named):
    # The settings of a run are its own also without a checkpoint.
    shutil.rmtree(tmp_path / "tiny/maxpool/seed_0/checkpoints")
    before = tree(tmp_path / "tiny")
    assert_one_sentence(resume(*arguments), 2, named, "--restart")
    assert tree(tmp_path / "tiny") == before


@pytest.mark.parametrize("left", ["scores.json", "checkpoints/last.ckpt"])
def test_a_run_of_which_nobody_knows_the_settings_is_neither_made_anew_nor_taken(resume, tmp_path, left):
    run = tmp_path / "tiny/maxpool/seed_1"
    for path in run.rglob("*"):
        if path.is_file() and path != run / left:
            path.unlink()
    before = tree(tmp_path / "tiny")
    assert_one_sentence(resume(), 2, str(run), "config.yaml")
    assert tree(tmp_path / "tiny") == before


def test_a_run_without_scores_and_checkpoint_is_made_anew_beside_the_users_own_files(finished_study, resume, tmp_path):
    run = tmp_path / "tiny/maxpool/seed_0"
    for name in ("scores.json", "checkpoints/last.ckpt", "test_predictions.csv"):
        (run / name).unlink()
    own = [run / "notes.txt", run / "checkpoints/best of all.ckpt"]
    for path in own:
        path.write_text("mine")
    (events,) = run.glob("train/events*")
    assert "to do: 1 run, 2 epochs" in resume("--dry_run").out
    assert resume().code == 0
    assert all(path.read_text() == "mine" for path in own)
    assert not events.exists()
    assert len(list(run.glob("train/events*"))) == 1
    for name in TABLES:
        assert (run / name).read_bytes() == (finished_study / "maxpool/seed_0" / name).read_bytes()


def test_a_half_finished_run_resumes_from_its_checkpoint_with_its_own_number_of_threads(
    finished_study, resume, tmp_path
):
    run, whole = tmp_path / "tiny/maxpool/seed_0", finished_study / "maxpool/seed_0"
    config = yaml.safe_load((whole / "config.yaml").read_text())
    shutil.rmtree(run)
    logger = [f"--trainer.logger.{key}" for key in (f"save_dir={tmp_path}/tiny", "name=maxpool", "version=seed_0")]
    assert main(["fit", "--config", str(whole / "config.yaml"), *logger, "--trainer.max_epochs=1"]) == 0
    # Curves are written before the checkpoint: a kill in between leaves them ahead.
    shutil.copy(whole / "config.yaml", run)
    shutil.copy(whole / "curves.csv", run)
    assert resume("--num_threads", str(config["num_threads"] + 1)).code == 0
    assert yaml.safe_load((run / "config.yaml").read_text())["num_threads"] == config["num_threads"]
    assert_same_weights(run, whole)
    assert all((run / name).read_bytes() == (whole / name).read_bytes() for name in TABLES)


def test_dry_run_counts_what_restart_would_discard_and_discards_nothing(resume, tmp_path):
    before = tree(tmp_path)
    outcome = resume("--dry_run", "--restart", "--max_epochs", "3")
    assert outcome.code == 0
    assert "to do: 4 runs, 12 epochs" in outcome.out
    assert outcome.out.count("finished, discarded") == 4
    assert tree(tmp_path).keys() - {tmp_path / "study.yaml"} == before.keys() - {tmp_path / "study.yaml"}


def test_restart_discards_all_runs(resume, tmp_path):
    assert resume("--restart", "--seeds", "[1]", "--max_epochs", "1").code == 0
    kept, anew = (read_checkpoint(tmp_path / f"tiny/maxpool/seed_{seed}")["epoch"] for seed in (0, 1))
    assert (kept, anew) == (1, 0)


def test_a_run_that_fails_stops_no_other_and_a_log_gets_a_line_per_run(resume, tmp_path):
    (tmp_path / "own_study_net.py").write_text(
        "from torch import nn\n\n\nclass Own(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 4, 5, stride=4), nn.Flatten())\n\n\n"
        "class Broken(nn.Module):\n    def forward(self, images):\n"
        "        if self.training:\n            open('tries', 'a').write('tried ')\n            self.conv(images)\n"
        "        return images.mean((2, 3))\n"
    )
    nets = {name: {"model": {"backbone": {"class_path": f"own_study_net.{name}"}}} for name in ("Broken", "Own")}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"strategies": nets}))
    (tmp_path / "hot.yaml").write_text(HOT)
    (tmp_path / "tiny/maxpool/seed_1/scores.json").unlink()
    options = ("--seeds", "[1]", "--engine", "serial", "--num_threads", "1")
    outcome = resume("--config", "hot.yaml", "--config", "own.yaml", *options)
    assert outcome.code == 1
    assert outcome.out.startswith("engine: serial, 1 run at a time, 1 thread each\n")
    lines = [line for line in outcome.out.splitlines() if line.startswith("[")]
    assert sorted(re.sub(r"^\[\d/5\] |, .* left$|\d\.\d{3}", "", line) for line in lines) == [
        "Broken seed 1: failed",
        "Own seed 1: test accuracy ",
        "hot seed 1: failed",
        "maxpool seed 1: test accuracy ",
    ]
    assert "left" not in lines[-1]
    assert "hot seed 1 failed: the loss became" in outcome.err
    assert re.search(r'own_study_net\.py", line 13\b', outcome.err)
    assert "has no attribute 'conv'" in outcome.err
    assert (tmp_path / "tries").read_text() == "tried "
    assert (tmp_path / "tiny/Own/seed_1/scores.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "engine", "why"),
    [
        ([], "processes", "a CPU of 2 cores"),
        (["--config", "auto.yaml"], "serial", "a GPU"),
        (["--config", "auto.yaml", "--trainer.accelerator", "cpu"], "processes", "a CPU of 2 cores"),
    ],
    ids=["in a file", "not in the last file", "behind the command"],
)
def test_a_study_that_asks_for_the_cpu_is_made_by_processes_though_there_is_a_gpu(
    resume, tmp_path, monkeypatch, arguments, engine, why
):
    insides.pretend_two_cores_and_a_gpu(monkeypatch)
    (tmp_path / "auto.yaml").write_text("trainer: {accelerator: auto}")
    outcome = resume(*arguments, "--dry_run", "--restart", "--seeds", "[0]")
    assert outcome.code == 0
    assert re.search(f"engine: {engine}, .* each; chosen for {why}, --engine names another\n", outcome.out)


@pytest.mark.parametrize("limit", [[], ["--trainer.max_steps", "2"]], ids=["epochs", "within an epoch"])
def test_dry_run_says_what_is_to_do_and_how_long_it_takes_and_writes_nothing(study, tmp_path, limit):
    before = sorted(tmp_path.rglob("*"))
    outcome = study("--dry_run", *limit)
    assert (outcome.code, outcome.err) == (0, "")
    assert "to do: 4 runs, 8 epochs" in outcome.out
    assert outcome.out.count("new") == 4
    assert re.search(r"about .* of fitting \(measured: ", outcome.out)
    assert sorted(tmp_path.rglob("*")) == before


def test_vary_split_gives_each_seed_a_split_of_its_own(study, tmp_path):
    held_out = ["--data.validate_on_test=false", "--data.val_fraction=0.1"]
    outcome = study("--vary_split", "--seeds", "[3]", "--max_epochs=1", *held_out)
    assert outcome.code == 0
    assert outcome.out.rstrip().endswith(" --paired_seeds")
    configs = [yaml.safe_load(path.read_text()) for path in tmp_path.rglob("config.yaml")]
    assert [(config["seed_everything"], config["data"]["split_seed"]) for config in configs] == [(3, 3)] * 2


def test_a_learning_rate_is_swept_over_one_of_the_strategies(study, tmp_path):
    sweep = ("--only", "quick", "--sweep", "model.optimizer.lr", "0.001,0.01")
    outcome = study(*sweep, "--seeds", "[0]", "--max_epochs=1", "--engine=serial")
    assert outcome.code == 0
    rates = {
        path.parent.name: yaml.safe_load((path / "config.yaml").read_text())["model"]["optimizer"]["init_args"]["lr"]
        for path in tmp_path.glob("runs/tiny/*/seed_0")
    }
    assert rates == {"quick lr=0.001": 0.001, "quick lr=0.01": 0.01}
    assert all(name in outcome.out for name in rates)
    # Nothing is left to do.
    assert "to do: 0 runs" in study(*sweep, "--seeds", "[0]", "--max_epochs=1", "--dry_run").out


MISTAKES = {
    "no seed": (["--seeds", "0"], "seeds: 0"),
    "a seed twice": (["--seeds", "[1, 1]"], "every seed once"),
    "seeds in words": (["--seeds", "few"], "'few'"),
    "no epoch": (["--max_epochs", "0"], "max_epochs"),
    "epochs in words": (["--max_epochs", "many"], "'many'"),
    "an unknown engine": (["--engine", "threads"], "'threads'"),
    "no thread": (["--num_threads", "0"], "num_threads"),
    "an unknown option": (["--nonsense"], "'nonsense'"),
    "a logger": (["--trainer.logger.version", "3"], "use save_dir"),
    "no share to vary": (["--vary_split"], "--vary_split"),
    "a misspelt key": (["--data.batch_sise", "3"], "did you mean `--data.batch_size 3`?"),
    "an unknown class": (["--data.classes", "[circle, blob]"], "'blob'"),
    "a learning rate in words": (["--model.optimizer.lr", "fast"], "'fast'"),
    "a config that does not exist": (["--config", "nope"], "nope"),
    "an unknown strategy": (["--only", "maxpol"], "did you mean 'maxpool'?"),
    "a sweep of no setting": (["--sweep", "model.optimizer.lrr", "0.1"], "did you mean 'lr'?"),
}


@pytest.mark.parametrize(("arguments", "named"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_found_before_any_training(study, tmp_path, arguments, named):
    before = contents(tmp_path)
    assert_one_sentence(study(*arguments), 2, named)
    assert contents(tmp_path) == before
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("strategies: {}", "strategies"),
        ("strategies: [maxpool]", "strategies: "),
        ("strategies: {a/b: {model: {num_outputs: 3}}}", "a name for a strategy"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nsedes: 3", "did you mean 'seeds'?"),
        ("strategies: {a: {model: {backbome: x}}}", "did you mean 'model.backbone'"),
        ("strategies: {a: {model: {backbone: {class_path: os.system}}}}", "strategy a"),
        ("strategies: {a: {seed_everything: 3}}", "seed_everything"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nname: ../x", "a name for the study"),
        ("strategies: {a: {model: {num_outputs: 3}}}\nnum_threads: two", "'two'"),
        ("trainer: {max_epochs: 3}", "strategies"),
    ],
)
def test_a_mistake_in_a_study_is_one_sentence(command, tmp_path, text, named):
    (tmp_path / "mistaken.yaml").write_text(text)
    assert_one_sentence(command("study", "--config", "mistaken.yaml"), 2, named)
    assert [path.name for path in tmp_path.iterdir()] == ["mistaken.yaml"]


def test_a_study_needs_a_config_of_several_nets(command):
    assert_one_sentence(command("study"), 2, "add --config study")
    assert_one_sentence(command("study", "--config", "avgpool"), 2, "avgpool", "strategies")


def test_a_config_of_one_net_says_what_strategies_share(command, tmp_path):
    (tmp_path / "rates.yaml").write_text(
        "strategies: {slow: {model: {optimizer: {init_args: {lr: 0.001}}}}, usual: {data: {batch_size: 64}}}"
    )
    small = ("--data.source.num_train=20", "--data.source.num_test=6")
    configs = ("--config", "quickstart", "--config", "rates.yaml")
    outcome = command("study", *configs, *small, "--seeds", "[3, 5]", "--dry_run")
    assert (outcome.code, outcome.err) == (0, "")
    assert "4 runs" in outcome.out


def test_a_second_study_in_the_same_folder_is_refused(study, tmp_path):
    (tmp_path / "runs/tiny").mkdir(parents=True)
    with insides.held_study(tmp_path / "runs/tiny"):
        assert_one_sentence(study("--seeds", "1"), 2, "another process", "runs/tiny")
