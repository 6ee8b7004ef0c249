"""Dense networks, batched over replicates: R networks of one shape as one computation."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from lossbench.seeds import Purpose
from lossbench.signatures import Activation, BelowOne, Width


@dataclass(frozen=True)
class Head:
    """The output layer of a network for one output.

    Attributes:
        units: how many targets, classes or embedding dimensions U it has.
        activation: the activation that follows the layer.
        numbers: how many numbers P the loss reads for each unit: predictions are ``(R, B, U, P)``. None for
            one number: predictions are ``(R, B, U)``.
        point: which of these numbers is the point prediction that metrics judge.
    """

    units: int
    activation: str
    numbers: int | None = None
    point: int = 0

    @property
    def width(self) -> int:
        """The width of the output layer."""
        return self.units * (self.numbers or 1)


def activation_function(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation by its Keras name; softmax and unit_length run over the last axis.

    >>> activation_function("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if name == "linear":
        return lambda values: values
    if name == "softmax":
        return lambda values: values.softmax(-1)
    if name == "unit_length":
        return _unit_length
    function: Callable[[Tensor], Tensor] = getattr(functional, name, None) or getattr(torch, name)
    return function


def _unit_length(vectors: Tensor) -> Tensor:
    # a shorter vector has no clear direction, and its gradient would be unbounded
    length: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp(min=1e-3)
    return vectors / length


class ReplicatedDense(nn.Module):
    """One fully connected layer per replicate: weight ``(R, in, out)``, bias ``(R, 1, out)``.

    The layer is initialised like Keras's ``Dense``: Glorot-uniform weights, zero bias. Replicate r draws
    from ``generators[r]``, in float64 and on the CPU. It therefore starts with the same weights in any
    precision, on any device, and beside any number of other replicates.
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
        """Map ``(R, B, in)`` to ``(R, B, out)``."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class DenseNetwork(nn.Module):
    """R multilayer perceptrons: hidden layers, then an output layer (head) for each output.

    Attributes:
        hidden: the hidden layers.
        heads: the output layers, in the order of their names.
        activity: the outputs of the hidden layers in the last pass, ``(R, B, width)`` each.
    """

    def __init__(
        self,
        inputs: int,
        hidden_units: Sequence[int],
        heads: Mapping[str, Head],
        activation: str,
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
            ReplicatedDense(widths[-1], head.width, initialisation, dtype) for head in heads.values()
        )
        self.names = list(heads)
        self.head_shapes = [
            () if head.numbers is None else (head.units, head.numbers) for head in heads.values()
        ]
        self.activation_name, self.head_facts = activation, dict(heads)
        self.activation = activation_function(activation)
        self.output_activations = [activation_function(head.activation) for head in heads.values()]
        self.dropout, self.dropout_generators = dropout, generators("dropout")
        self.activity: list[Tensor] = []

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Map features ``(R, B, F)`` to predictions ``(R, B, U)`` by output; for pairs, item by item."""
        has_items = features.ndim > 3
        rows = features.shape[1:-1]
        features = features.flatten(1, -2) if has_items else features
        self.activity.clear()
        for layer in self.hidden:
            features = self.activation(layer(features))
            self.activity.append(features)
            if self.dropout and self.training:
                features = features * self._dropout_mask(features)
        predictions = {}
        layers = zip(self.names, self.heads, self.head_shapes, self.output_activations, strict=True)
        for name, head, shape, activation in layers:
            # in full precision even under autocast: a sigmoid that is rounded to 1 has no gradient
            output = head(features).to(head.weight.dtype)
            output = activation(output.unflatten(-1, shape) if shape else output)
            predictions[name] = output.view(len(output), *rows, -1) if has_items else output
        return predictions

    def _dropout_mask(self, features: Tensor) -> Tensor:
        """Draw each replicate's mask of units from its own generator, scaled to keep the mean."""
        shape = features.shape[1:]
        draws = [torch.rand(shape, generator=generator) for generator in self.dropout_generators]
        kept = torch.stack(draws).to(features.device) >= self.dropout
        return kept.to(features.dtype) / (1 - self.dropout)


def dense(
    inputs: int,
    heads: Mapping[str, Head],
    generators: Callable[[Purpose], list[torch.Generator]],
    dtype: torch.dtype,
    *,
    hidden_units: list[Width],
    activation: Activation = "relu",
    dropout: BelowOne = 0.0,
) -> DenseNetwork:
    """Build dense layers of the given widths; the data determines the input and output widths.

    Args:
        inputs: the number of features F.
        heads: the head of each output.
        generators: maps a purpose to one generator per replicate, for initial weights and dropout.
        dtype: the dtype of the weights.
        hidden_units: the width of each hidden layer; an empty list makes a linear model.
        activation: the activation after each hidden layer.
        dropout: the share of each hidden layer's units that a training step leaves out.

    >>> network = dense(3, {"y": Head(1, "linear")}, lambda purpose: [torch.Generator()], torch.float32,
    ...                 hidden_units=[8])
    >>> network(torch.zeros(1, 5, 3))["y"].shape
    torch.Size([1, 5, 1])
    """
    return DenseNetwork(inputs, hidden_units, heads, activation, dropout, generators, dtype)
