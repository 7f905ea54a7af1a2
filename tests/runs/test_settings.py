"""The settings of a run, from plain YAML."""

import pytest
import yaml

from cifar_lightning.runs.settings import flatten, load_plain_yaml, read_settings


def test_settings_are_nested_and_can_be_flattened(tmp_path):
    (tmp_path / "config.yaml").write_text("data:\n  classes: [apple]\n  source: {root: null}\nseed_everything: 0\n")
    settings = read_settings(tmp_path / "config.yaml")
    assert settings["data"]["source"] == {"root": None}
    assert flatten(settings) == {"data.classes": ["apple"], "data.source.root": None, "seed_everything": 0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: !!python/object:os.system {}\n", "constructor"),
        ("[1, 2]\n", "no keys and values"),
        ("a: [1\n", "expected"),
        ("a: !!int x\n", "invalid literal"),
    ],
)
def test_what_is_not_plain_settings_is_refused_in_one_sentence(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"expected plain YAML .*, but .*config\.yaml is none \(.*{said}"):
        read_settings(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n\na: 2\n", "'a' is in lines 1 and 3; keep one"),
        ("a:\n  b: {c: 1}\n  d: 1\n  b: {e: 1}\n", "'b' is in lines 2 and 4; put both under one"),
        ("- {a: 1, a: 2}", "'a' is in lines 1 and 1; keep one"),
    ],
)
def test_a_repeated_key_is_refused_with_its_lines(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"expected every key once in .*config\.yaml, but {said}"):
        read_settings(tmp_path / "config.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ValueError, match="utf-8"):
        read_settings(tmp_path / "config.yaml")


def test_a_text_gives_its_own_error():
    assert load_plain_yaml("1e-3") == "1e-3"
    with pytest.raises(yaml.YAMLError, match="alias"):
        load_plain_yaml("[&a [1], *a]")
