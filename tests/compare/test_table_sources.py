"""Tables of predictions from files and from other libraries."""

import sys

import numpy as np
import pytest

from cifar_lightning.compare.prediction_table import read_table
from cifar_lightning.compare.table_sources import is_table, is_table_file, output_folder

MODELS, EXAMPLES, VALUES = ["a", "a", "b", "b"], ["x", "y", "x", "y"], [1.0, 0.0, 0.25, 1.0]
TEXT = "model,example,value\na,x,1\na,y,0\nb,x,0.25\nb,y,1\n"


def values_of(table):
    return {name: [run.values.tolist() for run in runs] for name, runs in table.models.items()}


EXPECTED = {"a": [[1, 0]], "b": [[0.25, 1]]}


def test_a_csv_file_of_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode() + b"\r\n")
    assert values_of(read_table(path, False)) == EXPECTED
    assert values_of(read_table(str(path), False)) == EXPECTED


def test_a_table_of_pandas_is_read():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"value": VALUES, "example": EXAMPLES, "model": MODELS, "more": 0})
    assert values_of(read_table(frame, False)) == EXPECTED


def test_a_structured_array_of_numpy_is_read():
    array = np.array(
        list(zip(MODELS, EXAMPLES, VALUES, strict=True)), [("model", "U9"), ("example", "U9"), ("value", "f4")]
    )
    assert values_of(read_table(array, False)) == EXPECTED


def test_a_table_of_arrow_and_a_parquet_file_are_read(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"model": pyarrow.array(MODELS).dictionary_encode(), "example": EXAMPLES, "value": VALUES})
    parquet.write_table(table, tmp_path / "predictions.parquet")
    assert values_of(read_table(table, False)) == EXPECTED
    assert values_of(read_table(tmp_path / "predictions.parquet", False)) == EXPECTED
    (tmp_path / "none.parquet").write_text(TEXT)
    with pytest.raises(ValueError, match=r"none\.parquet is none"):
        read_table(tmp_path / "none.parquet", False)


def test_without_pyarrow_a_parquet_file_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match="pip install pyarrow"):
        read_table(tmp_path / "predictions.parquet", False)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"model,example,value\na,x,1\na,y\n", "expected 3 cells in every row, as in the header, got 2 in line 3 of "),
        (b"model,example,value\na,x,1\na,y,yes\n", "expected a number as value, got 'yes' in line 3 of "),
        (b"model,example,value\na,x,1\n,y,1\n", "expected a model in every row, got none in line 3 of "),
        (b"", "model is not among"),
        (b"model,example,value\n\xff\xfe,x,1\n", "expected a CSV file in UTF-8"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path, content, part):
    path = tmp_path / "predictions.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"predictions\.csv") as raised:
        read_table(path, False)
    assert part in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        read_table(tmp_path / "predictions.csv", False)


def test_tables_are_told_from_run_folders(tmp_path):
    assert is_table_file("runs/Predictions.CSV")
    assert is_table({"model": []})
    assert not is_table(tmp_path)
    assert not is_table([tmp_path])
    assert output_folder(tmp_path / "predictions.csv") == tmp_path / "predictions"
    assert output_folder(tmp_path) == tmp_path
