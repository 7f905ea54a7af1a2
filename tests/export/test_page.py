"""The try-it page in a browser: what it answers, that it stays alone, and that everybody can use it."""

import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch
from checks import assert_accessible, assert_one_sentence
from PIL import Image

from cifar_lightning import load_model, predict
from cifar_lightning.cli.main import main
from cifar_lightning.data import DrawnShapes
from cifar_lightning.export.exporting import ExportedNet
from cifar_lightning.export.page import render_page
from cifar_lightning.export.runtime import Runtime, runtime_path
from cifar_lightning.models.probes import shift

NUM_IMAGES = 50
SIZES = [(32, 32), (33, 31), (64, 48), (200, 150), (301, 97), (20, 24)]


@pytest.fixture(scope="module")
def opened(chromium, finished_run, tmp_path_factory):
    """The page of one net under two seeds, once it has answered; with what it requested and what went wrong."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    if not runtime_path().is_file():
        pytest.skip("onnxruntime-web is not in the cache; `export --page` puts it there")
    folder = tmp_path_factory.mktemp("page")
    path, other = folder / "demo.html", shutil.copytree(finished_run, folder / "other")
    scores = json.loads((other / "scores.json").read_text())
    scores["run"]["seed"] = 1
    (other / "scores.json").write_text(json.dumps(scores))
    with redirect_stdout(StringIO()):
        assert main(["export", "--ckpt_path", str(finished_run), str(other), "--page", str(path)]) == 0
    page = chromium.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    wait_for_details(page)
    assert asked == [path.as_uri()]
    asked.clear()
    return page, asked, errors


@pytest.fixture
def page(opened):
    """That page; nothing may be requested, and nothing may go wrong."""
    page, asked, errors = opened
    yield page
    assert (asked, errors) == ([], [])


def wait_for_details(page):
    page.locator("body[data-done]").wait_for(state="attached", timeout=60_000)


def answers_after(page, act):
    """The probabilities of each net (nets, K) after `act`."""
    page.evaluate("delete document.body.dataset.answers")
    act()
    body = page.locator("body[data-answers]")
    body.wait_for(state="attached")
    return np.array(json.loads(body.get_attribute("data-answers")))


def test_the_page_answers_as_python_does_whatever_the_size_of_an_image(page, finished_run, tmp_path):
    drawn = DrawnShapes(num_test=9).load("test").images.permute(0, 2, 3, 1).numpy()
    for place in range(NUM_IMAGES):
        image = Image.fromarray(drawn[place]).resize(SIZES[place % len(SIZES)])
        image.save(tmp_path / f"{place:02}.png")
    expected = predict(finished_run, tmp_path)
    for name, probabilities in zip(expected.files, expected.probabilities, strict=True):
        found = answers_after(page, lambda name=name: page.set_input_files("#file", tmp_path / name))
        np.testing.assert_allclose(found, [probabilities] * 2, atol=1e-3)


@pytest.mark.parametrize(
    "event", ["new DragEvent('drop', {dataTransfer: data})", "new ClipboardEvent('paste', {clipboardData: data})"]
)
def test_an_image_may_be_dropped_or_pasted(page, finished_run, tmp_path, event):
    Image.new("RGB", (40, 30), (250, 20, 120)).save(tmp_path / "image.png")
    expected = predict(finished_run, tmp_path / "image.png").probabilities
    content = [*(tmp_path / "image.png").read_bytes()]
    script = f"""bytes => {{
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "image.png", {{type: "image/png"}}));
        document.dispatchEvent({event});
    }}"""
    found = answers_after(page, lambda: page.evaluate(script, content))
    np.testing.assert_allclose(found[:1], expected, atol=1e-3)


def test_the_sliders_shift_as_the_probes_do_and_add_noise(page, finished_run, tmp_path):
    image = DrawnShapes(num_test=1).load("test").images[:1]
    Image.fromarray(image[0].permute(1, 2, 0).numpy()).save(tmp_path / "image.png")
    answers_after(page, lambda: page.set_input_files("#file", tmp_path / "image.png"))
    answers_after(page, lambda: page.fill("#dx", "3"))
    moved = answers_after(page, lambda: page.fill("#dy", "-2"))
    with torch.no_grad():
        expected = load_model(finished_run)(shift(image, 3, -2)).softmax(dim=1).numpy()
    np.testing.assert_allclose(moved[:1], expected, atol=1e-3)
    noisy = answers_after(page, lambda: page.fill("#noise", "40"))
    assert np.abs(noisy - moved).max() > 1e-3
    page.evaluate("delete document.body.dataset.done")
    page.fill("#noise", "0")
    wait_for_details(page)
    assert "quickstart, seed 1: " in page.locator("#answer").inner_text()
    assert "They agree." in page.locator("#answer").inner_text()
    assert "pixels costs" in page.locator("#where-1").inner_text()
    assert "of 32 cases" in page.locator("#kept-1").inner_text()


def test_one_draws_by_keyboard_and_by_mouse(page):
    page.get_by_role("button", name="Draw").press("Enter")
    blank = answers_after(page, lambda: page.get_by_role("button", name="White sheet").press("Space"))
    sheet = page.get_by_role("application")
    sheet.press("ArrowLeft")
    dotted = answers_after(page, lambda: sheet.press("Space"))
    assert np.abs(dotted - blank).max() > 0
    struck = answers_after(page, lambda: sheet.click(position={"x": 20, "y": 20}))
    assert np.abs(struck - dotted).max() > 0


def test_the_camera_is_watched_until_an_image_is_held(page):
    answers_after(page, lambda: page.get_by_role("button", name="Camera").click())
    page.evaluate("document.getElementById('answer').textContent = ''")
    page.locator("#answer", has_text="quickstart, seed 1: ").wait_for()
    assert not page.locator("#kept-0").is_visible()
    page.evaluate("delete document.body.dataset.done")
    page.get_by_role("button", name="Hold this image").click()
    wait_for_details(page)
    assert page.locator("#kept-0").is_visible()


def test_a_file_that_is_no_image_is_named(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    page.set_input_files("#file", tmp_path / "notes.txt")
    page.get_by_text("“notes.txt” is none; choose another one").wait_for()


def test_everybody_can_use_it(page):
    page.get_by_role("button", name="Draw").click()
    assert_accessible(page)


def make_net(*class_names):
    images = DrawnShapes(num_test=1).load("test").keep_classes(class_names)
    scores = {"accuracy": 1, "accuracy_ci95": [0.5, 1], "classes": []}
    trained_on = {"source": "DrawnShapes", "images": {}, "epochs": 1}
    metadata = {"class_names": list(class_names), "input": "uint8", "strategy": "mine", "seed": 0}
    return ExportedNet(b"", {**metadata, "test_scores": scores, "training_data": trained_on}, images, 0.0)


def test_nets_of_other_classes_do_not_go_on_one_page():
    with pytest.raises(ValueError, match=r"same classes .*'ring'.*'square'.*make a page for each"):
        render_page([make_net("circle", "ring"), make_net("circle", "square")], Runtime("", b""))


def test_a_name_is_text_on_the_page_whatever_it_holds():
    net = make_net("circle", "ring")
    name = "</script><script>alert(1)//"
    hostile = replace(net, metadata={**net.metadata, "strategy": name, "class_names": [name, "ring"]})
    assert name not in render_page([hostile], Runtime("", b""))


def test_a_page_or_a_file_is_asked_for_and_not_both(command):
    for arguments in ([], ["--output=a.onnx", "--page=a.html"]):
        assert_one_sentence(command("export", "--ckpt_path=run", *arguments), 2, "either --output or --page")
    assert_one_sentence(command("export", "--ckpt_path", "a", "b", "--output=a.onnx"), 2, "one net", "--page")


def test_another_package_than_the_published_one_is_refused(command, run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    runtime_path().parent.mkdir()
    runtime_path().write_bytes(b"another")
    assert_one_sentence(command("export", "--ckpt_path=run", "--page=a.html"), 2, "checksum", "remove that file")
