"""Targets of a data set in the form in which a loss takes them."""

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Target, Values
from lossbench.tasks import Encoding


def encode_targets(values: Values, target: Target, encoding: Encoding) -> NDArray[np.float64]:
    """Return a target's values as a loss takes them.

    Args:
        values: the values of ``target``, perhaps corrupted; a leading axis of replicates stays.
        target: the target that the values belong to.
        encoding: the encoding of the loss.

    Returns:
        ``(..., N, U)``.

    >>> from lossbench import registry
    >>> from lossbench.tasks import ENCODINGS
    >>> target = registry.load("data", "digits")().target
    >>> encode_targets(target.values, target, ENCODINGS["onehot"])[0]
    array([1., 0., 0., 0., 0., 0., 0., 0., 0., 0.])
    """
    if not target.task.has_classes:
        return values.astype(np.float64, copy=False)
    if encoding.one_hot:
        return np.eye(len(target.classes))[values.astype(np.int64)]
    column = values[..., None].astype(np.float64)
    return 2 * column - 1 if encoding.signed else column
