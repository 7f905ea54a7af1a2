"""`export`: a run's net as a file for others, from the command line and from Python."""

import json
import sys

import insides
import pytest
import torch
from checks import assert_one_sentence
from tiny import TINY

import cifar_lightning as cl
from cifar_lightning.training.evaluation import load_model

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

NETS = """
import torch
class Svd(torch.nn.Module):
    def forward(self, images):
        return torch.linalg.svdvals(images).flatten(1)

class Chooser(torch.nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3)) if images.mean() > 0 else images.amax(dim=(2, 3))
"""


def answers_of(path, images):
    session = onnxruntime.InferenceSession(path)
    return session.run(["probabilities"], {"images": images.numpy()})[0]


def test_a_run_becomes_one_onnx_file_that_answers_and_says_what_it_is(command, run, tmp_path):
    outcome = command("export", "--ckpt_path=run", "--output=out/net.onnx")
    assert (outcome.code, outcome.err) == (0, "")
    assert "on 30 test images" in outcome.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["net.onnx"]
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        expected = load_model(run)(images).softmax(dim=1)
    torch.testing.assert_close(torch.tensor(answers_of("out/net.onnx", images)), expected, atol=1e-5, rtol=0)
    metadata = {entry.key: entry.value for entry in onnx.load("out/net.onnx").metadata_props}
    assert json.loads(metadata["class_names"]) == ["circle", "square", "triangle", "star", "cross"]
    trained_on = json.loads(metadata["training_data"])
    assert (trained_on["source"], trained_on["images"]["circle"]) == ("DrawnShapes", 18)
    test = cl.load_run(run).scores["splits"]["test"]
    assert json.loads(metadata["test_scores"])["accuracy_ci95"] == test["accuracy_ci95"]
    assert metadata["cifar_lightning"] == cl.__version__


def test_python_does_the_same_and_writes_archives_of_torch(run, tmp_path):
    net = cl.export(cl.load_run(run), tmp_path / "net.pt2", format="torch")
    assert net.largest_difference < 1e-5
    probabilities = torch.export.load(tmp_path / "net.pt2").module()(net.test.images)
    assert probabilities.shape == (30, 5)


def test_what_cannot_be_exported_ends_in_one_sentence_and_leaves_no_file(command, undrawn, run, fitted_run, tmp_path):
    (tmp_path / "hard_nets.py").write_text(NETS)
    (tmp_path / "run/checkpoints/best.ckpt").write_bytes((run / "checkpoints/last.ckpt").read_bytes())
    for net in ("Svd", "Chooser"):
        assert command("fit", *TINY, f"--model.backbone=hard_nets.{net}", f"--trainer.logger.name={net}").code == 0
        assert command("test", f"--ckpt_path=lightning_logs/{net}/version_0").code == 0
    for path, code, *parts in (
        (fitted_run, 2, "scores.json", "cifar-lightning test --ckpt_path"),
        ("run/checkpoints/best.ckpt", 2, "scores of best.ckpt", "those of last.ckpt", "cifar-lightning test"),
        ("lightning_logs/Svd/version_0", 2, "svd", "--format torch"),
        ("lightning_logs/Chooser/version_0", 2, "Chooser", "may not choose"),
        ("nowhere", 2, "nowhere"),
    ):
        assert_one_sentence(command("export", f"--ckpt_path={path}", "--output=net.onnx"), code, *parts)
    assert_one_sentence(command("export", "--ckpt_path=run", "--output=run"), 2, "--output", "folder")
    assert not (tmp_path / "net.onnx").exists()


def test_an_export_that_answers_otherwise_is_refused(command, run, tmp_path, monkeypatch):
    insides.make_exports_wrong(monkeypatch)
    assert_one_sentence(command("export", "--ckpt_path=run", "--output=net.onnx"), 2, "0.0001", "not written")
    assert not (tmp_path / "net.onnx").exists()


def test_a_missing_package_is_named(command, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert_one_sentence(
        command("export", "--ckpt_path=run", "--output=net.onnx"), 2, "pip install 'cifar-lightning[export]'"
    )
