"""Penalties on weights, as Keras defines them: each maps a tensor ``(R, ...)`` to one penalty per replicate.

Penalties are added to the loss, so that their gradients enter the optimizer's moments. The ``weight_decay``
of AdamW is different: it shrinks the weights outside the gradient.
"""

from typing import Literal

import torch
from torch import Tensor

from lossbench.signatures import NonNegative


def none(weight: Tensor) -> Tensor:
    """Return no penalty: 0 for each replicate.

    >>> none(torch.ones(2, 3, 3))
    tensor([0., 0.])
    """
    return weight.new_zeros(len(weight))


def l1(weight: Tensor, *, l1: NonNegative = 0.01) -> Tensor:
    """Compute the sum of absolute weights; it drives unhelpful weights to zero.

    Args:
        weight: ``(R, ...)``.
        l1: the factor.

    Returns:
        ``l1 Σ |w|``, ``(R,)``. Source: Keras ``L1``.

    >>> l1(torch.tensor([[[1.0, -2.0], [3.0, 4.0]]]))
    tensor([0.1000])
    """
    return l1 * weight.flatten(1).abs().sum(1)


def l2(weight: Tensor, *, l2: NonNegative = 0.01) -> Tensor:
    """Compute the sum of squared weights, without a factor of one half; it keeps all weights small.

    Args:
        weight: ``(R, ...)``.
        l2: the factor.

    Returns:
        ``l2 Σ w²``, ``(R,)``. Source: Keras ``L2``.

    >>> l2(torch.tensor([[[1.0, -2.0], [3.0, 4.0]]]))
    tensor([0.3000])
    """
    return l2 * weight.flatten(1).square().sum(1)


def l1l2(weight: Tensor, *, l1: NonNegative = 0.0, l2: NonNegative = 0.0) -> Tensor:
    """Compute the sum of absolute and squared weights (elastic net); it leaves few and small weights.

    Args:
        weight: ``(R, ...)``.
        l1: the factor of the sum of absolute weights.
        l2: the factor of the sum of squared weights.

    Returns:
        ``l1 Σ |w| + l2 Σ w²``, ``(R,)``. Source: Keras ``L1L2``.

    >>> l1l2(torch.tensor([[[1.0, -2.0], [3.0, 4.0]]]), l1=0.01, l2=0.01)
    tensor([0.4000])
    """
    flat = weight.flatten(1)
    return l1 * flat.abs().sum(1) + l2 * flat.square().sum(1)


def orthogonal(
    weight: Tensor, *, factor: NonNegative = 0.01, mode: Literal["rows", "columns"] = "rows"
) -> Tensor:
    """Compute the mean absolute cosine between the rows, or columns, of a kernel; it makes them orthogonal.

    Args:
        weight: ``(R, inputs, outputs)``.
        factor: the factor of the mean.
        mode: whether rows or columns are made orthogonal.

    Returns:
        ``factor`` times the mean of ``|cos|`` over all pairs, ``(R,)``. Source: Keras
        ``OrthogonalRegularizer``.

    >>> orthogonal(torch.tensor([[[1.0, -2.0], [3.0, 4.0]]]))
    tensor([0.0045])
    """
    vectors = weight if mode == "rows" else weight.mT
    unit = vectors / vectors.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()  # Keras's floor
    count = unit.shape[-2]
    cosines = unit @ unit.mT * (1 - torch.eye(count, dtype=unit.dtype, device=unit.device))
    return factor * 0.5 * cosines.abs().sum((-2, -1)) / max(count * (count - 1) / 2, 1)
