"""Runs with W&B, MLflow or CSV: a run folder each, and what the loggers have of them, read back from their files."""

import csv
import json
import struct
import time

import pytest
import yaml
from tiny import TINY_SETTINGS as SMALL

from cifar_lightning.runs.run import find_runs
from cifar_lightning.study.executing import study
from cifar_lightning.training.fitting import Fit, fit
from cifar_lightning.training.scoring import test as score_run

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # MLflow's files, which it no longer advises, need no database.
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}.items():
        monkeypatch.setenv(name, value)


def read_csv(folder):
    """Hyper-parameters and the last value of every metric, by the folder of each record."""
    for file in folder.rglob("metrics.csv"):
        metrics = {}
        for row in csv.DictReader(file.read_text().splitlines()):
            metrics |= {name: float(value) for name, value in row.items() if value}
        params = file.with_name("hparams.yaml")
        yield file.parent.name, yaml.safe_load(params.read_text()) if params.exists() else {}, metrics


def read_mlflow(folder):
    from mlflow import MlflowClient

    # <store>/<experiment>/meta.yaml, and below it that of each run.
    highest = min(folder.rglob("meta.yaml"), key=lambda file: len(file.parts))
    client = MlflowClient(f"file:{highest.parent.parent}")
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            yield run.info.run_id, run.data.params, run.data.metrics


def read_wandb(folder):
    pb = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    for file in folder.rglob("*.wandb"):
        # LevelDB's log: a header of 7 bytes, then blocks of 32 KiB with pieces of records.
        data, position, piece = file.read_bytes(), 7, b""
        params, metrics = {}, {}
        while position + 7 <= len(data):
            if (left := 32768 - position % 32768) < 7:
                position += left
                continue
            _, length, kind = struct.unpack_from("<IHB", data, position)
            piece += data[position + 7 : position + 7 + length]
            position += 7 + length
            if kind in (1, 4):
                record = pb.Record.FromString(piece)
                piece = b""
                params |= {item.key: json.loads(item.value_json) for item in record.config.update}
                for item in record.history.item:
                    metrics["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
        yield file.stem, params, metrics


def wait_for(are_complete, read, folder, seconds=30):
    """The records, when they are complete: W&B writes in a process of its own."""
    end = time.monotonic() + seconds
    while True:
        records = list(read(folder))
        if are_complete(records) or time.monotonic() > end:
            return records
        time.sleep(0.2)


def have_scores(records):
    return sum("test_accuracy" in metrics for _, _, metrics in records) == 2


def last_max_epochs(records):
    # Offline, W&B has a file per process of a run.
    return max(int(params.get("max_epochs", 0)) for _, params, _ in records)


READ = {"CSVLogger": read_csv, "MLFlowLogger": read_mlflow, "WandbLogger": read_wandb}
PACKAGE = {"CSVLogger": "csv", "MLFlowLogger": "mlflow", "WandbLogger": "wandb"}


@pytest.mark.parametrize("logger", READ)
def test_two_runs_have_a_folder_each_and_the_logger_their_settings_and_scores(tmp_path, logger):
    pytest.importorskip(PACKAGE[logger])
    (tmp_path / "mine.yaml").write_text(f"trainer: {{logger: {{class_path: lightning.pytorch.loggers.{logger}}}}}")
    runs = [fit(["quickstart", "mine.yaml"], {**SMALL, "seed_everything": seed}, progress=False) for seed in (3, 4)]
    assert [run.folder for run in runs] == [
        tmp_path / f"lightning_logs/quickstart/version_{number}" for number in (0, 1)
    ]
    # Neither the store of MLflow nor W&B's is taken for runs.
    assert len(find_runs(["lightning_logs"])) == 2
    assert {path.name for path in (tmp_path / "lightning_logs").iterdir()} <= {"quickstart", "mlruns", "wandb"}
    assert all((run.folder / "checkpoints/last.ckpt").is_file() for run in runs)
    for run in runs:
        score_run(run)
    records = wait_for(have_scores, READ[logger], tmp_path)
    params = [params for _, params, _ in records if "seed" in params]
    assert sorted((int(one["seed"]), one["optimizer"], float(one["learning_rate"])) for one in params) == [
        (3, "SGD", 0.02),
        (4, "SGD", 0.02),
    ]
    # The last epoch of the curves, and the scores of `test`, under the same id or version.
    for metric, known in (
        ("train_loss", [run.curves["train_loss"][-1] for run in runs]),
        ("test_accuracy", [run.scores["splits"]["test"]["accuracy"] for run in runs]),
    ):
        values = {name: metrics[metric] for name, _, metrics in records if metric in metrics}
        assert sorted(values.values()) == pytest.approx(sorted(known))
        assert len(values.keys() | {name for name, *_ in records}) == 2


def test_a_second_logger_leaves_the_run_its_name_and_its_place(tmp_path):
    settings = {**SMALL, "trainer.logger.save_dir": "kept", "trainer.logger.name": "mine"}
    csv_logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "tables"}}
    run = fit("quickstart", {**settings, "trainer.logger+": csv_logger}, progress=False)
    assert run.folder == tmp_path / "kept/mine/version_0"
    assert score_run(run).run.strategy == "mine"
    assert len(list(read_csv(tmp_path / "tables"))) == 1


