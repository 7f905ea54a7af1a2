"""How much time and memory `compare` takes, on 12 and on many simulated run folders.

    python benchmarks/compare.py --seeds 100

Each run has 300 test and 1 500 training images of three classes, all probes, and curves of 500 epochs. Every command is
timed from the start of its process to its end: up to the table, and with figures and page.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def measure(*command: str) -> float:
    """Times one Python process from its start to its end, in seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each of the four strategies")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        for root, seeds in ((few, 3), (many, options.seeds)):
            write_study(root, ACCURACIES, seeds, train=np.ones(1500, bool), epochs=500)
        package = ("-m", "cifar_lightning", "compare")
        commands = {
            "compare --help": (*package, "--help"),
            "12 runs, to the table": ("-c", TABLE.format(folder=str(few))),
            "12 runs, figures and page too": (*package, str(few)),
            f"{4 * options.seeds} runs, to the table": ("-c", TABLE.format(folder=str(many))),
            f"{4 * options.seeds} runs, figures and page too": (*package, str(many)),
        }
        for name, command in commands.items():
            times = [measure(*command) for _ in range(options.rounds)]
            print(f"{name:<32}{sorted(times)[len(times) // 2]:6.2f} s")
    # Linux counts memory in kilobytes.
    print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6:.2f} GB")
