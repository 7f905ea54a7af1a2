"""Options of the commands that are no settings."""

from pathlib import Path

import pytest

from cifar_lightning.cli.arguments import SentenceArguments, parse_checkpoint, refuse_folder


def test_the_checkpoint_is_taken_and_settings_are_left():
    path, rest = parse_checkpoint("test", ["--data.batch_size", "3", "--ckpt_path=run", "--num_threads=1"])
    assert (path, rest) == (Path("run"), ["--data.batch_size", "3", "--num_threads=1"])
    with pytest.raises(ValueError, match="are required: --ckpt_path"):
        parse_checkpoint("test", [])


def test_a_misspelt_option_is_answered_by_the_nearest():
    parser = SentenceArguments(prog="cifar-lightning net", allow_abbrev=False)
    parser.add_argument("--output")
    with pytest.raises(ValueError, match="unknown option '--ouput'; did you mean '--output'"):
        parser.parse_args(["--ouput=a"])
    with pytest.raises(ValueError, match="unknown option '--frob'; `cifar-lightning net --help`"):
        parser.parse_args(["--frob"])
    with pytest.raises(ValueError, match="expected one argument; `cifar-lightning net --help`"):
        parser.parse_args(["--output"])


def test_a_folder_is_no_file_to_write(tmp_path):
    refuse_folder("--output", tmp_path / "new.csv")
    with pytest.raises(ValueError, match="expected a file for --output"):
        refuse_folder("--output", tmp_path)
