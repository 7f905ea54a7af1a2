"""README and docs, page by page, from top to bottom: every command and every Python block, on images that are drawn.

A block that begins with a file's name (`# my_net.py`) is that file. Fits and studies are shortened.
"""

import contextlib
import hashlib
import io
import pickle
import re
import shlex
import sys
from pathlib import Path

import insides
import numpy as np
import pytest
import warm
from prediction_logs import write_inspect, write_samples
from small_torchvision import write_fashion_mnist
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser
from tiny import write_photos

from cifar_lightning.cli.main import main
from cifar_lightning.data import DrawnShapes, cifar100
from cifar_lightning.export.runtime import runtime_path

REPOSITORY = Path(__file__).parent.parent
PAGES = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]
# Programs of others, and what takes minutes.
NOT_RUN = (
    *("python3 -m venv", ". .venv", ".venv/bin/pip", "pip ", "tensorboard "),
    *("ray ", "RAY_AUTH_MODE=", "bash ", "squeue "),
    "python benchmarks/",
)
# What makes a command short.
SHORT = {
    "fit": ["--num_threads=1", "--trainer.max_epochs=1"],
    "resume": ["--num_threads=1", "--trainer.max_epochs=2"],
    "study": ["--num_threads=1", "--trainer.max_epochs=1", "--engine=serial"],
}
TIMM = """
from torch import nn

def create_model(model_name, pretrained=False, **kwargs):
    assert kwargs == {"num_classes": 0}
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Identity())
"""


class Page:
    """Runs the blocks of a page in the working folder."""

    def __init__(self, text: str) -> None:
        # A plan asks how much two seeds differ.
        self.seeds = "2" if "cifar-lightning plan lightning_logs" in text else "1"
        self.namespace: dict[str, object] = {"__name__": "__main__"}

    def write_file(self, source: str) -> bool:
        """Writes a block that begins with a file's name, and returns whether it does."""
        name = re.match(r"# (\w+\.\w+)(?=[:\n])", source)
        if name:
            # Files need no more of MLflow than its client.
            Path(name[1]).write_text(source.replace("sqlite:///mlflow.db", "file:mlflow"))
        return name is not None

    def python(self, example) -> None:
        source = str(example.parsed)
        if not self.write_file(source):
            source = re.sub(r'("trainer.max_epochs": |n_trials=)\d\d+', r"\g<1>2", source)
            source = source.replace('"seeds": 3', '"seeds": 1, "trainer.max_epochs": 1, "engine": "serial"')
            exec(compile(source, example.path, "exec"), self.namespace)

    def yaml(self, example) -> None:
        self.write_file(str(example.parsed))

    def bash(self, example) -> None:
        for line in str(example.parsed).replace("\\\n", " ").splitlines():
            if line.startswith("cifar-lightning"):
                self.command(shlex.split(line, comments=True)[1:])
            else:
                assert not line or line.startswith(NOT_RUN), f"nobody runs {line!r}"

    def command(self, arguments: list[str]) -> None:
        if "--page" in arguments and not runtime_path().is_file():
            # It would be fetched.
            return
        arguments, _, output = " ".join(map(shlex.quote, arguments)).partition(" '>' ")
        command, *rest = shlex.split(arguments)
        extra = SHORT.get("resume" if "--ckpt_path" in rest and command == "fit" else command, [])
        if not {"--help", "--job_array"} & set(rest):
            if command == "study" and "--seeds" not in rest:
                rest += ["--seeds", self.seeds]
            rest = [*shlex.split(re.sub(r"--seeds \d+", f"--seeds {self.seeds}", shlex.join(rest))), *extra]
            # Two of the lab's four nets.
            if rest[:2] == ["--config", "study"] and not {"--only", "--shard"} & set(rest):
                rest += ["--only=maxpool,avgpool"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = main([command, *rest])
        assert code == 0, f"{command} {' '.join(rest)}"
        if output:
            Path(output).write_text(printed.getvalue())


def write_cifar(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Writes a CIFAR-100 of four training and two test images per class."""
    (folder / "cifar-100-python").mkdir()
    contents = {"meta": {"fine_label_names": list(cifar100.FINE_CLASSES)}}
    for split, number in (("train", 4), ("test", 2)):
        pixels = np.random.default_rng(number).integers(0, 256, (100 * number, 3072), dtype=np.uint8)
        contents[split] = {"data": pixels, "fine_labels": [*range(100)] * number}
    for name, content in contents.items():
        data = pickle.dumps(content, protocol=2)
        (folder / "cifar-100-python" / name).write_bytes(data)
        patch.setitem(cifar100.FILE_MD5, name, hashlib.md5(data).hexdigest())
    patch.setenv("CIFAR_LIGHTNING_DATA", str(folder))


@pytest.fixture
def folder(tmp_path, tmp_path_factory, monkeypatch, undrawn):
    """A working folder with the shipped configs, few images and a stand-in for CIFAR-100."""
    for name, module in list(sys.modules.items()):
        # Another test's `my_net` is another net.
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path_factory.getbasetemp())):
            monkeypatch.delitem(sys.modules, name)
    (tmp_path / "cifar").mkdir()
    write_cifar(tmp_path / "cifar", monkeypatch)
    write_fashion_mnist(tmp_path / "cifar")
    write_photos(tmp_path, "ant", "bee")
    for name, scores in (("a", [1, 0, 1]), ("b", [1, 1, 1])):
        write_samples(tmp_path / "lm_logs" / name, "gsm8k", scores, filters=("strict-match", "flexible-extract"))
        write_inspect(tmp_path / f"logs/{name}.json", name, [[score, 1] for score in scores])
    (tmp_path / "timm.py").write_text(TIMM)
    for name, value in {"WANDB_SILENT": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "my_photos").symlink_to(tmp_path / "photos/test/ant")
    load = DrawnShapes.load

    def load_few(source, split):
        source.num_images = {"train": 20, "test": 6}
        return load(source, split)

    monkeypatch.setattr(DrawnShapes, "load", load_few)
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    insides.start_workers_from(monkeypatch, warm.CONTEXT)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_page_runs_from_top_to_bottom(folder, path):
    page = Page(path.read_text())
    parsers = [CodeBlockParser(language, getattr(page, language)) for language in ("python", "yaml", "bash")]
    for example in Sybil(parsers=parsers).parse(path).examples():
        example.evaluate()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_command_is_in_a_block_that_is_run(path):
    assert not re.findall(r"^    cifar-lightning .*", path.read_text(), re.MULTILINE)


def test_the_readme_has_the_commands_for_clusters_that_are_run_as_the_docs_have_them():
    # tests/robustness/test_slurm.py and test_lost_nodes.py run those of the docs.
    page = (REPOSITORY / "docs/cluster.md").read_text()
    section = (REPOSITORY / "README.md").read_text().partition("## On more than one machine")[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n.*?```", section, re.DOTALL)
    assert [block in page for block in blocks] == [True, True]
