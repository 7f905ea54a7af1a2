"""How errors are worded."""

import errno
import sys

import pytest
import torch

from cifar_lightning.cli.errors import OwnCodeShown, describe, describe_failure, fail
from cifar_lightning.hints import did_you_mean


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("expected\n  one, got two"), "expected one, got two"),
        (KeyError(), "KeyError"),
        (MemoryError(), "out of memory; lower data.batch_size, or close other programs"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory; lower data.batch_size, or"),
        (torch.OutOfMemoryError("CUDA"), "the GPU is out of memory; lower data.batch_size"),
        (OSError(errno.ENOSPC, "No space left", "a.csv"), "No space left: a.csv; make room there and run the command"),
        (OSError(errno.EACCES, "Permission denied", "a"), "denied: a; allow it, or name another place, and run"),
        (
            OSError(errno.EIO, "Input/output error"),
            "refused: Input/output error; check the disk and the network and run",
        ),
        (OSError(errno.ENOTDIR, "Not a directory", "a"), "Not a directory: a; check that path and run"),
    ],
)
def test_an_error_is_one_sentence_that_says_what_to_do(error, said):
    assert said in describe(error)
    assert "\n" not in describe(error)


def test_a_sentence_is_broken_between_words_on_a_terminal_alone(monkeypatch, capsys):
    said = "expected a folder with runs, got none; name one, as in `cifar-lightning compare lightning_logs`"
    assert fail(ValueError(said), 2) == 2
    assert capsys.readouterr().err == f"cifar-lightning: {said}\n"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fail(ValueError(said), 2)
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines) == f"cifar-lightning: {said}"


def test_only_an_error_that_nobody_foresaw_brings_its_traceback():
    assert describe_failure(ValueError("expected more")) == "expected more"
    try:
        {}["key"]
    except KeyError as error:
        said = describe_failure(error)
    assert said.startswith("KeyError: 'key'\nTraceback")
    assert "test_errors.py" in said


def test_a_library_that_refuses_a_setting_is_named():
    with pytest.raises(ValueError, match=r"difflib refuses a setting \(TypeError"), OwnCodeShown():
        did_you_mean(3, ["avgpool"], otherwise="")


def test_an_error_of_the_users_own_code_ends_in_its_traceback(capsys):
    with pytest.raises(SystemExit) as stop, OwnCodeShown():
        raise KeyError("mine")
    assert stop.value.code == 2
    assert "KeyError: 'mine'" in capsys.readouterr().err
