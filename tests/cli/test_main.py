"""The entry point: exit codes, and what a command may raise."""

import contextlib
import sys
from types import SimpleNamespace

import pytest

from cifar_lightning.cli import main as entry


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("expected more"), 2, "cifar-lightning: expected more\n"),
        (ImportError("no net"), 2, "cifar-lightning: no net\n"),
        (OSError(5, "Input/output error"), 1, "cifar-lightning: the machine refused: Input/output error; check"),
        (MemoryError(), 1, "cifar-lightning: out of memory"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (SystemExit(143), 143, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_every_ending_has_its_exit_code(monkeypatch, capsys, error, code, said):
    def fail(arguments):
        raise error

    monkeypatch.setattr(entry, "OwnCodeShown", contextlib.nullcontext)
    monkeypatch.setitem(sys.modules, "cifar_lightning.cli.fit", SimpleNamespace(run=fail))
    assert entry.main(["fit"]) == code
    assert capsys.readouterr().err.startswith(said)


def test_usage_lists_every_command(capsys):
    assert entry.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in entry.COMMANDS)
    assert max(map(len, out.splitlines())) <= 80
