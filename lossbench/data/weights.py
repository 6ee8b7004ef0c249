"""How much each row counts: weights from the table, balanced classes, unknown labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Values
from lossbench.data.splits import Split


def balanced_weights(values: Values, splits: Sequence[Split], class_count: int) -> NDArray[np.float64]:
    """Return weights ``(R, N)`` with which all classes of a replicate's training part count alike.

    Args:
        values: class indices ``(N,)`` or ``(R, N)`` as training reads them, wrong labels included. Otherwise
            the weights would reveal which labels are wrong.
        splits: one per replicate.
        class_count: how many classes there are.
    """
    labels = np.broadcast_to(values.astype(np.int64), (len(splits), values.shape[-1]))
    counts = np.stack(
        [
            np.bincount(row[split.train], minlength=class_count)
            for row, split in zip(labels, splits, strict=True)
        ]
    )
    of_class = counts.sum(1, keepdims=True) / (np.maximum(counts, 1) * class_count)
    return np.take_along_axis(of_class, labels, 1)


def row_weights(
    count: int,
    given: NDArray[np.float64] | None,
    balance: NDArray[np.float64] | None,
    unlabelled: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64] | None:
    """Return the product of all weights of the rows.

    Args:
        count: the number of rows.
        given: the weights that the data has, ``(N,)``, or None.
        balance: the weights that balance the classes, ``(R, N)``, or None.
        unlabelled: for each replicate the rows that get weight 0.

    Returns:
        ``(R, N)``, or ``(1, N)`` if the weights are the same for all replicates, or None if all rows count
        alike.
    """
    if given is None and balance is None and not any(map(len, unlabelled)):
        return None
    weights = np.ones((1, count)) if given is None else given[None]
    if balance is not None:
        weights = weights * balance
    if any(map(len, unlabelled)):
        weights = np.repeat(weights, len(unlabelled) // len(weights), axis=0)
        for row, rows in zip(weights, unlabelled, strict=True):
            row[rows] = 0
    return weights
