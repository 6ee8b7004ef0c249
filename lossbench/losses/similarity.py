"""Losses between two vectors' directions."""

import torch
from torch import Tensor

from lossbench.losses.checks import EPSILON, in_float32, paired


@in_float32
def cosine_similarity(y_pred: Tensor, y_true: Tensor, *, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between prediction and target: -1 is best, 1 worst.

    Domain: real vectors along ``axis``, one shape. Value: that shape without ``axis``; 0 where one of the
    two is a zero vector, with a finite gradient. Vectors shorter than 1e-7 count for less, as in Keras. A
    metric of this name has the other sign. Source: Keras ``cosine_similarity``.

    Raises:
        ValueError: the shapes differ.

    >>> cosine_similarity(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    tensor([-0., -1.])
    """
    y_pred, y_true = paired(y_pred, y_true)
    (p, p_square), (y, y_square) = _with_square(y_pred, axis), _with_square(y_true, axis)
    return -(p * y).sum(axis) / (p_square * y_square).sqrt()


def _with_square(vectors: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Vectors and their squared lengths, of which each is at least Keras's 1e-7: shorter is no direction.

    Of a vector whose square, or its product with another, might overflow or vanish, the largest entry
    becomes 1.
    """
    square, floor = vectors.square().sum(axis), torch.full((), EPSILON**2).to(vectors)
    usual = (square > 1e-18) & (square < 1e18)
    if not bool(usual.all()):
        largest = vectors.detach().abs().amax(axis)
        largest = torch.where(usual | (largest == 0), 1, largest)
        vectors, floor = vectors / largest.unsqueeze(axis), (EPSILON / largest).square()
        square = vectors.square().sum(axis)
    return vectors, torch.maximum(square, floor)
