"""How much time and memory `compare` takes, on 12 and on many simulated run folders, and on a large table.

    python benchmarks/compare.py --seeds 100

Each run has 300 test and 1 500 training images of three classes, all probes, and curves of 500 epochs. Every command is
timed from the start of its process to its end: up to the table, and with figures and page. The CSV table has 20 models,
5 seeds and 10 000 examples, a million rows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from simulated_runs import write_study

ACCURACIES = {"maxpool": 0.94, "avgpool": 0.91, "stride": 0.895, "baseline": 0.895}
# Prints the table, without figures and page.
TABLE = """
from cifar_lightning.compare.api import compare
from cifar_lightning.compare.terminal import print_comparison
print_comparison(compare({folder!r}))
"""


def measure(*command: str) -> tuple[float, float, float]:
    """Seconds from the start of one Python process to its end, seconds of the processor, and GB of memory at most."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    # Linux counts memory in kilobytes.
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def write_table(path: Path, num_models: int, num_seeds: int, num_examples: int) -> None:
    """Writes right and wrong answers of models that are equally good, examples equally hard for all of them."""
    generator = np.random.default_rng(0)
    chances = 1 / (1 + np.exp(-1 - generator.normal(0, 2, num_examples)))
    with path.open("w") as file:
        file.write("model,seed,example,value\n")
        for model in range(num_models):
            for seed in range(num_seeds):
                right = generator.random(num_examples) < chances
                file.writelines(
                    f"model_{model},{seed},question_{row},{int(is_right)}\n" for row, is_right in enumerate(right)
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each of the four strategies")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        for root, seeds in ((few, 3), (many, options.seeds)):
            write_study(root, ACCURACIES, seeds, train=np.ones(1500, bool), epochs=500)
        table = Path(folder) / "predictions.csv"
        write_table(table, 20, 5, 10_000)
        package = ("-m", "cifar_lightning", "compare")
        commands = {
            "compare --help": (*package, "--help"),
            "12 runs, to the table": ("-c", TABLE.format(folder=str(few))),
            "12 runs, figures and page too": (*package, str(few)),
            f"{4 * options.seeds} runs, to the table": ("-c", TABLE.format(folder=str(many))),
            f"{4 * options.seeds} runs, figures and page too": (*package, str(many)),
            "a table of a million rows": (*package, str(table)),
        }
        for name, command in commands.items():
            seconds, busy, memory = zip(*[measure(*command) for _ in range(options.rounds)], strict=True)
            print(f"{name:<32}{median(seconds):6.2f} s ({median(busy):.2f} s of the processor), {max(memory):.2f} GB")
