"""The plan of a study and its shards."""

from collections import Counter

import pytest

from cifar_lightning.study.plan import plan_runs
from cifar_lightning.study.study_settings import read_study

SETTINGS = {"data": {"source": {"class_path": "cifar_lightning.data.DrawnShapes"}, "classes": ["circle", "star"]}}
NETS = {
    "strategies": {"one": {}, "two": {}, "three": {}},
    "model": {"backbone": {"class_path": "cifar_lightning.models.backbones.MaxPoolNet"}},
    **SETTINGS,
}


def plan(*arguments):
    return [str(run) for run in plan_runs(*read_study([NETS], ["--seeds=2", *arguments]))]


@pytest.mark.parametrize("parts", [1, 4, 7])
def test_shards_make_the_whole_plan_once_and_share_each_strategy_evenly(parts):
    shards = [plan(f"--shard={part}/{parts}") for part in range(1, parts + 1)]
    assert Counter(run for shard in shards for run in shard) == Counter(plan())
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    for strategy in ("one", "two", "three"):
        counts = [sum(run.startswith(strategy) for run in shard) for shard in shards]
        assert max(counts) - min(counts) <= 1


def test_a_shard_depends_on_the_plan_alone(tmp_path, monkeypatch):
    before = plan("--shard=2/4")
    (tmp_path / "lightning_logs/study/one/seed_0").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert plan("--shard=2/4") == before


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half", "2", "1/0"])
def test_what_is_no_shard_is_refused(shard):
    with pytest.raises(ValueError, match="expected a shard such as 2/8"):
        plan(f"--shard={shard}")
