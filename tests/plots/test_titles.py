"""Every figure of a run folder says which net it is about."""

from types import SimpleNamespace

import numpy as np
import torch
from simulated_runs import NAMES, write_run

from cifar_lightning.data import LabelledImages
from cifar_lightning.plots import kit
from cifar_lightning.runs.run import load_run
from cifar_lightning.runs.scores import Scores
from cifar_lightning.training.scoring import draw_figures


def test_figures_of_a_run_name_strategy_and_seed(tmp_path, monkeypatch):
    titles = {}
    monkeypatch.setattr(kit, "save_figure", lambda figure, path: titles.update({path.name: figure.get_suptitle()}))
    right = np.arange(30) % 5 != 0
    run = write_run(tmp_path / "run", "avgpool", 3, right)
    images = LabelledImages(
        torch.zeros(30, 3, 32, 32, dtype=torch.uint8), torch.arange(30) // 10, tuple(NAMES), torch.arange(30)
    )
    scores = Scores.read(run / "scores.json")
    data = SimpleNamespace(test=images, validate_on_test=True)
    draw_figures(run, load_run(run).predictions("test"), scores, data)
    assert set(titles) == {"mistakes.png", "confusion.png", "reliability.png", "curves.png"}
    assert {title.splitlines()[0] for title in titles.values()} == {"avgpool, seed 3"}
    assert titles["mistakes.png"].splitlines()[1].startswith("6 of 30 images wrong")
