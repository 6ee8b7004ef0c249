"""Write the record of a run, except ``config.yaml``, which comes before, and ``result.json``, after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbench.config.run_config import RunConfig
from lossbench.data.dataset import Dataset
from lossbench.data.splits import Split
from lossbench.records import files
from lossbench.records.result import ReplicateResult
from lossbench.runs import provenance
from lossbench.runs.evaluate import Metrics, evaluate
from lossbench.training import standalone
from lossbench.training.lightning_module import EpochOrders, ReplicateModule

Curves = dict[str, NDArray[np.float64]]


def record_origin(
    folder: Path,
    seeds: Sequence[int],
    fingerprint: str,
    splits: Sequence[Split],
    module: ReplicateModule,
    orders: EpochOrders,
    command: Sequence[str],
    device: str,
) -> None:
    """Write the manifest before training, while the code on disk is the code that runs.

    Args:
        folder: the folder of the run.
        seeds: one per replicate.
        fingerprint: the fingerprint of the data.
        splits: one per replicate.
        module: the replicates with their initial weights.
        orders: the row orders of the epochs.
        command: the words of the command that started the run.
        device: ``cpu`` or ``cuda``.
    """
    hashes = {
        seed: {
            "split": provenance.split_hash(splits[r]),
            "initial_weights": provenance.array_hash(*(weights[r].numpy() for weights in module.drawn)),
            "order": provenance.array_hash(orders.following[r].numpy()),
        }
        for r, seed in enumerate(seeds)
    }
    manifest = provenance.manifest(fingerprint, hashes, device, command)
    files.write_json(folder / "manifest.json", manifest)


def record_outcome(
    folder: Path, config: RunConfig, dataset: Dataset, module: ReplicateModule, *, picture: bool
) -> tuple[list[ReplicateResult], Metrics]:
    """Write weights, network, history, predictions and, if asked, the learning curves.

    The weights come first, because they cost most to compute again.

    Returns:
        How each replicate went, and every metric on every part with the kept weights.
    """
    replicates = _replicate_results(module)
    files.write_arrays(folder / "weights.safetensors", _arrays(module))
    files.write_json(folder / "network.json", _network_description(config, module))
    curves = _learning_curves(module, replicates)
    _write_history(folder / "history.csv", config.seeds, curves, replicates)
    metrics, predictions = evaluate(config.outputs, dataset, module)
    files.write_predictions(folder, predictions)
    if picture:
        from lossbench.runs.learning_curves import draw  # imports matplotlib, which most jobs do not need

        best = [replicate.best_epoch for replicate in replicates]
        draw(folder / "curves.png", curves, best, f"{config.label} on {config.data.name}")
    return replicates, metrics


def _replicate_results(module: ReplicateModule) -> list[ReplicateResult]:
    selection = module.selection
    outcomes = (selection.diverged, selection.last_epoch, selection.best_epoch, module.converged())
    return [
        ReplicateResult("diverged" if diverged else "completed", last, None if best < 0 else best, converged)
        for diverged, last, best, converged in zip(*(array.tolist() for array in outcomes), strict=True)
    ]


def _learning_curves(module: ReplicateModule, replicates: list[ReplicateResult]) -> Curves:
    """Return the values recorded each epoch, ``(E, R)``, NaN from where a replicate had stopped."""
    names = [*module.curve_names, f"validation/{module.primary.name}"]
    values = np.stack(module.history)  # (E, C + 1, R)
    last = np.array([replicate.epoch for replicate in replicates])
    values = np.where(np.arange(len(values))[:, None, None] < last, values, np.nan)
    return {name: values[:, index] for index, name in enumerate(names)}


def _write_history(
    path: Path, seeds: tuple[int, ...], curves: Curves, replicates: list[ReplicateResult]
) -> None:
    """Write a row per replicate and epoch for which it was trained."""
    plain = [curve.tolist() for curve in curves.values()]
    rows = (
        [replicate, seed, epoch + 1, *(curve[epoch][replicate] for curve in plain)]
        for replicate, seed in enumerate(seeds)
        for epoch in range(replicates[replicate].epoch)
    )
    files.write_rows(path, ["replicate", "seed", "epoch", *curves], rows)


def _arrays(module: ReplicateModule) -> dict[str, NDArray[Any]]:
    """Return the kept weights and the scaling that belongs to them, each ``(R, ...)``."""
    network, terms = module.network, module.table.terms
    layers = {f"hidden.{index}": layer for index, layer in enumerate(network.hidden)}
    layers |= {f"heads.{name}": head for name, head in zip(network.names, network.heads, strict=True)}
    arrays = {
        f"{name}.{kind}": parameter.detach()
        for name, layer in layers.items()
        for kind, parameter in layer.named_parameters()
    }
    features = module.table.features
    scaled = {"features": features}
    scaled |= {standalone.target_scaling_name(term, terms): module.table.target(term) for term in terms}
    for name, columns in scaled.items():
        arrays[f"{name}.mean"] = columns.mean_in_user_units
        arrays[f"{name}.scale"] = columns.scale_in_user_units
    if features.limit is not None:
        arrays["features.limit"] = features.limit
    return {name: array.cpu().numpy() for name, array in arrays.items()}


def _network_description(config: RunConfig, module: ReplicateModule) -> dict[str, Any]:
    terms = module.table.terms
    scaling = {
        output.head: standalone.target_scaling_name(output.target_term, terms)
        if output.target.scaling is not None
        else None
        for output in config.outputs
    }
    return standalone.describe(module.network, scaling)
