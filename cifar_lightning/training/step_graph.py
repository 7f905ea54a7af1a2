"""A step on a GPU as one CUDA graph: small nets wait for the launches of their kernels. Not measured on a GPU yet."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

# Maps places in the data to the outputs of a step, some of which may not be there.
Compute = Callable[[Tensor], tuple[Tensor | None, ...]]


class StepGraph:
    """The kernels of `compute`, recorded once, and launched together on places of the same shape.

    The outputs stay where they are: each call replaces those of the call before.
    """

    def __init__(self, compute: Compute, places: Tensor) -> None:
        self._places = places.clone()
        # torch needs a few warm-up steps on a side stream first.
        side = torch.cuda.Stream(places.device)
        side.wait_stream(torch.cuda.current_stream(places.device))
        with torch.cuda.stream(side):
            for _ in range(3):
                compute(self._places)
        torch.cuda.current_stream(places.device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = compute(self._places)

    def __call__(self, places: Tensor) -> tuple[Tensor | None, ...]:
        self._places.copy_(places)
        self._graph.replay()
        return self._outputs


def record(compute: Compute, places: Tensor) -> Compute:
    """`compute` as a CUDA graph if `places` is on a GPU, and the graph gives what `compute` gives; else `compute`."""
    if not places.is_cuda:
        return compute
    try:
        graph = StepGraph(compute, places)
        if all(map(_are_close, graph(places), compute(places))):
            return graph
        said = "gives other numbers"
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        said = f"cannot be recorded ({str(error).splitlines()[0]})"
    warnings.warn(f"a step of this net {said} as a CUDA graph; its kernels are launched one by one", stacklevel=2)
    return compute


def _are_close(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)
