"""Cores and threads of the process."""

import os

import pytest
import torch

from cifar_lightning.training.machine import num_cores, use_threads


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to cores")
def test_the_cores_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    assert num_cores() == len(before)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert num_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_torch_computes_with_the_threads_that_were_asked_for():
    before = torch.get_num_threads()
    use_threads(before + 1)
    assert torch.get_num_threads() == before + 1
    use_threads(before)
