"""Who may import whom, read from the sources."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cifar_lightning

ROOT = Path(cifar_lightning.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def find_imports(source, package):
    """All modules that a source text imports, at any depth, of `from a import b` both `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            found.update({module, *(f"{module}.{alias.name}" for alias in node.names)})
    return found


def imports_of(path):
    return find_imports(path.read_text(), ".".join(path.relative_to(ROOT.parent).parent.parts))


def find_offenders(files, forbidden):
    return {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports_of(path)
        if name == forbidden or name.startswith(forbidden + ".")
    }


def test_imports_are_found_however_they_are_written():
    source = "import a.b\nfrom c import d\ndef f():\n    from ..models import e\n    from . import g\n"
    assert find_imports(source, "top.data") == {
        "a.b",
        "c",
        "c.d",
        "top.models",
        "top.models.e",
        "top.data",
        "top.data.g",
    }


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("data", "models"),
        ("models", "data"),
        ("compare", "data"),
        ("compare", "models"),
    ],
)
def test_packages_that_never_import_each_other(package, forbidden):
    assert find_offenders((ROOT / package).rglob("*.py"), f"cifar_lightning.{forbidden}") == set()


def test_backbones_import_only_torch():
    assert {name.split(".")[0] for name in imports_of(ROOT / "models/backbones.py")} == {"torch"}


def test_nobody_but_the_entry_point_imports_the_command_line():
    outsiders = [path for path in FILES if "cli" not in path.relative_to(ROOT).parts and path.name != "__main__.py"]
    assert len(outsiders) > 15
    assert find_offenders(outsiders, "cifar_lightning.cli") == set()
    assert find_offenders([ROOT / "__main__.py"], "cifar_lightning.cli")


@pytest.mark.parametrize(
    "module",
    [
        "cifar_lightning.cli.main",
        "cifar_lightning.runs.scores",
        "cifar_lightning.compare.comparing",
        "cifar_lightning.compare.figures",
        "cifar_lightning.compare.page",
    ],
)
def test_what_answers_at_once_loads_neither_torch_nor_lightning(module):
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert module in loaded
    assert not loaded & {"torch", "torchvision", "lightning", "lightning.pytorch", "torchmetrics"}
    # Help and a mistyped word need no numbers.
    assert module != "cifar_lightning.cli.main" or "numpy" not in loaded
