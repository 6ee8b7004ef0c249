"""Compute every metric of a trained module on every part, and its predictions for the test part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossbench.data.dataset import Dataset, Target
from lossbench.data.splits import PARTS
from lossbench.metrics import panel
from lossbench.metrics.embeddings import nearest_other
from lossbench.training.lightning_module import ReplicateModule
from lossbench.training.settings import OutputSettings

Metrics = dict[str, list[float | None]]
Columns = dict[str, NDArray[Any]]
Decoded = dict[str, tuple[Tensor, Tensor]]  # by head, predictions and targets


def evaluate(
    outputs: Sequence[OutputSettings], dataset: Dataset, module: ReplicateModule
) -> tuple[Metrics, Columns]:
    """Evaluate the kept weights.

    Returns:
        Every metric on every part, one value per replicate; and the columns of ``predictions.csv``. A metric
        that is undefined for all replicates is left out; it is None where a replicate diverged.
    """
    metrics: Metrics = {}
    diverged = module.selection.diverged.tolist()
    for part in PARTS:
        losses, decoded = _decoded(outputs, dataset, module, part)
        values = losses | _scores(outputs, dataset, module, part, decoded)
        cells = {f"{part}/{name}": _cells(value, diverged) for name, value in values.items()}
        metrics |= {name: cell for name, cell in cells.items() if all(diverged) or set(cell) != {None}}
    return metrics, _columns(outputs, dataset, module, "test", decoded)


def _decoded(
    outputs: Sequence[OutputSettings], dataset: Dataset, module: ReplicateModule, part: str
) -> tuple[dict[str, list[float]], Decoded]:
    """Return the recorded losses of a part, and by head predictions and targets as metrics read them."""
    with torch.no_grad(), module.trainer.precision_plugin.forward_context():  # as in training
        predictions, targets, losses = module.evaluate(part)
    names = module.objective.names(module.penalty is not None)
    rows = module.table.rows(part).cpu().numpy()
    decoded = {}
    for output in outputs:
        head = output.head
        values, _ = module.decode[head](predictions[head], targets[output.target_term])
        decoded[head] = values, _original_targets(dataset.target_of(output.name), rows, module.device)
    return dict(zip(names, losses.tolist(), strict=True)), decoded


def _original_targets(target: Target, rows: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return the targets of a part as the table has them: not scaled and scaled back, and not corrupted."""
    values = target.values[rows]
    return torch.as_tensor(values, dtype=torch.float64 if values.ndim == 3 else None, device=device)


def _scores(
    outputs: Sequence[OutputSettings], dataset: Dataset, module: ReplicateModule, part: str, decoded: Decoded
) -> dict[str, list[float]]:
    """Return every metric of every output on a part, one value per replicate."""
    weights = None
    if dataset.weights is not None:
        rows = module.table.rows(part).cpu().numpy()
        weights = torch.as_tensor(dataset.weights[rows], device=module.device)
    return {
        output.prefix + name: score.tolist()
        for output in outputs
        for name, score in panel(output.task, list(output.metrics), *decoded[output.head], weights).items()
    }


def _columns(
    outputs: Sequence[OutputSettings], dataset: Dataset, module: ReplicateModule, part: str, decoded: Decoded
) -> Columns:
    """Return the columns of ``predictions.csv``: a line per replicate and row of a part."""
    rows = module.table.rows(part).cpu().numpy()
    replicate = np.broadcast_to(np.arange(len(rows))[:, None], rows.shape)
    shown_rows = rows if dataset.row_numbers is None else dataset.row_numbers[rows]
    columns: Columns = {"replicate": replicate.ravel(), "row": shown_rows.ravel()}
    for output in outputs:
        shown = _prediction_columns(output, dataset.target_of(output.name), *decoded[output.head])
        columns |= {output.prefix + name: column for name, column in shown.items()}
    return columns


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
