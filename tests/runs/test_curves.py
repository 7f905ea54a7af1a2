"""curves.csv: written and read, with empty cells where there was no value."""

import subprocess
import sys

import numpy as np
import pytest

from cifar_lightning.runs.curves import Curves

HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n"
TEXT = HEADER + "1,0.9,0.6,,,0.5\n2,0.5,0.75,0.4,0.8,1.5\n3,0.4,0.75,0.4,0.8,2.5\n"


def test_an_empty_cell_is_nan_and_nan_an_empty_cell(tmp_path):
    curves = Curves.parse(TEXT)
    assert str(curves.val_loss.tolist()) == "[nan, 0.4, 0.4]"
    curves.write(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == TEXT


def test_columns_are_read_by_their_names():
    curves = Curves.parse(TEXT)
    assert curves["epoch"].tolist() == curves.epochs.tolist() == [1, 2, 3]
    assert np.array_equal(curves["train_loss"], curves.train_loss)


def test_epochs_without_a_value_are_never_the_best():
    assert Curves.parse(TEXT).best == 1
    assert Curves.parse(HEADER + "0,0.9,0.6,,,0.5\n").best is None


def test_a_run_of_no_epoch_has_empty_curves():
    assert len(Curves.parse(HEADER).epochs) == 0


def test_curves_become_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = Curves.parse(TEXT).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame) == HEADER.strip().split(",")


@pytest.mark.parametrize("text", [HEADER + "0,0.5,oops,0.5,0.5,1\n", HEADER + "0,0.5\n", "a,b\n1,2\n", ""])
def test_damaged_curves_are_named(tmp_path, text):
    (tmp_path / "curves.csv").write_text(text)
    with pytest.raises(ValueError, match=r"expected a table of curves, .* but .*curves\.csv is damaged"):
        Curves.read(tmp_path / "curves.csv")


def test_neither_matplotlib_nor_torch_is_imported_before_something_is_drawn():
    code = (
        "import sys; from cifar_lightning.runs import overfitting, run;"
        " from cifar_lightning.plots import confusion, curve_figure, image_sheet, mistakes, reliability;"
        " assert not {'matplotlib', 'torch', 'scipy', 'pandas'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
