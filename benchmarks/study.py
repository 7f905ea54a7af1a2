"""A whole study by each engine against the same study by the first one.

    python benchmarks/study.py --data_root data --seeds 2 --epochs 100 --rounds 3
    python benchmarks/study.py --data_root data --seeds 4 --epochs 5 --engines processes ray
    python benchmarks/study.py --data_root data --seeds 10 --engines serial stacked --device cuda

The study has four nets in the lab's protocol. The time includes everything: the start of the command and its workers,
data, fits, and tests with their figures. `serial` gives all cores to each run; `processes` and `ray` run one fit on
each core; `stacked` trains the seeds of a net as one. The engines take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def study_seconds(engine: str, options: argparse.Namespace) -> float:
    """Times one study, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "cifar_lightning", "study", "--config", "study", "--engine", engine, "--save_dir", folder]
        words += ["--seeds", str(options.seeds), "--max_epochs", str(options.epochs)]
        words += [f"--data.source.root={options.data_root.absolute()}", "--data.source.verify_md5=false"]
        words += [f"--trainer.accelerator={options.device}"]
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="folder of cifar-100-python")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100, help="epochs of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--engines", nargs="+", default=["serial", "processes"], help="the others are compared with the first"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    times: dict[str, list[float]] = {engine: [] for engine in options.engines}
    for _ in range(options.rounds):
        for engine, seconds in times.items():
            seconds.append(study_seconds(engine, options))
    medians = {engine: statistics.median(seconds) for engine, seconds in times.items()}
    print("| engine | seconds, median | each round |")
    print("|---|---|---|")
    for engine, seconds in times.items():
        print(f"| {engine} | {medians[engine]:.0f} | {', '.join(f'{value:.0f}' for value in seconds)} |")
    first, *others = options.engines
    for engine in others:
        print(f"\n{first} / {engine}: {medians[first] / medians[engine]:.2f}")
    if options.output:
        about = {"seeds": options.seeds, "epochs": options.epochs, "device": options.device}
        options.output.write_text(json.dumps({"about": about, "seconds": times}, indent=1) + "\n")
