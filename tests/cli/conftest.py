"""The command line inside the test process, in an empty working folder."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny import TINY

from cifar_lightning.cli.main import main


@dataclass
class Outcome:
    """What a command left behind for its user."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs a command line in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def undrawn(monkeypatch):
    """`test` draws nothing and `compare` one figure: for tests of something else, most of whose time it would take."""
    # Here, so that tests of other commands need not wait for it.
    from cifar_lightning.compare import figures

    monkeypatch.setattr("cifar_lightning.cli.testing.draw_figures", lambda *_: [])
    monkeypatch.setattr(figures, "_DRAW", {"result": figures._DRAW["result"]})


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """A run of two epochs on drawn shapes, tested; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(["fit", *TINY, f"--trainer.logger.save_dir={folder}"]) == 0
    run = folder / "quickstart" / "version_0"
    assert main(["test", "--ckpt_path", str(run)]) == 0
    return run
