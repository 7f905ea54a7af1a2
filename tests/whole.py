"""Whether the files of a stopped command are whole."""

import csv

import torch
from PIL import Image


def assert_all_whole(folder):
    """Every file below `folder` can be read by who reads such files, and no half one was left."""
    for path in folder.rglob("*"):
        assert not path.name.startswith("."), path
        if path.suffix == ".ckpt":
            assert torch.load(path, weights_only=True)["state_dict"]
        elif path.suffix == ".csv":
            with path.open(newline="") as file:
                header, *rows = csv.reader(file)
            # Only near copies there may be none of.
            assert {len(row) for row in rows} == {len(header)} or (path.name == "duplicates.csv" and not rows)
        elif path.suffix == ".png":
            Image.open(path).load()
