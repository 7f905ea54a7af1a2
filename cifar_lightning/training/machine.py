"""Settings of the process for a net that is trained on the CPU."""

import contextlib
import ctypes
import os
import platform
from pathlib import Path

import torch

# Constants of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def num_cores() -> int:
    """The processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    # What Slurm has granted, where it does not enforce that.
    return min(cores, int(os.environ.get("SLURM_CPUS_PER_TASK", cores)))


def processor_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def use_threads(num_threads: int) -> None:
    """Makes torch compute with `num_threads` threads, and keep the memory that it frees.

    By default glibc maps every tensor as large as a batch's images (12 MB) anew, and the system clears its pages one by
    one: a third to a half of the time of a step of the pooled nets.
    """
    torch.set_num_threads(num_threads)
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * 1024**2)  # the most that glibc takes
        mallopt(_M_TRIM_THRESHOLD, 1024**3)
