"""What a trained module leaves behind: every file of the run folder but the result, written after them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossbench.config.outputs import about
from lossbench.config.resolve import Config
from lossbench.config.sections import Output
from lossbench.data.dataset import Dataset, Target
from lossbench.data.splits import Split
from lossbench.metrics import nearest_other, panel
from lossbench.records import result as records
from lossbench.records.result import ReplicateResult
from lossbench.runs import build as factory
from lossbench.runs import figures, provenance
from lossbench.tasks import TASKS
from lossbench.training.export import target_scaling
from lossbench.training.lightning_module import EpochOrders, ReplicateModule

Metrics = dict[str, list[float | None]]


def record_origin(
    folder: Path,
    config: Config,
    dataset: Dataset,
    splits: list[Split],
    module: ReplicateModule,
    orders: EpochOrders,
) -> None:
    """Write the manifest, before training: the code that runs is the code as it is now."""
    parameters = [parameter.detach() for parameter in module.network.parameters()]
    seeds = {
        seed: {
            "split": provenance.array_hash(splits[r].train, splits[r].validation, splits[r].test),
            "initial_weights": provenance.array_hash(*(p[r].numpy() for p in parameters)),
            "order": provenance.array_hash(orders.following[r].numpy()),
        }
        for r, seed in enumerate(config.seeds)
    }
    device = factory.accelerator(config.trainer.accelerator)
    manifest = provenance.manifest(dataset.fingerprint, seeds, device)
    records.write_json(folder / "manifest.json", manifest)


def record_outcome(
    folder: Path, config: Config, dataset: Dataset, module: ReplicateModule, *, picture: bool
) -> tuple[list[ReplicateResult], Metrics]:
    """Write weights, history, predictions and, if asked, the learning curves: the dearest first.

    Returns:
        How each replicate went, and every metric on every part with the kept weights.
    """
    replicates = _replicate_results(module)
    records.write_arrays(folder / "weights.safetensors", _arrays(module))
    curves = _learning_curves(config, module, replicates)
    _write_history(folder / "history.csv", config.seeds, curves, replicates)
    metrics = _judge(folder, config, dataset, module)
    if picture:
        title = f"{config.label} on {config.data.common.name}"
        best = [one.best_epoch for one in replicates]
        figures.learning_curves(folder / "curves.png", curves, best, title)
    return replicates, metrics


def _replicate_results(module: ReplicateModule) -> list[ReplicateResult]:
    chosen = module.selection
    outcomes = (chosen.diverged.tolist(), chosen.last_epoch.tolist(), chosen.best_epoch.tolist())
    return [
        ReplicateResult("diverged" if diverged else "completed", last, best or None)
        for diverged, last, best in zip(*outcomes, strict=True)
    ]


def _judge(folder: Path, config: Config, dataset: Dataset, module: ReplicateModule) -> Metrics:
    metrics: Metrics = {}
    diverged = module.selection.diverged.tolist()
    for part in ("train", "validation", "test"):
        with torch.no_grad(), module.trainer.precision_plugin.forward_context():  # as in training
            predictions, targets, losses = module.evaluate(part)
        rows = module.table.rows(part).cpu().numpy()
        names = [name.removeprefix("train/") for name in module.curve_names if name.startswith("train/")]
        values = dict(zip(names, losses.tolist(), strict=True))
        columns: dict[str, NDArray[Any]] = {}
        counts = dataset.weights
        weights = None if counts is None else torch.as_tensor(counts[rows], device=module.device)
        for output in config.outputs:
            target = factory.target_of(dataset, output)
            head = output.head
            decoded, true = module.decode[head](predictions[head], targets[output.terms[0].name])
            true = _as_they_stand(target, rows, true)
            judged = panel(TASKS[output.task], config.metrics_of(output), decoded, true, weights)
            values |= {output.prefix + name: value.tolist() for name, value in judged.items()}
            if part == "test":
                shown = _prediction_columns(output, target, decoded, true)
                columns |= {output.prefix + name: column for name, column in shown.items()}
        cells = {f"{part}/{name}": _cells(value, diverged) for name, value in values.items()}
        # What no replicate has, though some are finite, is undefined here: no cell, not an empty one
        metrics |= {name: cell for name, cell in cells.items() if all(diverged) or set(cell) != {None}}
    replicate = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    records.write_predictions(folder, {"replicate": replicate.ravel(), "row": rows.ravel(), **columns})
    return metrics


def _as_they_stand(target: Target, rows: NDArray[np.int64], decoded: Tensor) -> Tensor:
    """The targets of a part as the table has them: not scaled there and back, and never corrupted."""
    values = target.values[rows]
    return torch.as_tensor(values, dtype=torch.float64 if values.ndim == 3 else None, device=decoded.device)


def _cells(values: list[float], diverged: list[bool]) -> list[float | None]:
    pairs = zip(values, diverged, strict=True)
    return [None if gone or not np.isfinite(value) else value for value, gone in pairs]


def _prediction_columns(
    output: Output, target: Target, predictions: Tensor, targets: Tensor
) -> dict[str, NDArray[Any]]:
    """A line per replicate and row of the test part: target, prediction, and classes' probabilities."""
    values = predictions.flatten(0, 1).double().cpu().numpy()
    if target.values.ndim == 2:
        seen = targets.flatten(0, 1).cpu().numpy()
        names = target.classes or target.columns
        ends = [f"/{name}" for name in names] if len(names) > 1 else [""]
        columns: dict[str, NDArray[Any]] = {}
        for end, true, predicted in zip(ends, seen.T, values.T, strict=True):
            columns |= {f"target{end}": true, f"prediction{end}": predicted}
        return columns
    classes = np.array(target.classes)
    columns = {"target": classes[targets.flatten().cpu().numpy()]}
    if output.task == "retrieval":
        found = torch.stack([y[nearest_other(e)] for e, y in zip(predictions, targets, strict=True)])
        columns["prediction"] = classes[found.flatten().cpu().numpy()]
        return columns | {f"embedding/{i}": column for i, column in enumerate(values.T)}
    binary = output.task == "binary"
    decided = (values[:, 0] > 0.5).astype(np.int64) if binary else values.argmax(1)
    columns["prediction"] = classes[decided]
    if about(output.terms[0].loss)["prediction"] == "score":
        return columns  # a score is no probability
    shown = classes[1:] if binary else classes
    return columns | {f"probability/{name}": values[:, i] for i, name in enumerate(shown)}


