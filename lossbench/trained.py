"""A trained network out of its run folder: plain torch, for whatever comes next."""

from pathlib import Path

import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

from lossbench.combinations import natural_activation
from lossbench.errors import UserError, did_you_mean
from lossbench.models import ActivationModule
from lossbench.schema import check, scales_target


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
    """See :meth:`lossbench.records.Result.network`."""
    if not (folder / "weights.safetensors").is_file():
        raise UserError(f"{folder}: no weights; the run left none")
    config = check(yaml.safe_load((folder / "config.yaml").read_text("utf-8")))
    arrays = load_file(folder / "weights.safetensors")
    if not 0 <= replicate < config.replicates:
        raise UserError(f"replicate {replicate}: the run has {config.replicates}, from 0")
    names = [one.name for one in config.outputs]
    chosen = output if output is not None else names[0]
    if chosen not in names or (output is None and len(names) > 1):
        raise UserError(f"output {output}: {did_you_mean(str(output), names)}The outputs: {', '.join(names)}")
    judged = config.outputs[names.index(chosen)]
    head = f"heads.{judged.name or 'output'}"
    layers = [f"hidden.{i}" for i in range(len(config.model.parameters["hidden_units"]))] + [head]
    asked = config.model.parameters["output_activation"]
    asked = asked if isinstance(asked, str) else asked[judged.name]
    last = natural_activation(judged.terms[0].loss, judged.task) if asked == "auto" else asked
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
        several = sum(len(one.terms) for one in config.outputs) > 1
        place = f"targets.{judged.terms[0].name}" if several else "targets"
        modules.append(Affine(own(f"{place}.scale").flatten(), own(f"{place}.mean").flatten()))
    return nn.Sequential(*modules).eval()
