"""Settings of the process for a net that is trained on the CPU."""

import contextlib
import ctypes
import os

import torch

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The system starts no more than some ten thousand threads, and torch cannot say so.
_MOST_THREADS = 1024


def num_cores() -> int:
    """The processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def use_threads(num_threads: int) -> None:
    """Makes torch compute with `num_threads` threads, and keep the memory that it frees.

    Raises:
        ValueError: if there are more than any machine of today could use.
    """
    if num_threads > _MOST_THREADS:
        raise ValueError(f"expected num_threads of at most {_MOST_THREADS}, got {num_threads}; try {num_cores()}")
    torch.set_num_threads(num_threads)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tells glibc to keep freed memory for the next step rather than give it back; elsewhere does nothing.

    The pictures of a batch after the first convolution take 12 MB. By default each such tensor is a new mapping, whose
    pages the system clears one by one: a third to a half of the time of a step of the pooled nets.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * 1024**2)  # the most that glibc takes
        mallopt(_M_TRIM_THRESHOLD, 1024**3)
