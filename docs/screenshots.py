"""Makes the images in the docs: of the terminal and TensorBoard, and those of `explain` and `plan`.

    pip install playwright 'cifar-lightning[explain]'
    python docs/screenshots.py lightning_logs/study

takes the runs of the lab's study, and the Chromium that is on the path.
"""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

import cifar_lightning as cl

DOCS = Path(__file__).parent
PORT = 6017
NETS = ("avgpool", "baseline", "maxpool", "stride")


def draw_terminal(command: list[str], width: int = 80) -> None:
    """Runs a command in a terminal of its own, and draws what is left on it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS=str(width), TERM="xterm-256color")
        os.execvp(command[0], command)
    output = b""
    while chunk := _read(terminal):
        output += chunk
    # Of a line that was written anew, the last state.
    lines = [re.split(r"\r?\x1b\[2K|\r(?!$)", line)[-1] for line in output.decode().split("\n")]
    text = re.sub(r"\x1b\[\?25[lh]|\r", "", "\n".join(lines))
    console = Console(record=True, width=width, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text("$ " + " ".join(command)))
    # With an empty line, or the underscores of the last one are cut off.
    console.print(Text.from_ansi(text.rstrip() + "\n"))
    console.save_svg(str(DOCS / "terminal.svg"), title="a first fit")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # So Linux says that the other end is closed.
        return b""


def draw_tensorboard(study: Path) -> None:
    """Draws one run of each net, and the means over all seeds."""
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, "lightning_logs")
        for net in NETS:
            shutil.copytree(study / net / "seed_0", logs / "study" / net / "seed_0")
        shutil.copytree(study / "_mean", logs / "study/_mean")
        server = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", "lightning_logs", "--port", str(PORT)],
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
                page = browser.new_page(viewport={"width": 1280, "height": 620})
                _show_runs(page)
                page.screenshot(path=DOCS / "tensorboard.png")
                page.set_viewport_size({"width": 1100, "height": 760})
                _show_means(page)
                page.screenshot(path=DOCS / "tensorboard_means.png")
        finally:
            server.terminate()


def _wait() -> None:
    for _ in range(100):
        try:
            urlopen(f"http://localhost:{PORT}/").close()
            return
        except OSError:
            time.sleep(0.3)


def _show_runs(page: Page) -> None:
    pinned = json.dumps([{"plugin": "scalars", "tag": tag} for tag in ("loss", "accuracy")])
    shown = {
        "pinnedCards": pinned,
        "smoothing": "0",
        "runFilter": "train|val",
        "runColorGroup": r"regex:([^/]+)/\w+_\d+",
    }
    page.goto(f"http://localhost:{PORT}/?{urlencode(shown)}#timeseries")
    page.wait_for_timeout(5000)
    page.get_by_role("button", name="Close side pane").or_(page.locator("settings-view button")).first.click()
    page.wait_for_timeout(1500)


def _show_means(page: Page) -> None:
    page.goto(f"http://localhost:{PORT}/#custom_scalars&regexInput=_mean&_smoothingWeight=0")
    page.wait_for_timeout(4000)


def draw_explained(study: Path) -> None:
    """Draws what the lab's max-pooling net looks at, in the first sixteen test images, one class after the other."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(study / "maxpool/seed_0", Path(folder, "run")))
        sheet = np.asarray(Image.open(run / "test_images.png").convert("RGB"))
        labels = cl.load_run(run).predictions("test")["label"]
        places = [np.flatnonzero(labels == name) for name in np.unique(labels)]
        for number, place in enumerate([index for indices in zip(*places, strict=True) for index in indices][:16]):
            row, column = divmod(int(place), 20)
            image = sheet[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            Image.fromarray(image).save(Path(folder, f"{number:02}.png"))
        for path in run.glob("*.png"):
            path.unlink()
        cl.explain(run, folder)
        shutil.copy(run / "explained.png", DOCS)


def draw_plan(study: Path) -> None:
    """Draws the plan that three seeds of each net lead to."""
    pilot = cl.plan([study / net / f"seed_{seed}" for net in NETS for seed in range(3)], difference=3)
    (DOCS / "plan.png").write_bytes(pilot.draw().png)


if __name__ == "__main__":
    draw_terminal(["cifar-lightning", "fit", "--config", "quickstart"])
    draw_tensorboard(Path(sys.argv[1]))
    draw_explained(Path(sys.argv[1]))
    draw_plan(Path(sys.argv[1]))
