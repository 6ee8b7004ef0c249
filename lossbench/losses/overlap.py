"""Losses that measure the overlap of two masks. They sum over the whole batch, so they couple its samples."""

from torch import Tensor

from lossbench.losses.checks import paired_with_targets
from lossbench.losses.numerics import EPSILON, in_float32
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
    """Compute one minus the Dice overlap of two masks (soft F1). Use it when few pixels are positive.

    Domain: ``y_true`` in [0, 1]; ``y_pred`` probabilities, or any reals with ``from_logits``; same shape.
    Value: ``1 - (2 Σ y p + smooth) / (Σ y + Σ p + smooth + 1e-7)``, summed over the axes in ``axis``; with
    ``axis=None`` over all of them, which gives a scalar. The loss of two empty masks is 1 if ``smooth`` is
    0, as in Keras, and 0 otherwise. Source: Milletari et al. 2016; Keras ``dice``, which has neither
    ``smooth`` nor logits.

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
    """Compute a Dice loss that weights false positives by ``alpha`` and false negatives by ``beta``.

    Domain and shapes: as those of dice. Value: ``1 - I / (I + alpha FP + beta FN + 1e-7)`` with
    ``I = Σ y p``, ``FP = Σ (1 - y) p``, ``FN = Σ y (1 - p)``. Use a larger ``beta`` when a missed pixel is
    worse than a false alarm. Source: Salehi et al. 2017; Keras ``tversky``, in which the two weights are
    exchanged up to version 3.15.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> tversky(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, 1.0]]), alpha=1.0)
    tensor(0.3333)
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    p = y_pred.sigmoid() if from_logits else y_pred
    both = (y_true * p).sum(axis)
    false_positive, false_negative = ((1 - y_true) * p).sum(axis), (y_true * (1 - p)).sum(axis)
    return 1 - both / (both + alpha * false_positive + beta * false_negative + EPSILON)
