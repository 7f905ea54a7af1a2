"""The run's folder number, and its curves as TensorBoard reads them."""

import os
import queue
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_lightning.training import logger as logger_module
from cifar_lightning.training.logger import RunLogger


def read_scalars(folder):
    """{tag: [(step, value), ...]} of the events directly in a folder."""
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_next_free_version_is_taken(tmp_path):
    for name in ("version_0", "version_7"):
        (tmp_path / "run" / name).mkdir(parents=True)
    logger = RunLogger(str(tmp_path))
    assert (logger.version, logger.version) == (8, 8)
    assert (tmp_path / "run/version_8").is_dir()


def test_a_version_asked_for_is_used_as_it_is(tmp_path):
    assert RunLogger(str(tmp_path), "study", version="seed_3").log_dir == str(tmp_path / "study/seed_3")
    assert RunLogger(str(tmp_path), "study", version=4).log_dir == str(tmp_path / "study/version_4")


def test_versions_are_counted_in_the_folder_of_the_user_that_a_tilde_stands_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert [RunLogger("~/runs").log_dir for _ in range(2)] == [
        str(tmp_path / f"home/runs/run/version_{number}") for number in (0, 1)
    ]
    assert names_in(tmp_path) == ["home"]


def test_loggers_that_see_the_same_folders_get_versions_of_their_own(tmp_path, monkeypatch):
    # As if each had looked before any of them made its folder.
    monkeypatch.setattr(logger_module, "find_versions", lambda folder: [])
    assert [RunLogger(str(tmp_path)).version for _ in range(3)] == [0, 1, 2]


def test_loggers_at_once_get_versions_of_their_own(tmp_path):
    barrier = threading.Barrier(8)

    def claim():
        barrier.wait()
        return RunLogger(str(tmp_path)).version

    with ThreadPoolExecutor(8) as pool:
        versions = [future.result() for future in [pool.submit(claim) for _ in range(8)]]
    assert sorted(versions) == list(range(8))


def test_a_released_version_leaves_no_trace(tmp_path):
    logger = RunLogger(str(tmp_path / "new"), "run")
    assert logger.version == 0
    logger.release()
    assert names_in(tmp_path) == []


def test_releasing_spares_the_runs_beside_it(tmp_path):
    first, second = RunLogger(str(tmp_path)), RunLogger(str(tmp_path))
    assert (first.version, second.version) == (0, 1)
    first.release()
    assert names_in(tmp_path / "run") == ["version_1"]


def test_a_folder_that_was_not_claimed_is_not_released(tmp_path):
    (tmp_path / "run/version_3").mkdir(parents=True)
    RunLogger(str(tmp_path), version=3).release()
    assert names_in(tmp_path / "run") == ["version_3"]


def test_train_and_validation_share_a_tag_with_the_epoch_as_step(tmp_path):
    logger = RunLogger(str(tmp_path))
    for epoch in range(3):
        # Lightning's step counts batches; the epoch comes among the metrics.
        logger.log_metrics({"val_loss": 2.0 + epoch, "val_recall/apple": 0.5, "epoch": epoch}, step=12 * epoch + 11)
        logger.log_metrics({"train_loss": 1.0 + epoch, "lr-SGD": 0.25, "epoch": epoch}, step=12 * epoch + 11)
    logger.finalize("success")
    run = tmp_path / "run/version_0"
    assert read_scalars(run / "train") == {"loss": [(0, 1.0), (1, 2.0), (2, 3.0)]}
    assert read_scalars(run / "val") == {
        "loss": [(0, 2.0), (1, 3.0), (2, 4.0)],
        "recall/apple": [(0, 0.5), (1, 0.5), (2, 0.5)],
    }
    assert read_scalars(run) == {"lr-SGD": [(0, 0.25), (1, 0.25), (2, 0.25)]}


def test_what_was_flushed_is_on_the_disk_before_the_run_ends(tmp_path):
    logger = RunLogger(str(tmp_path))
    logger.log_metrics({"train_loss": 1.0, "epoch": 0})
    logger.flush()
    assert read_scalars(tmp_path / "run/version_0/train") == {"loss": [(0, 1.0)]}
    logger.finalize("success")


def test_a_resumed_run_replaces_the_curves_from_its_first_epoch_on(tmp_path):
    stopped = RunLogger(str(tmp_path), version=0)
    for epoch in range(5):
        stopped.log_metrics({"train_loss": 1.0, "epoch": epoch})
    stopped.finalize("success")
    resumed = RunLogger(str(tmp_path), version=0)
    resumed.first_epoch = 3
    for epoch in range(3, 6):
        resumed.log_metrics({"train_loss": 2.0, "epoch": epoch})
    resumed.finalize("success")
    assert read_scalars(tmp_path / "run/version_0/train") == {
        "loss": [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]
    }


def test_final_scores_stand_beside_the_settings(tmp_path):
    logger = RunLogger(str(tmp_path))
    logger.log_hyperparams({"backbone": "AvgPoolNet", "lr": 0.005})
    logger.log_scores({"final/loss": 0.5}, 7)
    logger.finalize("success")
    run = tmp_path / "run/version_0"
    assert read_scalars(run) == {"final/loss": [(7, 0.5)]}
    summaries = EventAccumulator(str(run)).Reload().summary_metadata
    settings = summaries["_hparams_/session_start_info"].plugin_data.content
    assert b"AvgPoolNet" in settings
    assert b"backbone" in settings


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-7])
def test_values_are_kept_to_float32(tmp_path, value):
    logger = RunLogger(str(tmp_path))
    logger.log_metrics({"val_loss": value, "epoch": 0})
    logger.finalize("success")
    assert read_scalars(tmp_path / "run/version_0/val")["loss"] == [(0, pytest.approx(value, rel=1e-7))]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_tensorboard_has_its_event(tmp_path, monkeypatch, number):
    """From within its queue an exception can leave the writing thread asleep for good."""
    put, came_back = queue.Queue.put, []

    def interrupted_put(*arguments, **options):
        os.kill(os.getpid(), number)
        put(*arguments, **options)
        came_back.append(True)

    def stop(*_):
        raise KeyboardInterrupt

    logger = RunLogger(str(tmp_path), "run")
    before = signal.signal(number, stop)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(queue.Queue, "put", interrupted_put)
            with pytest.raises(KeyboardInterrupt):
                logger.log_metrics({"train_loss": 0.5, "epoch": 0})
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert came_back
    logger.finalize("interrupted")
    events = EventAccumulator(str(tmp_path / "run/version_0/train")).Reload()
    assert [event.value for event in events.Scalars("loss")] == [0.5]
