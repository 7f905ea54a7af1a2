"""Which file a config's name stands for."""

import pytest

from cifar_lightning.training.configs import find_config, find_fit_config, list_configs, resolve_configs


def test_a_file_comes_before_a_shipped_config_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = list_configs()["avgpool"][0]
    assert find_config("avgpool") == find_config("avgpool.yaml") == shipped
    (tmp_path / "avgpool.yaml").touch()
    assert find_config("avgpool.yaml").resolve() == tmp_path / "avgpool.yaml"


def test_a_misspelt_name_is_answered_by_the_nearest_and_a_path_is_no_name():
    with pytest.raises(ValueError, match="did you mean 'avgpool'"):
        find_config("avgpol")
    with pytest.raises(ValueError, match="no file nowhere/avgpool"):
        find_config("nowhere/avgpool")


def test_a_study_is_no_config_of_a_net():
    with pytest.raises(ValueError, match="describes a study"):
        find_fit_config("study")


def test_names_become_paths_however_they_are_written_and_text_stays():
    path = list_configs()["stride"][0]
    expected = [f"--config={path}"] * 3
    assert resolve_configs(["--config", "stride", "-c", "stride", "--config=stride"]) == expected
    assert resolve_configs(['--config={"a": 1}', "--x", "stride"]) == ['--config={"a": 1}', "--x", "stride"]


def test_every_shipped_config_says_what_it_is_for():
    assert all(path.is_file() and purpose for path, purpose in list_configs().values())
