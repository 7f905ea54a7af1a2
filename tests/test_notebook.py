"""The whole lab from Python: the notebook of the docs, and a script that looks at more of what comes back."""

from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent.parent / "docs"

SETTINGS = {"trainer.max_epochs": 2, "data.source.num_train": 20, "data.source.num_test": 6}
SCRIPT = """
import cifar_lightning as cl

settings = {settings}
run = cl.fit("quickstart", {{**settings, "trainer.logger.name": "by_hand"}}, progress=False)
assert run.folder.name == "version_0"
assert list(run.curves.keys()) == ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"]
assert len(run.curves["train_loss"]) == 2

scores = cl.test(run)
assert run.scores["splits"]["test"]["accuracy"] == scores.splits["test"].accuracy
predictions = run.predictions("test")
assert (predictions["label"] == predictions["predicted"]).mean() == scores.splits["test"].accuracy
assert run.settings["data"]["source"]["init_args"]["num_train"] == 20

longer = cl.fit("quickstart", {{**settings, "trainer.max_epochs": 3}}, ckpt_path=run.folder, progress=False)
assert longer.folder == run.folder
assert len(longer.curves["seconds"]) == 3

model = cl.load_model(run)
images = cl.DrawnShapes(num_train=1, num_test=2).load("test").images
assert model(images).shape == (len(images), 5)

strategies = {{
    "maxpool": {{"model": {{"backbone": {{"class_path": "cifar_lightning.MaxPoolNet"}}}}}},
    "avgpool": {{"model": {{"backbone": {{"class_path": "cifar_lightning.AvgPoolNet"}}}}}},
}}
source = {{"class_path": "cifar_lightning.DrawnShapes", "init_args": {{"num_train": 20, "num_test": 6}}}}
data = {{"source": source, "classes": ["circle", "star", "cross"]}}
runs = cl.study(
    {{"name": "two_nets", "strategies": strategies, "data": data, "trainer": {{"max_epochs": 2}}}},
    {{"seeds": 1, "engine": "serial", "trainer.accelerator": "cpu"}},
    progress=False,
)
assert [(run.strategy, run.seed) for run in runs[:2]] == [("maxpool", 0), ("avgpool", 0)]
comparison = cl.compare(runs)
page = comparison._repr_html_()
assert "<svg" in page and "maxpool" in page
assert cl.load_run(runs[0].folder).scores == runs[0].scores
"""


def test_a_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, undrawn, capsys):
    monkeypatch.chdir(tmp_path)
    exec(SCRIPT.format(settings=SETTINGS), {})
    assert capsys.readouterr().out == ""
    folders = sorted(path.parent.relative_to(tmp_path) for path in tmp_path.rglob("scores.json"))
    assert len(folders) == 2


def test_the_notebook_of_the_docs_runs_on_drawn_images(tmp_path):
    notebook = jupytext.read(DOCS / "lab.py")
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    source = {"class_path": "cifar_lightning.DrawnShapes", "init_args": {"num_train": 20, "num_test": 6}}
    few = {"trainer.max_epochs": 2, "data.source": source, "data.classes": ["circle", "star", "cross"]}
    parameters.source = f"settings = {few}"
    for cell in notebook.cells:
        cell.source = cell.source.replace(
            '{"seeds": 3,', '{"seeds": 1, "only": ["maxpool", "avgpool"], "engine": "serial",'
        )
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    assert len(list(tmp_path.rglob("scores.json"))) == 3
    (shown,) = [cell.outputs[0] for cell in notebook.cells if cell.source.endswith("\ncomparison")]
    assert "too few runs" in shown["data"]["text/html"]


def test_the_notebook_is_made_from_its_source_and_has_no_outputs():
    kept, source = nbformat.read(DOCS / "lab.ipynb", as_version=4), jupytext.read(DOCS / "lab.py")
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ]
    assert not any(cell.get("outputs") for cell in kept.cells)
