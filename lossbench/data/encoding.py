"""A target's values in the form that a loss takes."""

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Target, Values
from lossbench.tasks import Encoding


def encode_targets(values: Values, target: Target, encoding: Encoding) -> NDArray[np.float64]:
    """Return a target's canonical values as a loss takes them.

    Args:
        values: class indices ``(..., N)`` or numbers ``(..., N, U)``.
        target: whose values they are.
        encoding: the form.

    Returns:
        ``(..., N, U)``.

    >>> from lossbench.data.bundled import digits
    >>> from lossbench.tasks import ENCODINGS
    >>> target = digits().target
    >>> encode_targets(target.values, target, ENCODINGS["onehot"])[0]
    array([1., 0., 0., 0., 0., 0., 0., 0., 0., 0.])
    """
    if target.values.ndim == 2:
        return values.astype(np.float64, copy=False)
    if encoding.one_hot:
        return np.eye(len(target.classes))[values.astype(np.int64)]
    column = values[..., None].astype(np.float64)
    return 2 * column - 1 if encoding.signed else column
