"""An error in the user's own code shows their frames alone; any other error keeps all of them."""

import json
import sys
import traceback

import pytest

from cifar_lightning.runs.disk import write_text
from cifar_lightning.training.fitting import fit
from cifar_lightning.training.own_code import DEBUG_VARIABLE, OnlyOwnFrames


class NoText:
    """Fails where this package calls it."""

    def encode(self, errors):
        return json.loads("{")


def functions_in_the_traceback_of(call):
    with pytest.raises(Exception) as raised, OnlyOwnFrames():  # noqa: PT011
        call()
    return [frame.f_code.co_name for frame, _ in traceback.walk_tb(raised.value.__traceback__)]


def write_no_text(tmp_path):
    write_text(tmp_path / "a.txt", NoText())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a with statement of Python 3.10 puts the traceback back")
def test_frames_of_this_package_and_of_libraries_are_left_out(tmp_path):
    names = functions_in_the_traceback_of(lambda: write_no_text(tmp_path))
    assert names[-3:] == ["<lambda>", "write_no_text", "encode"]


def test_an_error_that_this_package_raises_keeps_its_frames(tmp_path):
    (tmp_path / "file").touch()
    names = functions_in_the_traceback_of(lambda: write_text(tmp_path / "file/below.txt", "text"))
    assert "write_whole" in names


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a with statement of Python 3.10 puts the traceback back")
def test_a_sentence_of_this_package_comes_alone():
    with pytest.raises(ValueError, match="did you mean") as raised:
        fit("quickstart", {"trainer.max_epoch": 3})
    printed = "".join(traceback.format_exception(raised.value)).splitlines()
    assert len(printed) <= 6
    assert not any("jsonargparse" in line for line in printed)


def test_the_whole_way_to_a_sentence_is_there_for_who_asks(monkeypatch):
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with pytest.raises(ValueError, match="did you mean") as raised:
        fit("quickstart", {"trainer.max_epoch": 3})
    assert "jsonargparse" in "".join(traceback.format_exception(raised.value))


def test_all_frames_are_there_for_who_asks(tmp_path, monkeypatch):
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    names = functions_in_the_traceback_of(lambda: write_no_text(tmp_path))
    assert "write_text" in names
    assert names[-1] == "raw_decode"
