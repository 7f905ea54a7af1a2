"""What the workers of an engine do in its tests; in a module of its own, so that a process can find it by name."""

import os
import signal
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

from cifar_lightning.runs.disk import write_text
from cifar_lightning.study.engines import Outcome


def leave_a_file(run):
    Path(run.folder, "made").write_text(str(os.getpid()))
    if run.seed == 13:
        raise ValueError("this one fails")


def die_the_first_time(run):
    if run.seed == 1 and not (run.folder / "died").exists():
        Path(run.folder, "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    leave_a_file(run)


def stumble(run):
    if run.seed == 1:
        with Path(run.folder, "tries").open("a") as tries:
            print("tried", file=tries)
        {}["accuracy"]
    leave_a_file(run)


def die_always(run):
    if run.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    leave_a_file(run)


def leave_at_once(run):
    if run.seed == 1:
        os._exit(3)
    leave_a_file(run)


def take_what_is_visible(runs):
    """Makes runs on what they may see of the machine, each job in half a second, and warns of it in a file."""
    time.sleep(0.5)
    for run in runs:
        visible = os.environ["CUDA_VISIBLE_DEVICES"]
        Path(run.folder, "made").write_text(visible)
        Path(run.folder, "warned").write_text(warnings.formatwarning(f"took {visible}", UserWarning, "a.py", 1))
        yield Outcome(run, None)


def count_epochs(run):
    """Plays a fit of `max_epochs`: an epoch each tenth of a second, kept at once, and goes on where it was.

    Where it begins is added to the file that the run's settings name.
    """
    curves, checkpoint = run.folder / "curves.csv", run.folder / "checkpoints/last.ckpt"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    with Path(run.settings["log"]).open("a") as log:
        print(run.seed, done, os.getpid(), file=log)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    for epoch in range(done + 1, run.num_epochs + 1):
        time.sleep(0.1)
        write_text(curves, "epoch\n" + "".join(f"{number}\n" for number in range(1, epoch + 1)))
        write_text(checkpoint, str(epoch))
    (run.folder / "scores.json").touch()


def study_with_ray(address, study, runs):
    """The process of a study whose runs `count_epochs` makes."""
    from cifar_lightning.study.engines import ray

    settings = SimpleNamespace(ray_address=address, folder=study)
    for outcome in ray.make_runs(settings, count_epochs, runs):
        assert outcome.error is None, outcome


def tell_environment(run):
    """Leaves behind what a run finds in its process."""
    threads = os.environ.get("OMP_NUM_THREADS")
    Path(run.folder, "made").write_text(f"{os.getcwd()} {threads} {os.environ.get('CIFAR_LIGHTNING_DATA')}")
