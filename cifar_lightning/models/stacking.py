"""Several nets of one kind, run and trained as one net."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from cifar_lightning.models.backbones import FlattenPooled, SeenCrop
from cifar_lightning.models.classifier import ImageClassifier

# Layers that treat every channel alike and by itself: on maps, and on any values.
_ON_MAPS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, SeenCrop)
_ON_VALUES = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity)
# What an optimiser keeps of a whole tensor, which is the same in every net; all else it keeps of each weight.
_SHARED_STATE = ("step", "mu_product")


class NetStack:
    """Several classifiers of one architecture, run as one; each keeps its own weights.

    A CPU runs them in turn, each as it would alone, to the last bit. A GPU runs them together, up to rounding: a chain
    of torch's usual layers layer by layer, with grouped convolutions over the channels of all nets; any other net under
    `torch.func.vmap` (docs/performance.md).

    Args:
        models: S classifiers that differ in their weights alone; the first is used to run all.
        device: where the stack is.

    Attributes:
        parameters: by name, a leaf of shape (S, ...) for each parameter of a net.
    """

    def __init__(self, models: Sequence[ImageClassifier], device: torch.device) -> None:
        self._net = models[0]
        self._layers = list_layers(models[0].backbone)
        named = [dict(model.named_parameters()) for model in models]
        self.parameters = {
            name: torch.stack([one[name].detach() for one in named]).to(device).requires_grad_(parameter.requires_grad)
            for name, parameter in named[0].items()
        }
        self._buffers: dict[str, Tensor] = {}
        self._buffer_dims: dict[str, int | None] = {}
        for name, first in models[0].named_buffers():
            values = [model.get_buffer(name) for model in models]
            are_same = all(torch.equal(first, value) for value in values)
            self._buffers[name] = (first if are_same else torch.stack(values)).to(device)
            self._buffer_dims[name] = None if are_same else 0

    def __call__(self, images: Tensor) -> Tensor:
        """Maps `images`, uint8 (S, N, 3, H, W), each net's own, to logits, float32 (S, N, num_outputs)."""
        return self.run_in_turn(images) if images.device.type == "cpu" else self.run_together(images)

    def run_in_turn(self, images: Tensor) -> Tensor:
        """As a call: one net after another."""
        # Unbound at once: the gradient of an index is as large as the whole.
        parameters = {name: stacked.unbind() for name, stacked in self.parameters.items()}
        logits = []
        for place, own in enumerate(images):
            net = {name: rows[place] for name, rows in parameters.items()}
            for name, buffer in self._buffers.items():
                net[name] = buffer if self._buffer_dims[name] is None else buffer[place]
            logits.append(functional_call(self._net, net, (own,)))
        return torch.stack(logits)

    def run_together(self, images: Tensor) -> Tensor:
        """As a call: all nets at a time."""
        if self._layers is not None:
            return self._run_layers(images, self._layers)

        def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
            logits: Tensor = functional_call(self._net, (parameters, buffers), (images,))
            return logits

        logits: Tensor = vmap(forward, in_dims=(0, self._buffer_dims, 0))(self.parameters, self._buffers, images)
        return logits

    def _run_layers(self, images: Tensor, layers: Mapping[str, nn.Module]) -> Tensor:
        num_nets, num_images = images.shape[:2]
        pixels = images.permute(1, 3, 4, 0, 2).contiguous()
        mean, std = (self._buffers[name].permute(0, 2, 3, 1).unsqueeze(3) for name in ("mean", "std"))
        # (N, H, W, S, 3); from here on maps are (N, S C, H, W), and features (S, N, F).
        values = (pixels - mean).div_(std).flatten(3).permute(0, 3, 1, 2)
        for name, layer in layers.items():
            if isinstance(layer, nn.Conv2d):
                weight, bias = self._weights_of(name)
                weight = weight.flatten(0, 1).contiguous(memory_format=torch.channels_last)
                bias = None if bias is None else bias.flatten()
                groups = num_nets * layer.groups
                values = functional.conv2d(values, weight, bias, layer.stride, layer.padding, layer.dilation, groups)
            elif isinstance(layer, nn.Flatten):
                values = values.reshape(num_images, num_nets, -1).transpose(0, 1)
            elif isinstance(layer, nn.Linear):
                values = self._run_linear(name, values)
            else:
                values = layer(values)
        return self._run_linear("head", values)

    def _run_linear(self, name: str, features: Tensor) -> Tensor:
        weight, bias = self._weights_of(name)
        product = features @ weight.transpose(1, 2)
        return product if bias is None else product + bias[:, None]

    def _weights_of(self, layer: str) -> tuple[Tensor, Tensor | None]:
        return self.parameters[f"{layer}.weight"], self.parameters.get(f"{layer}.bias")

    @property
    def trainable(self) -> list[Tensor]:
        return [parameter for parameter in self.parameters.values() if parameter.requires_grad]

    def train(self, mode: bool) -> None:
        self._net.train(mode)


def list_layers(backbone: nn.Module) -> dict[str, nn.Module] | None:
    """The layers, by their names in a classifier, of a chain of torch's usual layers; None if it is anything else."""
    layers = _list_chain("backbone", backbone)
    kinds = "".join(map(_kind_of, layers.values()))
    return layers if re.fullmatch("[mv]*f[lv]*", kinds) else None


def _list_chain(name: str, net: nn.Module) -> dict[str, nn.Module]:
    if type(net).forward is not nn.Sequential.forward:
        return {name: net}
    # Not `named_children`, which leaves out a layer that is there twice.
    chains = [_list_chain(f"{name}.{child}", module) for child, module in net._modules.items() if module is not None]
    return {key: layer for chain in chains for key, layer in chain.items()}


def _kind_of(layer: nn.Module) -> str:
    """A letter: on maps, flatten, linear, or value by value; empty for what is none of them."""
    if type(layer) is nn.Conv2d:
        return "m" if layer.padding_mode == "zeros" else "?"
    if type(layer) in (nn.Flatten, FlattenPooled):
        return "f" if (layer.start_dim, layer.end_dim) == (1, -1) else "?"
    if type(layer) is nn.Linear:
        return "l"
    return "m" if type(layer) in _ON_MAPS else "v" if type(layer) in _ON_VALUES else "?"


def stack_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of the optimiser of a stack, from those of the optimisers of its nets."""
    return _map_state(
        states[0], lambda number, name, value: torch.stack([state["state"][number][name] for state in states])
    )


def unstack_state(state: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The state of the optimiser of one net, from that of the optimiser of its stack."""
    return _map_state(state, lambda number, name, value: value[place])


def _map_state(state: Mapping[str, Any], convert: Callable[[int, str, Tensor], Tensor]) -> dict[str, Any]:
    """A state whose tensors of each weight are what `convert` makes of a parameter's number, their name and value."""
    converted: dict[int, dict[str, Any]] = {}
    for number, kept in state["state"].items():
        converted[number] = dict(kept)
        for name, value in kept.items():
            if isinstance(value, Tensor) and name not in _SHARED_STATE:
                converted[number][name] = convert(number, name, value)
    return {"state": converted, "param_groups": state["param_groups"]}
