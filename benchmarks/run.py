"""Time per epoch: `cifar-lightning fit` against a notebook loop, stock Lightning and the machine's own limit.

    python benchmarks/run.py --data_root data --output speed.json

The size is the lab's: 1 500 training images, 300 for validation every epoch, batch size 128. Runs alternate, one at a
time, round after round, since other work on a machine comes and goes. The table gives medians over all epochs but the
first of each run. `fit` is the command itself, with curves, checkpoints and metrics on. The peers (peers.py) run in a
process of their own, which none of our settings reaches.
"""

import argparse
import json
import logging
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import peers
import torch

from cifar_lightning.data import Cifar100
from cifar_lightning.models import backbones
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.models.costs import count_flops

LABELS = {"apple": 0, "forest": 33, "lawn_mower": 41}
NETS = {
    "baseline": backbones.BaselineNet,
    "stride": backbones.StrideNet,
    "maxpool": backbones.MaxPoolNet,
    "avgpool": backbones.AvgPoolNet,
}
NUM_TRAIN = 1500


def fit_seconds(name: str, root: str, num_epochs: int, device: str, folder: str) -> list[float]:
    """The seconds of each epoch of `cifar-lightning fit`, from its curves.csv."""
    arguments = ["fit", "--config", name, "--config", "lab_protocol", f"--trainer.max_epochs={num_epochs}"]
    arguments += [f"--data.source.root={root}", "--data.source.verify_md5=false"]
    arguments += [f"--trainer.accelerator={'gpu' if device == 'cuda' else 'cpu'}"]
    arguments += [f"--trainer.logger.save_dir={folder}"]
    # A process of its own, as users start it: how long torch's threads spin is set before torch is loaded.
    subprocess.run([sys.executable, "-m", "cifar_lightning", *arguments], check=True, stdout=subprocess.DEVNULL)
    run = max(Path(folder, name).iterdir(), key=lambda path: path.stat().st_mtime)
    ends = [float(line.rpartition(",")[2]) for line in (run / "curves.csv").read_text().splitlines()[1:]]
    return [end - start for start, end in zip([0.0, *ends], ends, strict=False)]


def matmul_rate(device: str) -> float:
    """FLOPs per second of torch's own float32 matrix product, 1024 x 1024."""
    a = torch.rand(1024, 1024, device=device)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / statistics.median(times)


def normalized(root: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised float images and labels of the lab's classes, as a notebook prepares them."""
    images = Cifar100(root, verify_md5=False).load(split).keep_classes(tuple(LABELS))  # type: ignore[arg-type]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (peers.MEAN, peers.STD))
    return (images.images / 255 - mean) / std, images.labels


def quiet() -> None:
    """Silences Lightning's tips in the peers' process."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def run(root: str, rounds: int, num_epochs: int, device: str) -> dict[str, dict[str, float]]:
    """Milliseconds per epoch by net: ours, notebook, stock, limit."""
    train, val = normalized(root, "train"), normalized(root, "test")
    times: dict[str, dict[str, list[float]]] = {name: {"ours": [], "notebook": [], "stock": []} for name in NETS}
    rates = []
    few = max(2, num_epochs // 4)
    spawn = get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, spawn, quiet) as others,
    ):
        for _ in range(rounds):
            for name in NETS:
                mine = times[name]
                mine["ours"] += fit_seconds(name, root, num_epochs, device, folder)[1:]
                loop = others.submit(peers.notebook_loop, name, train, val, len(LABELS), num_epochs, device)
                mine["notebook"] += loop.result()[1:]
                stock = others.submit(peers.stock_lightning, name, root, list(LABELS.values()), few, device, folder)
                mine["stock"] += stock.result()[1:]
                rates.append(others.submit(matmul_rate, device).result())
    rate = statistics.median(rates)
    table = {}
    for name, net in NETS.items():
        row = {peer: 1000 * statistics.median(seconds) for peer, seconds in times[name].items()}
        flops = count_flops(ImageClassifier(net(), list(LABELS))) * NUM_TRAIN
        row["limit"] = 1000 * flops / rate
        table[name] = row
    return table


def print_table(table: dict[str, dict[str, float]]) -> None:
    """Prints the table as Markdown."""
    print(
        "| ms per epoch | ours | notebook loop | stock Lightning | FLOPs at matmul rate | loop / ours | stock / ours |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, row in table.items():
        ours = row["ours"]
        print(
            f"| {name} | {ours:.0f} | {row['notebook']:.0f} | {row['stock']:.0f} | {row['limit']:.0f}"
            f" | {row['notebook'] / ours:.2f} | {row['stock'] / ours:.2f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", default="data", help="folder of cifar-100-python")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each run")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    results = run(options.data_root, options.rounds, options.epochs, options.device)
    print_table(results)
    if options.output:
        machine = (
            torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or platform.machine()
        )
        about = {"device": machine, "threads": torch.get_num_threads(), "torch": torch.__version__}
        options.output.write_text(json.dumps({"about": about, "milliseconds": results}, indent=1) + "\n")
