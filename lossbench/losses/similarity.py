"""Losses that compare the directions of two vectors."""

import torch
from torch import Tensor

from lossbench.losses.checks import paired
from lossbench.losses.numerics import EPSILON, in_float32


@in_float32
def cosine_similarity(y_pred: Tensor, y_true: Tensor, *, axis: int = -1) -> Tensor:
    """Compute minus the cosine of the angle between two vectors. Use it where only direction matters.

    Domain: real vectors along ``axis``, of equal shape. Value: that shape without ``axis``, from -1 (same
    direction) to 1 (opposite); where either is a zero vector it is 0, with a finite gradient. For vectors
    shorter than 1e-7 it is closer to 0, as in Keras. A metric of this name has the opposite sign. Source:
    Keras ``cosine_similarity``.

    Raises:
        ValueError: the shapes differ.

    >>> cosine_similarity(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
    tensor([-0., -1.])
    """
    y_pred, y_true = paired(y_pred, y_true)
    (p, p_square), (y, y_square) = _with_square(y_pred, axis), _with_square(y_true, axis)
    return -(p * y).sum(axis) / (p_square * y_square).sqrt()


def _with_square(vectors: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return the vectors and their squared lengths, which are at least the square of Keras's 1e-7.

    A vector whose squared length could overflow or underflow, alone or in the product with another, is
    divided by its largest entry first.
    """
    square, floor = vectors.square().sum(axis), torch.full((), EPSILON**2).to(vectors)
    usual = (square > 1e-18) & (square < 1e18)
    if not bool(usual.all()):
        largest = vectors.detach().abs().amax(axis)
        largest = torch.where(usual | (largest == 0), 1, largest)
        vectors, floor = vectors / largest.unsqueeze(axis), (EPSILON / largest).square()
        square = vectors.square().sum(axis)
    return vectors, torch.maximum(square, floor)
