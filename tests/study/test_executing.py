"""Which runs of a study are made, kept or refused; what makes one is played by a test's own function."""

import pytest
import study_jobs
from simulated_runs import write_run

import cifar_lightning as cl
from cifar_lightning.study import executing
from cifar_lightning.study.planned_run import PlannedRun
from cifar_lightning.study.study_settings import StudySettings


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A study of two runs, of which the first is finished."""
    monkeypatch.setattr(executing, "fit_and_test", study_jobs.leave_a_file)
    study = StudySettings(strategies={"maxpool": {}}, save_dir=str(tmp_path), seeds=2, engine="serial")
    folders = [study.folder / f"maxpool/seed_{seed}" for seed in (0, 1)]
    write_run(folders[0], "maxpool", 0, [True])
    folders[1].mkdir()
    settings = cl.load_run(folders[0]).settings
    return study, [PlannedRun("maxpool", seed, folder, settings) for seed, folder in enumerate(folders)]


def test_what_is_not_finished_is_made(planned):
    study, runs = planned
    assert [(outcome.run.seed, outcome.error) for outcome in executing.execute(study, runs, progress=False)] == [
        (1, None)
    ]
    assert not (runs[0].folder / "made").exists()


def test_restart_discards_what_is_there(planned):
    study, runs = planned
    outcomes = list(executing.execute(study, runs, restart=True, progress=False))
    # Nothing makes the folders again.
    assert [type(outcome.error) for outcome in outcomes] == [FileNotFoundError] * 2


def test_a_run_with_other_settings_is_refused_with_the_difference(planned):
    _, runs = planned
    other = {**runs[0].settings, "seed_everything": 9}
    with pytest.raises(ValueError, match=r"expected seed_everything 0, .*maxpool/seed_0 has it, got 9; .*--restart"):
        executing.refuse_other_runs([PlannedRun("maxpool", 0, runs[0].folder, other)])


def test_runs_that_failed_are_an_error_when_all_others_are_made(tmp_path, monkeypatch):
    def fail(run):
        raise ValueError(f"no luck with {run.seed}")

    monkeypatch.setattr(executing, "fit_and_test", fail)
    net = {"model": {"backbone": {"class_path": "cifar_lightning.StrideNet"}}}
    source = {"class_path": "cifar_lightning.DrawnShapes"}
    config = {"strategies": {"stride": net}, "data": {"source": source, "classes": None}, "save_dir": str(tmp_path)}
    said = "2 of 2 runs failed .stride seed 0: no luck with 0; stride seed 1: no luck with 1"
    with pytest.raises(RuntimeError, match=said) as raised:
        cl.study(config, {"seeds": 2, "engine": "serial", "trainer.accelerator": "cpu"}, progress=False)
    assert str(raised.value.__cause__) == "no luck with 0"
