"""A step on a GPU as one CUDA graph; where there is none, a stand-in for it says what becomes of its answers."""

from types import SimpleNamespace

import pytest
import torch

from cifar_lightning.training import step_graph

ON_GPU = SimpleNamespace(is_cuda=True)


def compute(places):
    return torch.tensor([1.0, 2.0]), None


def record_as(monkeypatch, graph):
    monkeypatch.setattr(step_graph, "StepGraph", lambda compute, places: graph())
    return step_graph.record(compute, ON_GPU)


def test_without_a_gpu_nothing_is_recorded():
    assert step_graph.record(compute, torch.zeros(1)) is compute


def test_a_graph_that_gives_the_same_is_taken(monkeypatch):
    def replay(places):
        return torch.tensor([1.0, 2.00001]), None

    assert record_as(monkeypatch, lambda: replay) is replay


@pytest.mark.parametrize("outputs", [(torch.tensor([1.0, 2.1]), None), (None, None)], ids=["other", "missing"])
def test_a_graph_that_gives_other_numbers_is_not_taken(monkeypatch, outputs):
    with pytest.warns(UserWarning, match="gives other numbers as a CUDA graph"):
        assert record_as(monkeypatch, lambda: lambda places: outputs) is compute


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is(monkeypatch):
    def refuse():
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    with pytest.warns(UserWarning, match=r"cannot be recorded .operation not permitted. as a CUDA graph"):
        assert record_as(monkeypatch, refuse) is compute


def test_too_little_memory_for_a_graph_is_too_little_memory(monkeypatch):
    def refuse():
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        record_as(monkeypatch, refuse)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_graph_follows_what_it_reads():
    places, weights = torch.arange(3, device="cuda"), torch.ones(3, device="cuda")
    graph = step_graph.record(lambda places: (places * weights,), places)
    assert isinstance(graph, step_graph.StepGraph)
    weights.mul_(2)
    assert graph(places + 1)[0].tolist() == [2.0, 4.0, 6.0]
