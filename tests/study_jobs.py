"""What the workers of an engine do in its tests; in a module of its own, so that a process can find it by name."""

import os
import signal
from pathlib import Path


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
