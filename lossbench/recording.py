"""What a trained module leaves behind: every file of the run folder but the result, written after them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossbench import figures, provenance, records
from lossbench.data.dataset import Dataset
from lossbench.data.splits import Split
from lossbench.metrics import panel
from lossbench.module import EpochOrders, ReplicateModule
from lossbench.records import ReplicateResult
from lossbench.schema import Config

Metrics = dict[str, list[float | None]]


@dataclass(frozen=True)
class Trained:
    """A run after its training: what the record is made from.

    Attributes:
        config: what was asked for.
        dataset: what was trained on.
        splits: one per replicate.
        orders: the rows' orders.
        start: per replicate, the hash of its initial weights.
        module: the networks, with their kept weights.
    """

    config: Config
    dataset: Dataset
    splits: list[Split]
    orders: EpochOrders
    start: list[str]
    module: ReplicateModule


def record(trained: Trained, folder: Path, *, picture: bool) -> tuple[list[ReplicateResult], Metrics]:
    """Write manifest, history, weights, predictions and, if asked, the learning curves.

    Returns:
        How each replicate went, and every metric on every part with the kept weights.
    """
    replicates = _replicate_results(trained.module)
    metrics = _judge(trained, folder)
    manifest = provenance.manifest(trained.dataset.fingerprint, _seed_hashes(trained))
    records.write_json(folder / "manifest.json", manifest)
    curves = _learning_curves(trained, replicates)
    _write_history(folder / "history.csv", trained.config.seeds, curves, replicates)
    records.write_arrays(folder / "weights.safetensors", _arrays(trained.module))
    if picture:
        title = f"{trained.config.label} on {trained.config.data.common.name}"
        best = [one.best_epoch for one in replicates]
        figures.learning_curves(folder / "curves.png", curves, best, title)
    return replicates, metrics


def weight_hash(module: ReplicateModule, replicate: int) -> str:
    """The hash of one replicate's weights as they are now."""
    parameters = module.network.parameters()
    return provenance.array_hash(*(p.detach()[replicate].cpu().numpy() for p in parameters))


def _replicate_results(module: ReplicateModule) -> list[ReplicateResult]:
    chosen = module.selection
    outcomes = (chosen.diverged.tolist(), chosen.last_epoch.tolist(), chosen.best_epoch.tolist())
    return [
        ReplicateResult("diverged" if diverged else "completed", last, best or None)
        for diverged, last, best in zip(*outcomes, strict=True)
    ]


def _judge(trained: Trained, folder: Path) -> Metrics:
    config, module = trained.config, trained.module
    metrics: Metrics = {}
    diverged = module.selection.diverged.tolist()
    for part in ("train", "validation", "test"):
        with module.trainer.precision_plugin.forward_context():  # as validation was in training
            y_pred, y_true = module.predict_part(part)
        losses = module.objective.per_sample(module.objective(y_pred, y_true), y_true.shape[1])
        predictions, targets = module.decode(y_pred, y_true)
        predictions = predictions.double()
        if config.task == "regression":  # as they stand in the table, not scaled there and back
            rows = module.table.rows(part).cpu().numpy()
            targets = torch.as_tensor(trained.dataset.targets[rows], dtype=torch.float64)
        values = {"loss": losses, **panel(config.task, config.metrics, predictions, targets)}
        metrics |= {f"{part}/{name}": _cells(value, diverged) for name, value in values.items()}
    records.write_predictions(folder, _prediction_columns(trained, predictions, targets))
    return metrics


def _cells(values: Tensor, diverged: list[bool]) -> list[float | None]:
    pairs = zip(values.tolist(), diverged, strict=True)
    return [None if gone or not np.isfinite(value) else value for value, gone in pairs]


def _prediction_columns(trained: Trained, predictions: Tensor, targets: Tensor) -> dict[str, NDArray[Any]]:
    """The test part, a line per replicate and row: target, prediction, and classes' probabilities."""
    rows = trained.module.table.rows("test").cpu().numpy()
    replicate = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    columns: dict[str, NDArray[Any]] = {"replicate": replicate.ravel(), "row": rows.ravel()}
    values = predictions.flatten(0, 1).cpu().numpy()
    targets_seen = targets.flatten().cpu().numpy()
    if trained.config.task == "regression":
        return columns | {"target": targets_seen, "prediction": values.ravel()}
    classes = np.array(trained.dataset.classes)
    binary = trained.config.task == "binary"
    decided = (values[:, 0] > 0.5).astype(np.int64) if binary else values.argmax(1)
    shown = classes[1:] if binary else classes
    columns |= {"target": classes[targets_seen], "prediction": classes[decided]}
    return columns | {f"probability/{name}": values[:, i] for i, name in enumerate(shown)}


def _learning_curves(trained: Trained, replicates: list[ReplicateResult]) -> dict[str, NDArray[np.float64]]:
    """What was recorded each epoch, ``(E, R)``, NaN from where a replicate had stopped."""
    names = ["train/loss", "validation/loss", f"validation/{trained.config.metrics[0]}"]
    values = torch.stack(trained.module.history).cpu().numpy()  # (E, 3, R)
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


def _seed_hashes(trained: Trained) -> dict[int, dict[str, str]]:
    assert trained.orders.first is not None
    return {
        seed: {
            "split": provenance.array_hash(split.train, split.validation, split.test),
            "initial_weights": start,
            "order": provenance.array_hash(order.cpu().numpy()),
        }
        for seed, split, start, order in zip(
            trained.config.seeds, trained.splits, trained.start, trained.orders.first, strict=True
        )
    }


def _arrays(module: ReplicateModule) -> dict[str, NDArray[Any]]:
    """The kept weights, and the scaling without which they mean nothing, each ``(R, ...)``."""
    arrays = {name: p.detach() for name, p in module.network.named_parameters()}
    for name, columns in (("features", module.table.features), ("targets", module.table.targets)):
        arrays[f"{name}.mean"] = columns.mean_in_user_units
        arrays[f"{name}.scale"] = columns.scale_in_user_units
    return {name: array.cpu().numpy() for name, array in arrays.items()}
