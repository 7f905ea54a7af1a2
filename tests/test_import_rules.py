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


# Who may import whom; nobody else is imported, and everybody may import the hints and the version.
ALLOWED = {
    "runs": set(),
    "plots": {"runs"},
    "data": {"runs"},
    "models": {"runs"},
    "compare": {"plots", "runs"},
    "training": {"data", "models", "plots", "runs"},
    "study": {"training", "runs"},
    "export": {"training", "data", "models", "plots", "runs"},
    "cli": {"export", "study", "training", "compare", "data", "models", "plots", "runs"},
}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_down_only(package):
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(ALLOWED)
    files = list((ROOT / package).rglob("*.py"))
    for forbidden in folders - ALLOWED[package] - {package}:
        assert find_offenders(files, f"cifar_lightning.{forbidden}") == set()


@pytest.mark.parametrize("package", ["runs", "compare", "plots"])
def test_what_reads_run_folders_imports_no_torch(package):
    files = list((ROOT / package).rglob("*.py"))
    for forbidden in ("torch", "torchvision", "lightning", "torchmetrics"):
        assert find_offenders(files, forbidden) == set()


def test_backbones_import_only_torch():
    assert {name.split(".")[0] for name in imports_of(ROOT / "models/backbones.py")} == {"torch"}


def test_every_public_name_is_where_the_package_says():
    for name in cifar_lightning.__all__:
        assert getattr(cifar_lightning, name) is not None
        assert name in dir(cifar_lightning)
    with pytest.raises(AttributeError, match="fitt"):
        cifar_lightning.fitt  # noqa: B018


def test_the_functions_compare_and_study_are_not_hidden_by_their_packages():
    import cifar_lightning.compare.pairs
    import cifar_lightning.study.plan

    assert callable(cifar_lightning.compare)
    assert callable(cifar_lightning.study)


@pytest.mark.parametrize(
    "module",
    [
        "cifar_lightning",
        "cifar_lightning.cli.main",
        "cifar_lightning.cli.compare",
        "cifar_lightning.cli.runs",
        "cifar_lightning.runs.run",
        "cifar_lightning.compare",
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
    assert module not in ("cifar_lightning", "cifar_lightning.cli.main") or "numpy" not in loaded
