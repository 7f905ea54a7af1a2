"""A run as its folder describes it, and how runs are found."""

import numpy as np
import pytest
from simulated_runs import NAMES, write_run

from cifar_lightning.runs.run import MissingFileError, find_runs, load_run

RIGHT = np.arange(30) % 7 != 0


def write_runs(root):
    for strategy in ("maxpool", "stride"):
        for seed in range(3):
            write_run(root / strategy / f"seed_{seed}", strategy, seed, RIGHT)
    return root


def find(*paths):
    """The folders of all runs below `paths`."""
    return [run.folder for run in find_runs(paths)]


def test_a_run_gives_what_its_folder_holds(tmp_path):
    write_run(tmp_path, "stride", 3, RIGHT, facts={"epoch": 4})
    run = load_run(str(tmp_path))
    assert (run.strategy, run.seed, run.facts.epoch, run.is_tested) == ("stride", 3, 4, True)
    assert run.settings["data"]["classes"] == NAMES
    assert run.scores["splits"]["test"]["accuracy"] == run.predictions("test").is_right.mean() == RIGHT.mean()
    assert run.curves["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert np.array_equal(run.probes["shift_1"], RIGHT)
    assert run.predictions("train") is run.predictions("train")


def test_a_file_that_is_not_there_is_named_when_it_is_asked_for(tmp_path):
    write_run(tmp_path, "stride", 3, RIGHT)
    for name in ("scores.json", "probes.csv", "curves.csv"):
        (tmp_path / name).unlink()
    run = load_run(tmp_path)
    assert not run.is_tested
    for name, ask in (("scores.json", lambda: run.scores), ("probes.csv", lambda: run.probes)):
        with pytest.raises(MissingFileError, match=f"expected {name} in .*, but it is not there; .*test"):
            ask()
    with pytest.raises(ValueError, match=r"expected val_predictions\.csv"):
        run.predictions("val")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected a run folder, but .* has no config\.yaml"):
        load_run(tmp_path)


def test_every_run_folder_is_found_once_however_often_and_deep_it_is_named(tmp_path):
    root = write_runs(tmp_path / "a/b/c")
    (tmp_path / "a/link").symlink_to(tmp_path / "a/b")
    found = find(tmp_path / "a", tmp_path / "a/b", root / "stride/seed_0")
    assert sorted(path.resolve().relative_to(root).as_posix() for path in found) == [
        f"{strategy}/seed_{seed}" for strategy in ("maxpool", "stride") for seed in range(3)
    ]


def test_links_to_the_folders_of_strategies_are_followed_and_those_that_lead_back_end(tmp_path):
    elsewhere = write_runs(tmp_path / "elsewhere")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "config.yaml").touch()
    for strategy in ("maxpool", "stride"):
        (runs / strategy).symlink_to(elsewhere / strategy)
    (runs / "back").symlink_to(tmp_path)
    (elsewhere / "stride/back").symlink_to(runs)
    assert len(find(runs)) == 6
    (runs / "back").unlink()
    assert [path.relative_to(runs).as_posix() for path in find(runs)] == [
        f"{strategy}/seed_{seed}" for strategy in ("maxpool", "stride") for seed in range(3)
    ]


def test_a_config_above_run_folders_is_no_run_and_one_below_none_is_an_untested_run(tmp_path):
    root = write_runs(tmp_path)
    (root / "config.yaml").touch()
    (root / "stride/seed_7").mkdir()
    (root / "stride/seed_7/config.yaml").touch()
    assert [run.folder for run in find_runs([root]) if not run.is_tested] == [root / "stride/seed_7"]


def test_a_run_in_the_root_hides_none_below_it(tmp_path):
    write_run(tmp_path, "stray", 0, RIGHT)
    write_run(tmp_path / "study", "maxpool", 0, RIGHT)
    assert [run.strategy for run in find_runs([tmp_path])] == ["stray", "maxpool"]


def test_paths_without_runs_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for name, said in (("nowhere", "there is no"), ("file", "got the file"), ("", "below .*, but there is none")):
        with pytest.raises(ValueError, match=f"expected .*run folders.*{said}"):
            find_runs([tmp_path / name])
