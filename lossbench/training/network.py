"""The Dense models, batched over replicates: R networks of one shape as one computation."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn import functional

from lossbench.seeds import Purpose
from lossbench.signatures import BelowOne

Width = Annotated[int, Interval(ge=1, le=1_000_000)]
Activation = Literal[
    "relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid", "softplus", "softmax", "linear", "unit_length"
]
OutputActivation = Literal["auto"] | Activation


def activation_function(name: str) -> Callable[[Tensor], Tensor]:
    """An activation by its Keras name; softmax and unit_length run over the last axis.

    >>> activation_function("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if name == "linear":
        return lambda values: values
    if name == "softmax":
        return lambda values: values.softmax(-1)
    if name == "unit_length":
        return _unit_length
    found: Callable[[Tensor], Tensor] = getattr(functional, name, None) or getattr(torch, name)
    return found


class ActivationModule(nn.Module):
    """An activation as a module, for a network by itself."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, values: Tensor) -> Tensor:
        """Any shape to the same."""
        return activation_function(self.name)(values)

    def extra_repr(self) -> str:
        """Its name."""
        return self.name


def _unit_length(vectors: Tensor) -> Tensor:
    # a shorter one has no clear direction, and would have a boundless gradient
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp(min=1e-3)
    return vectors / length


class ReplicatedDense(nn.Module):
    """One fully connected layer per replicate: weight ``(R, in, out)``, bias ``(R, 1, out)``.

    Initialised as Keras's ``Dense``: Glorot-uniform weights, zero bias. Replicate r draws from
    ``generators[r]``, in float64 and on the CPU, so that it starts the same in any precision, on any
    device and beside any number of others.
    """

    def __init__(
        self, inputs: int, outputs: int, generators: Sequence[torch.Generator], dtype: torch.dtype
    ) -> None:
        super().__init__()
        limit = math.sqrt(6 / (inputs + outputs))
        draws = [
            torch.rand(inputs, outputs, generator=generator, dtype=torch.float64) for generator in generators
        ]
        self.weight = nn.Parameter((torch.stack(draws) * 2 * limit - limit).to(dtype))
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, outputs, dtype=dtype))

    def forward(self, inputs: Tensor) -> Tensor:
        """``(R, B, in)`` to ``(R, B, out)``."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class DenseNetwork(nn.Module):
    """R multilayer perceptrons: hidden layers, then an output layer, or head, for each output.

    Attributes:
        hidden: the hidden layers.
        heads: the output layers, in the order of their names.
        activity: what the hidden layers gave in the last pass, ``(R, B, width)`` each.
    """

    def __init__(
        self,
        inputs: int,
        hidden_units: Sequence[int],
        outputs: Mapping[str, int],
        activation: str,
        output_activations: Mapping[str, str],
        dropout: float,
        generators: Callable[[Purpose], list[torch.Generator]],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        initialisation = generators("initialisation")
        widths = [inputs, *hidden_units]
        self.hidden = nn.ModuleList(
            ReplicatedDense(before, after, initialisation, dtype) for before, after in pairwise(widths)
        )
        self.heads = nn.ModuleList(
            ReplicatedDense(widths[-1], units, initialisation, dtype) for units in outputs.values()
        )
        self.names = list(outputs)
        self.activation = activation_function(activation)
        self.output_activations = [activation_function(output_activations[name]) for name in outputs]
        self.dropout, self.dropout_generators = dropout, generators("dropout")
        self.activity: list[Tensor] = []

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Features ``(R, B, F)`` to predictions ``(R, B, U)`` by output; pairs and triplets item by item."""
        items = features.ndim > 3
        rows = features.shape[1:-1]
        features = features.flatten(1, -2) if items else features
        self.activity.clear()
        for layer in self.hidden:
            features = self.activation(layer(features))
            self.activity.append(features)
            if self.dropout and self.training:
                features = features * self._kept(features)
        predictions = {}
        for name, head, activation in zip(self.names, self.heads, self.output_activations, strict=True):
            # in full precision even where autocast is on: a sigmoid rounded to 1 has no gradient
            output = activation(head(features).to(head.weight.dtype))
            predictions[name] = output.view(len(output), *rows, -1) if items else output
        return predictions

    def _kept(self, features: Tensor) -> Tensor:
        """Which units stay, and by how much they make up for the others; each replicate draws its own."""
        shape = features.shape[1:]
        draws = [torch.rand(shape, generator=generator) for generator in self.dropout_generators]
        kept = torch.stack(draws).to(features.device) >= self.dropout
        return kept.to(features.dtype) / (1 - self.dropout)


def dense(
    inputs: int,
    outputs: Mapping[str, int],
    generators: Callable[[Purpose], list[torch.Generator]],
    dtype: torch.dtype,
    *,
    hidden_units: list[Width],
    activation: Activation = "relu",
    output_activation: OutputActivation | dict[str, OutputActivation] = "auto",
    dropout: BelowOne = 0.0,
) -> DenseNetwork:
    """Dense layers of the given widths, sized at both ends from the data.

    Args:
        inputs: features F.
        outputs: for each output the units U that its loss needs.
        generators: of a purpose, one per replicate, for initial weights and dropout.
        dtype: of the weights.
        hidden_units: the width of each hidden layer; none makes a linear model.
        activation: after each hidden layer.
        output_activation: after the last, one for all outputs or one for each; the factory has turned
            ``auto`` into what the loss needs.
        dropout: the share of each hidden layer's units that a training step leaves out.

    >>> network = dense(3, {"y": 1}, lambda purpose: [torch.Generator()], torch.float32, hidden_units=[8],
    ...                 output_activation="linear")
    >>> network(torch.zeros(1, 5, 3))["y"].shape
    torch.Size([1, 5, 1])
    """
    each: Mapping[str, str] = (
        dict.fromkeys(outputs, output_activation) if isinstance(output_activation, str) else output_activation
    )
    return DenseNetwork(inputs, hidden_units, outputs, activation, each, dropout, generators, dtype)
