"""Several nets of one kind, trained as one net."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cifar_lightning.models.classifier import ImageClassifier

# They work weight by weight: nets that share one of them do not touch each other.
_OPTIMIZERS = (
    *(torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Adamax),
    *(torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.Adadelta),
)
# One number for all weights of a tensor, which is the same in every net.
_SHARED_STATE = ("step", "mu_product")
_BATCH_STATISTICS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)
_DRAWING = (nn.modules.dropout._DropoutNd, nn.RReLU)


class NetStack:
    """Several classifiers of one architecture, run as one; each keeps its own weights.

    Args:
        models: S classifiers that differ in their weights alone; the first is used to run all.
        device: where the stack is.

    Attributes:
        parameters: by name, a leaf of shape (S, ...) for each parameter of a net.
    """

    def __init__(self, models: Sequence[ImageClassifier], device: torch.device) -> None:
        self._net = models[0]
        named = [dict(model.named_parameters()) for model in models]
        self.parameters = {
            name: torch.stack([one[name].detach() for one in named]).to(device).requires_grad_(parameter.requires_grad)
            for name, parameter in named[0].items()
        }
        # Those of the normalisation are the same in all.
        buffers = [dict(model.named_buffers()) for model in models]
        self._buffers, self._buffer_dims = {}, {}
        for name, first in buffers[0].items():
            values = [one[name] for one in buffers]
            is_shared = all(torch.equal(first, value) for value in values)
            self._buffers[name] = (first if is_shared else torch.stack(values)).to(device)
            self._buffer_dims[name] = None if is_shared else 0

    def __call__(self, images: Tensor) -> Tensor:
        """Maps `images`, uint8 (S, N, 3, H, W), each net's own, to logits, float32 (S, N, num_outputs)."""

        def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
            logits: Tensor = functional_call(self._net, (parameters, buffers), (images,))
            return logits

        stacked: Tensor = vmap(forward, in_dims=(0, self._buffer_dims, 0))(self.parameters, self._buffers, images)
        return stacked

    def train(self, mode: bool) -> None:
        """Switches all nets to training or to evaluation."""
        self._net.train(mode)


def unstack_state(state: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The state of one net's optimiser, from that of the optimiser of the whole stack."""
    return {
        "state": {
            number: {name: _take(name, value, place) for name, value in values.items()}
            for number, values in state["state"].items()
        },
        "param_groups": state["param_groups"],
    }


def _take(name: str, value: Any, place: int) -> Any:
    return value[place] if isinstance(value, Tensor) and name not in _SHARED_STATE else value


def stack_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of the optimiser of a whole stack, from those of each net's."""
    first = states[0]
    return {
        "state": {
            number: {
                name: torch.stack([one["state"][number][name] for one in states])
                if isinstance(value, Tensor) and name not in _SHARED_STATE
                else value
                for name, value in values.items()
            }
            for number, values in first["state"].items()
        },
        "param_groups": first["param_groups"],
    }


def find_obstacle(model: ImageClassifier) -> str | None:
    """What keeps seeds of this classifier from being trained as one net; None if nothing does."""
    for module in model.backbone.modules():
        name = type(module).__name__
        if isinstance(module, _BATCH_STATISTICS) and module.track_running_stats:
            return f"{name}, which keeps statistics of the images"
        if isinstance(module, _DRAWING):
            return f"{name}, which draws anew for each net"
    optimizer = model.optimizer_factory(model.parameters())
    if type(optimizer) not in _OPTIMIZERS:
        return f"the optimiser {type(optimizer).__name__}, which is not known to work weight by weight"
    if model.scheduler_factory and isinstance(model.scheduler_factory(optimizer), ReduceLROnPlateau):
        return "the scheduler ReduceLROnPlateau, which follows the loss of one net"
    try:
        NetStack([model, model], torch.device("cpu"))(_black_images(model, 2, 2)).sum().backward()
    except RuntimeError as error:
        return f"a net that torch.func.vmap cannot run ({str(error).splitlines()[0]})"
    return None


def count_bytes(model: ImageClassifier, batch_size: int) -> int:
    """About the memory, in bytes, that a step of one net takes in a stack."""
    saved: dict[int, int] = {}

    def remember(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
        model(_black_images(model, batch_size))
    # Once more for the gradients, and once for what is copied between two layers.
    return 3 * sum(saved.values())


def _black_images(model: ImageClassifier, *shape: int) -> Tensor:
    return torch.zeros(*shape, *model.mean.shape[1:], dtype=torch.uint8)
