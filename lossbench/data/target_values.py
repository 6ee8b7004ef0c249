"""Each replicate's targets and row weights after corruption of its training part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbench.data.corruption import Corruption, corrupted, missing
from lossbench.data.dataset import Target, Values
from lossbench.data.splits import Split


def corrupted_values(
    target: Target, splits: Sequence[Split], corruption: Corruption, seeds: Sequence[int]
) -> Values:
    """Return the target's values; with a leading axis of replicates where each has its own."""
    if not (
        corruption.label_noise if target.values.ndim == 1 else corruption.outliers and target.task.is_numeric
    ):
        return target.values
    pairs = zip(splits, seeds, strict=True)
    every: list[Any] = [corrupted(target, split, corruption, seed) for split, seed in pairs]
    stacked: Values = np.stack(every)
    return stacked


def rows_without_label(
    splits: Sequence[Split], corruption: Corruption, seeds: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Return each replicate's training rows whose target is treated as unknown."""
    pairs = zip(splits, seeds, strict=True)
    return [missing(split, corruption.missing_labels, seed) for split, seed in pairs]


def row_weights(
    weights: NDArray[np.float64] | None,
    target: Target,
    values: Values,
    splits: Sequence[Split],
    unlabelled: Sequence[NDArray[np.int64]],
    *,
    balance: bool,
) -> NDArray[np.float64] | None:
    """Return how much each row counts.

    Args:
        weights: the data set's ``(N,)``; None if all rows count alike.
        target: whose rows are weighted.
        values: its values after corruption, with or without an axis of replicates.
        splits: one per replicate.
        unlabelled: of each replicate the rows that count for nothing.
        balance: whether every class of a training part has the same total weight.

    Returns:
        ``(R, N)``, or ``(1, N)`` where it is the same for all replicates; None where all rows count alike.
    """
    result = None if weights is None else weights[None]
    everything = np.ones((1, len(target.values))) if result is None else result
    if balance and target.values.ndim == 1:
        result = everything = everything * _class_weights(target, values, splits)
    if any(len(rows) for rows in unlabelled):
        result = np.repeat(everything, len(splits) // len(everything), axis=0)
        for row, rows in zip(result, unlabelled, strict=True):
            row[rows] = 0
    return result


def _class_weights(target: Target, values: Values, splits: Sequence[Split]) -> NDArray[np.float64]:
    """Return each row's class weight ``(R, N)``, by the labels as given: weights must not reveal wrong ones."""
    labels = np.broadcast_to(values.astype(np.int64), (len(splits), len(target.values)))
    classes = len(target.classes)
    counts = np.stack(
        [np.bincount(row[split.train], minlength=classes) for row, split in zip(labels, splits, strict=True)]
    )
    of_class = counts.sum(1, keepdims=True) / (np.maximum(counts, 1) * classes)
    weights: NDArray[np.float64] = np.take_along_axis(of_class, labels, 1)
    return weights
