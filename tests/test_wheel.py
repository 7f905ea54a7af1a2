"""The wheel, built from the checkout as `pip` builds it, without a network."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        f"--wheel-dir={folder}",
    ]
    subprocess.run([sys.executable, *build, str(ROOT)], check=True)
    (path,) = folder.iterdir()
    return path


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 300 * 1024


def test_the_wheel_has_the_package_whole_its_configs_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {path for path in (ROOT / "cifar_lightning").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    expected = {path.relative_to(ROOT).as_posix() for path in package}
    expected |= {f"cifar_lightning/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert names == expected
    assert "cifar_lightning/py.typed" in names
