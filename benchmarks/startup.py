"""How long commands take to start, compared with `import lightning.pytorch`.

    python benchmarks/startup.py --data_root data

Each command runs in a process of its own. The commands alternate, and the table gives medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

FIRST_STEP = """
import os
from cifar_lightning.cli.main import main
from cifar_lightning.models.classifier import ImageClassifier
ImageClassifier.training_step = lambda *_: os._exit(0)
main({arguments})
"""


def seconds(*command: str) -> float:
    """Times one process from its start to its end, in seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", default="data", help="folder of cifar-100-python")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = [f"--data.source.root={options.data_root}", "--data.source.verify_md5=false"]
    package = ("-m", "cifar_lightning")
    with tempfile.TemporaryDirectory() as folder:
        save = f"--trainer.logger.save_dir={folder}"
        fit = ["fit", "--config", "avgpool", *data, save]
        one_epoch = ["--trainer.max_epochs=1", "--trainer.logger.name=one"]
        subprocess.run([sys.executable, *package, *fit, *one_epoch], check=True, stdout=subprocess.DEVNULL)
        run = f"{folder}/one/version_0"
        commands = {
            "import lightning.pytorch": ("-c", "import os, lightning.pytorch; os._exit(0)"),
            "the same, and a regular exit": ("-c", "import lightning.pytorch"),
            "--help": (*package, "--help"),
            "configs": (*package, "configs"),
            "an unknown command": (*package, "fti"),
            "a config that does not exist": (*package, "fit", "--config", "nope"),
            "a wrong key": (*package, *fit, "--trainer.max_epoch=1"),
            "fit, to its first step": ("-c", FIRST_STEP.format(arguments=json.dumps(fit))),
            "fit of one epoch": (*package, *fit, *one_epoch),
            "test": (*package, "test", "--ckpt_path", run),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(seconds(*command))
    imports = statistics.median(times["import lightning.pytorch"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:<30}{median:6.2f} s{median / imports:8.2f} x import lightning.pytorch")
