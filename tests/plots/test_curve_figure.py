"""The figure of a run's curves."""

import pytest
from checks import size_of

from cifar_lightning.plots.curve_figure import draw_curves
from cifar_lightning.runs.curves import Curves

HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n"


@pytest.mark.parametrize(
    "rows",
    [
        ["0,0.9,0.5,0.8,0.6,1", "1,0.4,0.8,0.5,0.7,2", "2,0.1,1.0,0.9,0.7,3"],
        ["0,0.9,0.5,0.8,0.6,1"],
        ["0,0.9,0.5,,,1", "1,0.4,0.8,,,2"],
        ["0,0.9,0.5,,,1", "1,0.4,0.8,0.5,0.7,2"],
        ["0,0.9,0.5,0.8,0.6,1", "1,nan,0.3,nan,0.3,2"],
    ],
    ids=["rising", "one epoch", "no validation", "validation begins late", "blown up"],
)
def test_curves_of_any_run_fill_a_slide(tmp_path, rows):
    draw_curves(
        tmp_path / "curves.png",
        "avgpool, seed 3",
        Curves.parse(HEADER + "\n".join(rows)),
        val_name="test (lab protocol)",
    )
    assert size_of(tmp_path / "curves.png") == (1596, 780)
