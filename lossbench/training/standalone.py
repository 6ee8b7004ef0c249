"""One replicate's trained network as plain torch modules, described by ``network.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lossbench.data.scaling import limited
from lossbench.training.network import DenseNetwork, activation_function

FORMAT = 2


class Activation(nn.Module):
    """An activation as a module."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, values: Tensor) -> Tensor:
        """Map values of any shape to the same shape."""
        return activation_function(self.name)(values)

    def extra_repr(self) -> str:
        """Return the activation's name."""
        return self.name


class Affine(nn.Module):
    """Columns times ``scale`` plus ``shift``: a standardisation, or its inverse."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, columns: Tensor) -> Tensor:
        """Map ``(N, C)`` to ``(N, C)``."""
        moved: Tensor = columns * self.get_buffer("scale") + self.get_buffer("shift")
        return moved


class Limit(nn.Module):
    """Columns bent so that none is beyond its limit."""

    def __init__(self, limit: Tensor) -> None:
        super().__init__()
        self.register_buffer("limit", limit)

    def forward(self, columns: Tensor) -> Tensor:
        """Map ``(N, C)`` to ``(N, C)``."""
        return limited(columns, self.get_buffer("limit"))


class PointPrediction(nn.Module):
    """The number that metrics judge, of several that a loss reads for each unit."""

    def __init__(self, point: int) -> None:
        super().__init__()
        self.point = point

    def forward(self, numbers: Tensor) -> Tensor:
        """Map ``(N, U, P)`` to ``(N, U)``."""
        return numbers[..., self.point]


def describe(network: DenseNetwork, target_scaling: Mapping[str, str | None]) -> dict[str, Any]:
    """Return what is needed, besides the weights, to rebuild a network: the content of ``network.json``.

    Args:
        network: the trained network.
        target_scaling: for each output, the prefix of its target's mean and scale in the file of weights;
            None where the target is not scaled.
    """
    heads = {
        name: {
            "units": head.units,
            "numbers": head.numbers,
            "point": head.point,
            "activation": head.activation,
            "target_scaling": target_scaling[name],
        }
        for name, head in network.head_facts.items()
    }
    return {"format": FORMAT, "hidden": [network.activation_name] * len(network.hidden), "heads": heads}


def build(
    description: Mapping[str, Any], arrays: Mapping[str, Tensor], replicate: int, head: str
) -> nn.Sequential:
    """Build one replicate's network, from features in the data's units to one output.

    Args:
        description: the content of ``network.json``.
        arrays: the content of ``weights.safetensors``.
        replicate: the index of the replicate, from 0.
        head: the name of the output's head.
    """

    def of_replicate(name: str) -> Tensor:
        return arrays[name][replicate].float()

    facts = description["heads"][head]
    scale, mean = of_replicate("features.scale").flatten(), of_replicate("features.mean").flatten()
    modules: list[nn.Module] = [Affine(1 / scale, -mean / scale)]
    if "features.limit" in arrays:
        modules.append(Limit(of_replicate("features.limit").flatten()))
    for index, activation in enumerate(description["hidden"]):
        modules += [_linear(of_replicate, f"hidden.{index}"), Activation(activation)]
    modules.append(_linear(of_replicate, f"heads.{head}"))
    if facts["numbers"] is not None:
        modules.append(nn.Unflatten(-1, (facts["units"], facts["numbers"])))
    modules.append(Activation(facts["activation"]))
    if facts["numbers"] is not None:
        modules.append(PointPrediction(facts["point"]))
    scaling = facts["target_scaling"]
    if scaling is not None:
        target_scale, target_mean = of_replicate(f"{scaling}.scale"), of_replicate(f"{scaling}.mean")
        modules.append(Affine(target_scale.flatten(), target_mean.flatten()))
    return nn.Sequential(*modules).eval()


def target_scaling_name(term: str, terms: Sequence[str]) -> str:
    """Return the prefix under which the weights' file has the scaling of a term's targets.

    >>> target_scaling_name("mse", ["mse"]), target_scaling_name("a", ["a", "b"])
    ('targets', 'targets.a')
    """
    return f"targets.{term}" if len(terms) > 1 else "targets"


def _linear(of_replicate: Any, layer: str) -> nn.Linear:
    weight, bias = of_replicate(f"{layer}.weight"), of_replicate(f"{layer}.bias")
    linear = nn.Linear(*weight.shape)
    with torch.no_grad():
        linear.weight.copy_(weight.T)
        linear.bias.copy_(bias[0])
    return linear
