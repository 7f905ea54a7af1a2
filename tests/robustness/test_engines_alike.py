"""Every engine, killed in the middle and resumed, leaves the run folders of `serial`, and `compare` the same answer."""

import functools
import json
import os
import signal
import time

import pytest
import yaml
from checks import assert_same_weights, read_curves
from warm import draw_little, start

# By hand on the real images: the folder of cifar-100-python.
ROOT = os.environ.get("CIFAR_LIGHTNING_ENGINES_ROOT")
DRAWN = {"class_path": "cifar_lightning.data.DrawnShapes", "init_args": {"num_train": 60, "num_test": 10}}
REAL = {"class_path": "cifar_lightning.data.Cifar100", "init_args": {"root": ROOT, "verify_md5": False}}
NETS = {"maxpool": "MaxPoolNet", "avgpool": "AvgPoolNet", "stride": "StrideNet"}
STUDY = {
    "name": "study",
    "save_dir": "runs",
    "seeds": 3,
    "num_threads": 1,
    "strategies": {
        name: {"model": {"backbone": {"class_path": f"cifar_lightning.models.backbones.{net}"}}}
        for name, net in NETS.items()
    },
    "trainer": {"max_epochs": 3 if ROOT else 6, "accelerator": "cpu"},
    "data": {"source": REAL} if ROOT else {"source": DRAWN, "classes": ["circle", "square", "star"]},
}
pytestmark = pytest.mark.timeout(1800)


def begin(folder, engine):
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return start(folder, "study", "--config", "study.yaml", "--engine", engine, prepare=draw_little)


def end(folder, engine):
    """Makes what is left of the study, and returns its runs and what `compare` writes about them."""
    study = begin(folder, engine)
    assert study.wait(1800) == 0, study.err
    assert start(folder, "compare", "runs", "--no_images", prepare=draw_little).code == 0
    comparison = json.loads((folder / "runs/comparison.json").read_text())
    for strategy in comparison["strategies"]:
        del strategy["fit_seconds_median"]
    return sorted(path.parent for path in folder.glob("runs/study/*/*/scores.json")), comparison


def read_scores(run):
    scores = json.loads((run / "scores.json").read_text())
    del scores["run"]["fit_seconds"]
    return scores


def list_names(run):
    """The files of a run folder, without figures, which some of these processes leave out."""
    paths = [path for path in run.rglob("*") if path.suffix != ".png"]
    return {str(path.relative_to(run)).partition(".tfevents")[0] for path in paths}


@functools.cache
def finish_by_serial(folder):
    return end(folder, "serial")


@pytest.mark.parametrize("engine", ["serial", "processes", "stacked", "ray"])
def test_a_study_that_was_killed_and_resumed_is_that_of_serial(tmp_path, tmp_path_factory, engine):
    if engine == "ray":
        pytest.importorskip("ray")
    theirs, answer = finish_by_serial(tmp_path_factory.getbasetemp() / "whole")
    assert len(theirs) == 9
    folder = tmp_path / "killed"
    study = begin(folder, engine)
    study.wait_until(lambda: len(list(folder.glob("runs/study/*/*/scores.json"))) > 1)
    os.kill(study.process.pid, signal.SIGKILL)
    study.process.join()
    # Its workers end by themselves.
    time.sleep(3)
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("runs/study/*/*/scores.json")}
    assert 0 < len(finished) < 9
    ours, comparison = end(folder, engine)
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    assert comparison == answer
    for run, other in zip(ours, theirs, strict=True):
        assert list_names(run) == list_names(other)
        for name in ("last.ckpt", "best.ckpt"):
            assert_same_weights(run, other, name)
        for row, expected in zip(read_curves(run), read_curves(other), strict=True):
            # `stacked` adds the losses of an epoch in another order.
            assert list(map(float, row)) == pytest.approx(list(map(float, expected)), abs=1e-6)
        assert read_scores(run) == read_scores(other)
        for name in ("config.yaml", "test_predictions.csv", "train_predictions.csv", "probes.csv"):
            assert (run / name).read_bytes() == (other / name).read_bytes()
