"""Time per epoch and peak memory of `cifar-lightning fit`, for 300 to 50 000 training images.

    python benchmarks/growth.py --data_root data --output docs/growth.json --figure docs/growth.png

Each size takes more of CIFAR-100's classes, up to all 100, and is fitted in a process of its own, with curves,
checkpoints and metrics on.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

# (training images, classes, val_fraction): 500 images per class, less what is held out.
SIZES = [(300, 2, 0.7), (1500, 3, 0.0), (5000, 10, 0.0), (15000, 30, 0.0), (30000, 60, 0.0), (50000, 100, 0.0)]


def measure(num_classes: int, val_fraction: float, root: str, config: str, num_epochs: int) -> tuple[float, float]:
    """Fits once; returns the median seconds per epoch and the peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["fit", "--config", config, f"--data.classes={list(range(num_classes))}"]
        arguments += [f"--data.val_fraction={val_fraction}", f"--trainer.max_epochs={num_epochs}"]
        arguments += [f"--data.source.root={root}", "--data.source.verify_md5=false"]
        arguments += [f"--trainer.logger.save_dir={folder}"]
        pid = os.posix_spawn(sys.executable, [sys.executable, "-m", "cifar_lightning", *arguments], os.environ)
        _, status, usage = os.wait4(pid, 0)
        assert status == 0
        lines = Path(folder, config, "version_0", "curves.csv").read_text().splitlines()[1:]
        ends = [float(line.rpartition(",")[2]) for line in lines]
        seconds = [end - start for start, end in itertools.pairwise(ends)]
        return statistics.median(seconds), usage.ru_maxrss / 1024


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draws two panels: seconds per epoch and peak memory against the number of images."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    images = [row["images"] for row in rows]
    for axis, key, label in zip(axes, ("seconds", "megabytes"), ("seconds per epoch", "peak memory, MB"), strict=True):
        axis.plot(images, [row[key] for row in rows], "o-")
        axis.set(xlabel="training images", ylabel=label, ylim=(0, 1.08 * max(row[key] for row in rows)))
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", default="data", help="folder of cifar-100-python")
    parser.add_argument("--config", default="avgpool")
    parser.add_argument("--epochs", type=int, default=6, help="epochs of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each size; medians are shown")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    table = []
    for num_images, num_classes, share in SIZES:
        fit = (num_classes, share, options.data_root, options.config, options.epochs)
        seconds, megabytes = map(statistics.median, zip(*(measure(*fit) for _ in range(options.rounds)), strict=True))
        table.append({"images": num_images, "classes": num_classes, "seconds": seconds, "megabytes": megabytes})
        per_thousand = 1e6 * seconds / num_images
        print(f"{num_images:>6} images: {seconds:.3f} s per epoch, {per_thousand:.0f} ms per 1 000; {megabytes:.0f} MB")
    if options.output:
        options.output.write_text(json.dumps(table, indent=1) + "\n")
    if options.figure:
        draw(table, options.figure)
