"""Losses between two vectors' directions."""

import torch
from torch import Tensor

from lossbench.losses.shapes import in_float32, paired


@in_float32
def cosine_similarity(y_pred: Tensor, y_true: Tensor, *, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between prediction and target: -1 is best, 1 worst.

    Domain: real vectors along ``axis``, one shape. Value: that shape without ``axis``; 0 where one of the
    two is a zero vector, with a finite gradient. A metric of this name has the other sign. Source: Keras
    ``cosine_similarity``.

    Raises:
        ValueError: the shapes differ.

    >>> cosine_similarity(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    tensor([-0.0000, -1.0000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return -(_direction(y_pred, axis) * _direction(y_true, axis)).sum(axis)


def _direction(vectors: Tensor, axis: int) -> Tensor:
    """Vectors of length 1; zero vectors as they are."""
    # Scaled by their largest entry first, so that no square overflows; the direction does not feel it
    largest = vectors.detach().abs().amax(axis, keepdim=True)
    vectors = vectors / torch.where(largest == 0, 1, largest)
    length = torch.linalg.vector_norm(vectors, dim=axis, keepdim=True)
    return vectors / torch.where(length == 0, 1, length)