def test_a_resumed_run_keeps_its_folder_beside_another_logger(tmp_path):
    settings = {**SMALL, "trainer.logger": "lightning.pytorch.loggers.CSVLogger"}
    run = fit("quickstart", settings, progress=False)
    more = fit("quickstart", {**settings, "trainer.max_epochs": 3}, ckpt_path=run.folder, progress=False)
    assert more.folder == run.folder
    assert more.curves["epoch"].tolist() == [1, 2, 3]
    score_run(more)
    (file,) = tmp_path.rglob("metrics.csv")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    # An epoch's training and validation metrics are a row each, and the test scores the last.
    assert [row["epoch"] for row in rows] == ["1", "1", "2", "2", "3", "3", "3"]
    assert [float(row["train_loss"]) for row in rows if row["train_loss"]] == more.curves["train_loss"].tolist()
    assert float(rows[-1]["test_accuracy"]) == more.scores["splits"]["test"]["accuracy"]


@pytest.mark.parametrize("logger", READ)
def test_a_resumed_run_has_the_hyper_parameters_of_the_last_fit(tmp_path, logger):
    pytest.importorskip(PACKAGE[logger])
    settings = {**SMALL, "trainer.max_epochs": 1, "trainer.logger": f"lightning.pytorch.loggers.{logger}"}
    # MLflow looks in the folder that a relative path was first.
    settings["trainer.logger.save_dir"] = str(tmp_path / "runs")
    run = fit("quickstart", settings, progress=False)
    fit("quickstart", {**settings, "trainer.max_epochs": 2}, ckpt_path=run.folder, progress=False)
    # MLflow's hyper-parameters cannot be changed.
    expected = 1 if logger == "MLFlowLogger" else 2
    records = wait_for(lambda records: last_max_epochs(records) == expected, READ[logger], tmp_path)
    assert last_max_epochs(records) == expected
    assert len({name for name, *_ in records}) == 1


def test_a_study_takes_loggers_and_names_their_records(tmp_path):
    loggers = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "tables"}}
    plan = {"strategies": {"one": {}, "two": {}}, "seeds": 2, "engine": "serial", "trainer": {"logger": loggers}}
    runs = study(["quickstart", plan], {**SMALL, "num_threads": 1}, progress=False)
    assert len(find_runs(["lightning_logs"])) == len(runs) == 4
    names = {file.parts[-3] for file in (tmp_path / "tables").rglob("metrics.csv")}
    assert names == {"one seed 0", "one seed 1", "two seed 0", "two seed 1"}


@pytest.mark.parametrize(("logger", "key"), [("WandbLogger", "name"), ("MLFlowLogger", "run_name")])
def test_a_record_is_named_by_the_run_and_its_seed_unless_the_user_names_it(tmp_path, logger, key):
    pytest.importorskip(PACKAGE[logger])
    chosen = f"--trainer.logger=lightning.pytorch.loggers.{logger}"

    def name(*arguments):
        fit = Fit(["--config=quickstart", "--seed_everything=3", *arguments])
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(fit.settings()))
        return fit.settings()["trainer"]["logger"][1]["init_args"][key]

    assert name(chosen, f"--trainer.logger.{key}=mine") == "mine"
    assert name("--config=config.yaml") == "mine"
    assert name(chosen) == "quickstart seed 3"
    # As the run's own config with another seed.
    assert name("--config=config.yaml", "--seed_everything=4") == "quickstart seed 4"


def test_a_logger_whose_package_is_missing_is_named():
    with pytest.raises(ValueError, match=r"comet.*install it, or add --trainer\.logger false"):
        fit("quickstart", {**SMALL, "trainer.logger": "lightning.pytorch.loggers.CometLogger"}, progress=False)
