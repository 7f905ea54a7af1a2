"""A whole study by each engine, against the same study by the first one.

    python benchmarks/study.py --data_root data --seeds 2 --epochs 100 --rounds 3
    python benchmarks/study.py --data_root data --seeds 1 2 4 --epochs 5 --engines serial notebook processes ray stacked
    python benchmarks/study.py --data_root data --seeds 10 --epochs 500 --engines serial notebook stacked --device cuda

The study has four nets in the lab's protocol. The time includes everything: the start of the command and its workers,
data, fits, and tests with their figures. `serial` gives all cores to each run; `processes` and `ray` run one fit on
each core; `stacked` trains the seeds of a net as one. `notebook` is no engine: the loop that people write (peers.py),
one net after another, which tests nothing and writes no files; its imports are not counted. They take turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NETS = ("baseline", "stride", "maxpool", "avgpool")
NOTEBOOK = "notebook"


def study_seconds(engine: str, num_seeds: int, options: argparse.Namespace) -> float:
    """Times one study, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        if engine == NOTEBOOK:
            words = [__file__, "--only_notebook", f"--data_root={options.data_root}", f"--device={options.device}"]
            words += [f"--seeds={num_seeds}", f"--epochs={options.epochs}"]
            return float(subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE).stdout)
        words = ["-m", "cifar_lightning", "study", "--config", "study", "--engine", engine, "--save_dir", folder]
        words += [f"--seeds={num_seeds}", f"--max_epochs={options.epochs}"]
        words += [f"--data.source.root={options.data_root.absolute()}", "--data.source.verify_md5=false"]
        words += [f"--trainer.accelerator={options.device}"]
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def train_in_notebook(options: argparse.Namespace) -> float:
    """Trains the study's nets as a notebook does; returns the seconds."""
    import peers
    from run import LABELS, normalized

    start = time.perf_counter()
    train, val = normalized(options.data_root, "train"), normalized(options.data_root, "test")
    for name in NETS:
        for _ in range(options.seeds[0]):
            peers.notebook_loop(name, train, val, len(LABELS), options.epochs, options.device)
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="folder of cifar-100-python")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2], help="seeds of each net; several are timed apart")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--engines", nargs="+", default=["serial", "processes"], help="the others are compared with the first"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--only_notebook", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_notebook:
        print(train_in_notebook(options))
        sys.exit()
    times: dict[int, dict[str, list[float]]] = {
        num_seeds: {engine: [] for engine in options.engines} for num_seeds in options.seeds
    }
    for _ in range(options.rounds):
        for num_seeds, by_engine in times.items():
            for engine, seconds in by_engine.items():
                seconds.append(study_seconds(engine, num_seeds, options))
    print(f"| seeds | engine | seconds, median | each round | runs per minute | {options.engines[0]} / engine |")
    print("|---|---|---|---|---|---|")
    for num_seeds, by_engine in times.items():
        medians = {engine: statistics.median(seconds) for engine, seconds in by_engine.items()}
        for engine, median in medians.items():
            rounds = ", ".join(f"{value:.0f}" for value in by_engine[engine])
            speed = 60 * len(NETS) * num_seeds / median
            ratio = medians[options.engines[0]] / median
            print(f"| {num_seeds} | {engine} | {median:.0f} | {rounds} | {speed:.1f} | {ratio:.2f} |")
    if options.output:
        about = {"epochs": options.epochs, "device": options.device}
        options.output.write_text(json.dumps({"about": about, "seconds": times}, indent=1) + "\n")
