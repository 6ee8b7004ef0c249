"""Load a trained network from its run folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from lossbench.config.check import check
from lossbench.config.outputs import output_activation, target_scaling
from lossbench.errors import UserError, did_you_mean
from lossbench.records.folder import read_config, read_network_description
from lossbench.training.standalone import FORMAT, build, target_scaling_name


def load_network(folder: Path, replicate: int = 0, output: str | None = None) -> nn.Sequential:
    """Return one replicate's trained network; see :meth:`lossbench.records.result.Result.network`."""
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        raise UserError(f"{folder}: no weights; the run left none")
    arrays = load_file(weights)
    description = read_network_description(folder) or _described_by_config(read_config(folder))
    if description["format"] > FORMAT:
        raise UserError(
            f"{folder}: network.json was written by a later version of lossbench; update lossbench"
        )
    replicates = len(arrays["features.mean"])
    if not 0 <= replicate < replicates:
        raise UserError(f"replicate {replicate}: the run has {replicates}, counted from 0")
    heads = list(description["heads"])
    head = heads[0] if output is None else output
    if head not in heads or (output is None and len(heads) > 1):
        near = did_you_mean(str(output), heads)
        raise UserError(f"output {output}: {near}The outputs: {', '.join(heads)}")
    return build(description, arrays, replicate, head)


def _described_by_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a network that was recorded before ``network.json`` existed."""
    config = check(values, files=False)
    terms = [term.name for output in config.outputs for term in output.terms]
    heads = {}
    for output in config.outputs:
        scaling = target_scaling_name(output.terms[0].name, terms)
        heads[output.head] = {
            "numbers": None,
            "activation": output_activation(output, config.model),
            "target_scaling": scaling if target_scaling(output, config.data, config.model) else None,
        }
    parameters = config.model.parameters
    return {
        "format": FORMAT,
        "hidden": [parameters["activation"]] * len(parameters["hidden_units"]),
        "heads": heads,
    }