def _learning_curves(
    config: Config, module: ReplicateModule, replicates: list[ReplicateResult]
) -> dict[str, NDArray[np.float64]]:
    """What was recorded each epoch, ``(E, R)``, NaN from where a replicate had stopped."""
    names = [*module.curve_names, f"validation/{config.metrics[0]}"]
    values = np.stack(module.history)  # (E, C + 1, R)
    last = np.array([outcome.epoch for outcome in replicates])
    values = np.where(np.arange(len(values))[:, None, None] < last, values, np.nan)
    return {name: values[:, i] for i, name in enumerate(names)}


def _write_history(
    path: Path,
    seeds: list[int],
    curves: dict[str, NDArray[np.float64]],
    replicates: list[ReplicateResult],
) -> None:
    """One row per replicate and epoch that it was trained for."""
    plain = [curve.tolist() for curve in curves.values()]
    rows = (
        [replicate, seed, epoch + 1, *(curve[epoch][replicate] for curve in plain)]
        for replicate, seed in enumerate(seeds)
        for epoch in range(replicates[replicate].epoch)
    )
    records.write_rows(path, ["replicate", "seed", "epoch", *curves], rows)


def _arrays(module: ReplicateModule) -> dict[str, NDArray[Any]]:
    """The kept weights, and the scaling without which they mean nothing, each ``(R, ...)``."""
    network, terms = module.network, module.table.terms
    layers = {f"hidden.{i}": layer for i, layer in enumerate(network.hidden)}
    layers |= {f"heads.{name}": head for name, head in zip(network.names, network.heads, strict=True)}
    arrays = {
        f"{name}.{kind}": parameter.detach()
        for name, layer in layers.items()
        for kind, parameter in layer.named_parameters()
    }
    scaled = {"features": module.table.features}
    scaled |= {target_scaling(term, terms): module.table.target(term) for term in terms}
    for name, columns in scaled.items():
        arrays[f"{name}.mean"] = columns.mean_in_user_units
        arrays[f"{name}.scale"] = columns.scale_in_user_units
    return {name: array.cpu().numpy() for name, array in arrays.items()}
