"""The Dense models, batched over replicates: R networks of one shape as one computation."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn import functional

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
    """R multilayer perceptrons: hidden layers, then one output layer."""

    def __init__(
        self,
        widths: Sequence[int],
        activation: str,
        output_activation: str,
        generators: Sequence[torch.Generator],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            ReplicatedDense(inputs, outputs, generators, dtype) for inputs, outputs in pairwise(widths)
        )
        self.activation = activation_function(activation)
        self.output_activation = activation_function(output_activation)

    def forward(self, features: Tensor) -> Tensor:
        """Features ``(R, B, F)`` to predictions ``(R, B, U)``; of pairs and triplets each item alike."""
        *hidden, output = self.layers
        rows = features.shape[1:-1]
        features = features.flatten(1, -2)
        for layer in hidden:
            features = self.activation(layer(features))
        # in full precision even where autocast is on: a sigmoid rounded to 1 has no gradient
        predictions = self.output_activation(output(features).to(output.weight.dtype))
        return predictions.view(len(predictions), *rows, -1)


def dense(
    inputs: int,
    outputs: int,
    generators: Sequence[torch.Generator],
    dtype: torch.dtype,
    *,
    hidden_units: list[Width],
    activation: Activation = "relu",
    output_activation: OutputActivation = "auto",
) -> DenseNetwork:
    """Dense layers of the given widths, sized at both ends from the data.

    Args:
        inputs: features F.
        outputs: units U that the loss needs for the target.
        generators: one per replicate, for the initial weights.
        dtype: of the weights.
        hidden_units: the width of each hidden layer; none makes a linear model.
        activation: after each hidden layer.
        output_activation: after the last; the factory has turned ``auto`` into what the loss needs.

    >>> network = dense(3, 1, [torch.Generator()], torch.float32, hidden_units=[8],
    ...                 output_activation="linear")
    >>> network(torch.zeros(1, 5, 3)).shape
    torch.Size([1, 5, 1])
    """
    widths = [inputs, *hidden_units, outputs]
    return DenseNetwork(widths, activation, output_activation, generators, dtype)
