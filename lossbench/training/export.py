"""A trained network out of its run folder: plain torch, for whatever comes next."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from lossbench.config.outputs import output_activation
from lossbench.config.resolve import check, scales_target
from lossbench.errors import UserError, did_you_mean
from lossbench.records.result import read_config
from lossbench.training.network import ActivationModule


def target_scaling(term: str, terms: Sequence[str]) -> str:
    """Where the weights' file has the scaling of a term's targets.

    >>> target_scaling("mse", ["mse"]), target_scaling("a", ["a", "b"])
    ('targets', 'targets.a')
    """
    return f"targets.{term}" if len(terms) > 1 else "targets"


class Affine(nn.Module):
    """Columns times ``scale`` plus ``shift``: a standardisation, or its way back."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, columns: Tensor) -> Tensor:
        """``(N, C)`` to ``(N, C)``."""
        moved: Tensor = columns * self.get_buffer("scale") + self.get_buffer("shift")
        return moved


def network(folder: Path, replicate: int = 0, output: str | None = None) -> nn.Sequential:
    """See :meth:`lossbench.records.result.Result.network`."""
    if not (folder / "weights.safetensors").is_file():
        raise UserError(f"{folder}: no weights; the run left none")
    config = check(read_config(folder))
    arrays = load_file(folder / "weights.safetensors")
    if not 0 <= replicate < config.replicates:
        raise UserError(f"replicate {replicate}: the run has {config.replicates}, from 0")
    names = [one.name for one in config.outputs]
    chosen = output if output is not None else names[0]
    if chosen not in names or (output is None and len(names) > 1):
        raise UserError(f"output {output}: {did_you_mean(str(output), names)}The outputs: {', '.join(names)}")
    judged = config.outputs[names.index(chosen)]
    head = f"heads.{judged.head}"
    layers = [f"hidden.{i}" for i in range(len(config.model.parameters["hidden_units"]))] + [head]
    last = output_activation(judged, config.model)
    activations = [config.model.parameters["activation"]] * (len(layers) - 1) + [last]

    def own(name: str) -> Tensor:
        return arrays[name][replicate].float()

    scale, mean = own("features.scale").flatten(), own("features.mean").flatten()
    modules: list[nn.Module] = [Affine(1 / scale, -mean / scale)]
    for layer, activation in zip(layers, activations, strict=True):
        weight, bias = own(f"{layer}.weight"), own(f"{layer}.bias")
        linear = nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = weight.T.contiguous(), bias[0]
        modules += [linear, ActivationModule(activation)]
    if scales_target(config, judged):
        terms = [term.name for one in config.outputs for term in one.terms]
        place = target_scaling(judged.terms[0].name, terms)
        modules.append(Affine(own(f"{place}.scale").flatten(), own(f"{place}.mean").flatten()))
    return nn.Sequential(*modules).eval()
