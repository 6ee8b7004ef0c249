"""Compute every metric of a trained module on every part, and its predictions for the test part."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossbench.config.run_config import RunConfig
from lossbench.data.dataset import Dataset, Target
from lossbench.metrics import panel
from lossbench.metrics.embeddings import nearest_other
from lossbench.training.lightning_module import ReplicateModule
from lossbench.training.settings import OutputSettings

Metrics = dict[str, list[float | None]]
Columns = dict[str, NDArray[Any]]


def evaluate(config: RunConfig, dataset: Dataset, module: ReplicateModule) -> tuple[Metrics, Columns]:
    """Evaluate the kept weights.

    Returns:
        Every metric on every part, one value per replicate; and the columns of ``predictions.csv``. A metric
        that is undefined for all replicates is left out; it is None where a replicate diverged.
    """
    metrics: Metrics = {}
    columns: Columns = {}
    diverged = module.selection.diverged.tolist()
    for part in ("train", "validation", "test"):
        values, columns = _evaluate_part(config, dataset, module, part)
        cells = {f"{part}/{name}": _cells(value, diverged) for name, value in values.items()}
        metrics |= {name: cell for name, cell in cells.items() if all(diverged) or set(cell) != {None}}
    return metrics, columns


def _evaluate_part(
    config: RunConfig, dataset: Dataset, module: ReplicateModule, part: str
) -> tuple[dict[str, list[float]], Columns]:
    with torch.no_grad(), module.trainer.precision_plugin.forward_context():  # as in training
        predictions, targets, losses = module.evaluate(part)
    rows = module.table.rows(part).cpu().numpy()
    names = [name.removeprefix("train/") for name in module.curve_names if name.startswith("train/")]
    values = dict(zip(names, losses.tolist(), strict=True))
    weights = None
    if dataset.weights is not None:
        weights = torch.as_tensor(dataset.weights[rows], device=module.device)
    replicate = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    columns: Columns = {"replicate": replicate.ravel(), "row": rows.ravel()}
    for output in config.outputs:
        target, head = dataset.target_of(output.name), output.head
        decoded, true = module.decode[head](predictions[head], targets[output.terms[0].name])
        true = _original_targets(target, rows, true)
        scores = panel(output.task, list(output.metrics), decoded, true, weights)
        values |= {output.prefix + name: score.tolist() for name, score in scores.items()}
        if part == "test":
            shown = _prediction_columns(output, target, decoded, true)
            columns |= {output.prefix + name: column for name, column in shown.items()}
    return values, columns


def _original_targets(target: Target, rows: NDArray[np.int64], decoded: Tensor) -> Tensor:
    """Return the targets of a part as the table has them: not scaled and scaled back, and not corrupted."""
    values = target.values[rows]
    return torch.as_tensor(values, dtype=torch.float64 if values.ndim == 3 else None, device=decoded.device)


def _cells(values: list[float], diverged: list[bool]) -> list[float | None]:
    pairs = zip(values, diverged, strict=True)
    return [None if is_gone or not np.isfinite(value) else value for value, is_gone in pairs]


def _prediction_columns(
    output: OutputSettings, target: Target, predictions: Tensor, targets: Tensor
) -> Columns:
    """Return a line per replicate and row: target, prediction, and the probabilities of classes."""
    values = predictions.flatten(0, 1).double().cpu().numpy()
    if target.values.ndim == 2:
        return _number_columns(target, values, targets.flatten(0, 1).cpu().numpy())
    classes = np.array(target.classes)
    columns = {"target": classes[targets.flatten().cpu().numpy()]}
    if output.task.retrieves:
        pairs = zip(predictions, targets, strict=True)
        nearest = torch.stack([labels[nearest_other(embeddings)] for embeddings, labels in pairs])
        columns["prediction"] = classes[nearest.flatten().cpu().numpy()]
        return columns | {f"embedding/{index}": column for index, column in enumerate(values.T)}
    one_column = values.shape[1] == 1  # the probability of the second class
    decided = (values[:, 0] > 0.5).astype(np.int64) if one_column else values.argmax(1)
    columns["prediction"] = classes[decided]
    if not output.shows_probabilities:
        return columns
    shown = classes[1:] if one_column else classes
    return columns | {f"probability/{name}": values[:, index] for index, name in enumerate(shown)}


def _number_columns(target: Target, predictions: NDArray[Any], targets: NDArray[Any]) -> Columns:
    names = target.classes or target.columns
    ends = [f"/{name}" for name in names] if len(names) > 1 else [""]
    columns: Columns = {}
    for end, true, predicted in zip(ends, targets.T, predictions.T, strict=True):
        columns |= {f"target{end}": true, f"prediction{end}": predicted}
    return columns
