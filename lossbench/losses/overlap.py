"""Losses of how far two masks overlap, counted over a whole batch: each couples its samples."""

from torch import Tensor

from lossbench.losses.checks import EPSILON, in_float32, paired_with_targets
from lossbench.signatures import NonNegative


@in_float32
def dice(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    smooth: NonNegative = 0.0,
    from_logits: bool = False,
    axis: int | list[int] | tuple[int, ...] | None = None,
) -> Tensor:
    """One minus the share that two masks have in common of their mean size (soft F1).

    Domain: ``y_true`` in [0, 1]; ``y_pred`` probabilities, or any reals with ``from_logits``; one shape.
    Value, a scalar, or the shape that is left when ``axis`` is summed over:
    ``1 - (2 Σ y p + smooth) / (Σ y + Σ p + smooth + 1e-7)``. Two empty masks have loss 1 where ``smooth``
    is 0, as in Keras, and 0 where it is not. Source: Milletari et al. 2016; Keras ``dice``, which has no
    ``smooth`` and no logits.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> dice(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, 1.0]]))
    tensor(0.2000)
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    p = y_pred.sigmoid() if from_logits else y_pred
    both, sizes = (y_true * p).sum(axis), y_true.sum(axis) + p.sum(axis)
    return 1 - (2 * both + smooth) / (sizes + smooth + EPSILON)


@in_float32
def tversky(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    alpha: NonNegative = 0.5,
    beta: NonNegative = 0.5,
    from_logits: bool = False,
    axis: int | list[int] | tuple[int, ...] | None = None,
) -> Tensor:
    """Dice with its two kinds of error weighed apart: ``alpha`` for what is too much, ``beta`` too little.

    Domain and shapes: as dice. Value: ``1 - I / (I + alpha FP + beta FN + 1e-7)`` with ``I = Σ y p``,
    ``FP = Σ (1 - y) p``, ``FN = Σ y (1 - p)``. Source: Salehi et al. 2017; Keras ``tversky``, which up to
    3.15 has the two weights the wrong way round.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> tversky(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, 1.0]]), alpha=1.0)
    tensor(0.3333)
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    p = y_pred.sigmoid() if from_logits else y_pred
    both = (y_true * p).sum(axis)
    too_much, too_little = ((1 - y_true) * p).sum(axis), (y_true * (1 - p)).sum(axis)
    return 1 - both / (both + alpha * too_much + beta * too_little + EPSILON)
