"""What tests of several commands look at: what a command said, and whether what it left behind is whole."""

import csv
import re
from pathlib import Path

import torch
from PIL import Image


def assert_one_sentence(outcome, code, *parts):
    """The exit code, and one line on stderr that has all `parts` in it."""
    assert outcome.code == code, (outcome.out, outcome.err)
    (line,) = outcome.err.splitlines()
    assert line.startswith("cifar-lightning: ")
    assert len(line) < 600
    missing = [part for part in parts if part not in line]
    assert not missing, line


def next_command(outcome):
    """The arguments of the last command that was printed for the user to type."""
    *_, line = (line for line in outcome.out.splitlines() if ": cifar-lightning " in line)
    return line.partition(": cifar-lightning ")[2].split()


def commands_of(page, heading):
    """The lines of all bash blocks of a section of a page of the docs, as they are written there."""
    text = (Path(__file__).parent.parent / "docs" / page).read_text()
    section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [line for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


def read_checkpoint(run, name="last.ckpt"):
    return torch.load(run / "checkpoints" / name, weights_only=True)


def read_curves(run):
    """The rows of `curves.csv` but for the seconds, which no two runs share."""
    with (run / "curves.csv").open(newline="") as file:
        return [row[:-1] for row in csv.reader(file)][1:]


def assert_same_weights(run, other, name="last.ckpt"):
    weights, others = (read_checkpoint(folder, name)["state_dict"] for folder in (run, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[key], others[key]) for key in weights)


def assert_same_run(run, other):
    """The same curves and, to the last bit, the same weights and state of the optimiser."""
    assert read_curves(run) == read_curves(other)
    for path in (other / "checkpoints").iterdir():
        assert_same_weights(run, other, path.name)
        ours, theirs = (read_checkpoint(folder, path.name) for folder in (run, other))
        assert ours["epoch"] == theirs["epoch"]
        our_state, their_state = (state["optimizer_states"][0]["state"] for state in (ours, theirs))
        for place, values in their_state.items():
            assert all(torch.equal(our_state[place][key], value) for key, value in values.items())


def contents(folder):
    """The bytes of all files below `folder` but events, which only grow, and what Python compiles."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "events.out" not in path.name and path.suffix != ".pyc"
    }


def assert_all_whole(folder):
    """Every file below `folder` can be read by who reads such files, and no half one was left."""
    for path in folder.rglob("*"):
        assert not path.name.startswith("."), path
        if path.suffix == ".ckpt":
            assert torch.load(path, weights_only=True)["state_dict"]
        elif path.suffix == ".csv":
            with path.open(newline="") as file:
                header, *rows = csv.reader(file)
            # Only near-duplicates there may be none of.
            none = not rows and path.name in ("duplicates.csv", "groups.csv")
            assert none or {len(row) for row in rows} == {len(header)}
        elif path.suffix == ".png":
            Image.open(path).load()


def size_of(path):
    """Width and height in pixels of a whole PNG file."""
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


def assert_accessible(page):
    """axe finds nothing on a browser's page, and nothing is wider than the screen: light and dark, small and large."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        for width in (390, 1280):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            violations = Axe().run(page).response["violations"]
            assert [(violation["id"], [node["html"] for node in violation["nodes"]]) for violation in violations] == []
            assert page.evaluate("document.documentElement.scrollWidth") == width
