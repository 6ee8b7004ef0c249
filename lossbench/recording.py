"""What a trained module leaves behind: every file of the run folder but the result, written after them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossbench import figures, provenance, records
from lossbench.data.dataset import Dataset
from lossbench.data.splits import Split
from lossbench.factory import accelerator
from lossbench.metrics import nearest_other, panel
from lossbench.module import EpochOrders, ReplicateModule
from lossbench.records import ReplicateResult
from lossbench.schema import Config

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
    device = accelerator(config.trainer.accelerator)
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
            y_pred, y_true = module.predict_part(part)
            losses = module.recorded_loss(y_pred, y_true)
        predictions, targets = module.decode(y_pred, y_true)
        if dataset.targets.ndim == 2:  # as they stand in the table, not scaled there and back
            rows = module.table.rows(part).cpu().numpy()
            targets = torch.as_tensor(dataset.targets[rows], dtype=torch.float64)
        judged = panel(config.task, config.metrics, predictions, targets)
        values = {"loss": losses.tolist()} | {name: value.tolist() for name, value in judged.items()}
        cells = {f"{part}/{name}": _cells(value, diverged) for name, value in values.items()}
        # What no replicate has, though some are finite, is undefined here: no cell, not an empty one
        metrics |= {name: cell for name, cell in cells.items() if all(diverged) or set(cell) != {None}}
    rows = module.table.rows("test").cpu().numpy()
    columns = _prediction_columns(config, dataset, rows, predictions, targets)
    records.write_predictions(folder, columns)
    return metrics


def _cells(values: list[float], diverged: list[bool]) -> list[float | None]:
    pairs = zip(values, diverged, strict=True)
    return [None if gone or not np.isfinite(value) else value for value, gone in pairs]


def _prediction_columns(
    config: Config, dataset: Dataset, rows: NDArray[np.int64], predictions: Tensor, targets: Tensor
) -> dict[str, NDArray[Any]]:
    """The test part, a line per replicate and row: target, prediction, and classes' probabilities."""
    replicate = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    columns: dict[str, NDArray[Any]] = {"replicate": replicate.ravel(), "row": rows.ravel()}
    values = predictions.flatten(0, 1).double().cpu().numpy()
    if dataset.targets.ndim == 2:
        seen = targets.flatten(0, 1).cpu().numpy()
        names = dataset.classes or dataset.target_names
        ends = [f"/{name}" for name in names] if len(names) > 1 else [""]
        for end, true, predicted in zip(ends, seen.T, values.T, strict=True):
            columns |= {f"target{end}": true, f"prediction{end}": predicted}
        return columns
    classes = np.array(dataset.classes)
    if config.task == "retrieval":
        found = torch.stack([y[nearest_other(e)] for e, y in zip(predictions, targets, strict=True)])
        columns |= {"target": classes[targets.flatten().cpu().numpy()]}
        columns |= {"prediction": classes[found.flatten().cpu().numpy()]}
        return columns | {f"embedding/{i}": column for i, column in enumerate(values.T)}
    binary = config.task == "binary"
    decided = (values[:, 0] > 0.5).astype(np.int64) if binary else values.argmax(1)
    columns |= {"target": classes[targets.flatten().cpu().numpy()], "prediction": classes[decided]}
    if config.loss.common.about["prediction"] == "score":
        return columns  # a score is no probability
    shown = classes[1:] if binary else classes
    return columns | {f"probability/{name}": values[:, i] for i, name in enumerate(shown)}


def _learning_curves(
    config: Config, module: ReplicateModule, replicates: list[ReplicateResult]
) -> dict[str, NDArray[np.float64]]:
    """What was recorded each epoch, ``(E, R)``, NaN from where a replicate had stopped."""
    names = ["train/loss", "validation/loss", f"validation/{config.metrics[0]}"]
    values = np.stack(module.history)  # (E, 3, R)
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
    arrays = {name: p.detach() for name, p in module.network.named_parameters()}
    for name, columns in (("features", module.table.features), ("targets", module.table.targets)):
        arrays[f"{name}.mean"] = columns.mean_in_user_units
        arrays[f"{name}.scale"] = columns.scale_in_user_units
    return {name: array.cpu().numpy() for name, array in arrays.items()}
