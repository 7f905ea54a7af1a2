"""A run of a study, without its training."""

import warnings

from cifar_lightning.study import one_run
from cifar_lightning.study.planned_run import PlannedRun


def test_what_every_run_warns_of_is_said_once_per_process(tmp_path, monkeypatch):
    def warn(*_, **__):
        warnings.warn("skipped 1 of 9 files", stacklevel=1)

    monkeypatch.setattr(one_run, "fit", warn)
    monkeypatch.setattr(one_run, "test", warn)
    monkeypatch.setattr(one_run, "_SAID", set())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(3):
            one_run.fit_and_test(PlannedRun("net", seed, tmp_path / str(seed), {"data": {"source": {}}}))
    assert [str(warning.message) for warning in caught] == ["skipped 1 of 9 files"]
