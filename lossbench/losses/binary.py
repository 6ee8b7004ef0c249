"""Losses for two classes, 0 and 1 (or -1 and 1 for the hinge losses)."""

import torch
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import paired_with_targets
from lossbench.losses.numerics import EPSILON, averaged, clipped, in_float32, power, smoothed
from lossbench.signatures import Fraction, NonNegative


@in_float32
def binary_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute the cross-entropy of 0/1 targets. Use it for calibrated probabilities of two classes.

    Domain: ``y_true`` in [0, 1]; ``y_pred`` probabilities, or any reals with ``from_logits``; both
    of shape ``(..., U)``. Value ``(...)``: the mean along ``axis`` of ``-y log p - (1-y) log(1-p)``, the
    negative log-likelihood, where ``p`` is the probability clipped to [1e-7, 1 - 1e-7]. From logits the
    logarithms are computed directly, without clipping. ``label_smoothing`` moves the targets to
    ``y (1-s) + s/2``. Source: Good 1952; Keras ``binary_crossentropy``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> binary_crossentropy(torch.tensor([[0.9], [0.2]]), torch.tensor([[1.0], [0.0]]))
    tensor([0.1054, 0.2231])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, 2)
    return averaged(_crossentropy(y_pred, y_true, from_logits), axis)


@in_float32
def binary_focal_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    apply_class_balancing: bool = False,
    alpha: Fraction = 0.25,
    gamma: NonNegative = 2.0,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute a binary cross-entropy that down-weights easy examples. Use it when one class is rare.

    Domain: as that of binary_crossentropy. Value ``(...)``: the mean along ``axis`` of
    ``(1 - p_t)^gamma`` times the cross-entropy, where ``p_t`` is the predicted probability of the true
    class; with ``apply_class_balancing`` also times ``alpha`` for targets of 1 and ``1 - alpha`` for
    targets of 0. ``gamma = 0`` gives binary_crossentropy. From logits the log-sigmoid is used, so that a
    confident wrong prediction has a gradient (Keras clips, which makes it 0). Source: Lin et al. 2017;
    Keras ``binary_focal_crossentropy``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> binary_focal_crossentropy(torch.tensor([[0.9], [0.2]]), torch.tensor([[1.0], [1.0]]))
    tensor([0.0011, 1.0300])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, 2)
    # wrong = 1 - p_t, accurate near 0 and 1, so that confident wrong predictions keep their gradient
    p, q = (y_pred.sigmoid(), (-y_pred).sigmoid()) if from_logits else (y_pred, 1 - y_pred)
    wrong = torch.lerp(p, q, y_true)
    values = power(wrong, gamma) * _crossentropy(y_pred, y_true, from_logits)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1 - y_true) * (1 - alpha))
    return averaged(values, axis)


def focal(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    alpha: Fraction = 0.25,
    gamma: NonNegative = 2.0,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute the original focal loss, with classes weighted by ``alpha``. Use it for rare positives.

    Domain and value: as those of binary_focal_crossentropy with ``apply_class_balancing=True``. Source: Lin
    et al. 2017.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> focal(torch.tensor([[0.9], [0.2]]), torch.tensor([[1.0], [1.0]]))
    tensor([0.0003, 0.2575])
    """
    return binary_focal_crossentropy(
        y_pred,
        y_true,
        apply_class_balancing=True,
        alpha=alpha,
        gamma=gamma,
        from_logits=from_logits,
        label_smoothing=label_smoothing,
        axis=axis,
    )


def hinge(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the loss of a support vector machine. Use it for decisions without probabilities.

    Domain: ``y_true`` -1 or 1 (if all labels are 0 or 1, each 0 is read as -1, as in Keras); ``y_pred`` any
    scores, whose sign is the decision; both of shape ``(..., U)``. Value ``(...)``: the mean over the last
    axis of ``max(1 - y_true y_pred, 0)``, the amount by which a score misses the margin of 1. Source: Cortes
    and Vapnik 1995; Keras ``hinge``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [-1, 1].

    >>> hinge(torch.tensor([[0.8], [0.3]]), torch.tensor([[1.0], [-1.0]]))
    tensor([0.2000, 1.3000])
    """
    return averaged(_shortfall(y_pred, y_true))


def squared_hinge(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the squared hinge loss. Use it as a hinge loss that is smooth at the margin.

    Domain: as that of hinge, with the same conversion of labels. Value ``(...)``: the mean over the last
    axis of ``max(1 - y_true y_pred, 0)²``. Source: Keras ``squared_hinge``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [-1, 1].

    >>> squared_hinge(torch.tensor([[0.8], [0.3]]), torch.tensor([[1.0], [-1.0]]))
    tensor([0.0400, 1.6900])
    """
    return averaged(_shortfall(y_pred, y_true).square())


def _crossentropy(y_pred: Tensor, y_true: Tensor, from_logits: bool) -> Tensor:
    """Return the cross-entropy of each single prediction."""
    if from_logits:
        return functional.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
    p = clipped(y_pred, EPSILON, 1 - EPSILON)
    # Under autocast on CUDA, torch refuses to compute the cross-entropy of probabilities
    with torch.autocast(p.device.type, enabled=False):
        if not p.detach().sum().isnan():
            return functional.binary_cross_entropy(p, y_true, reduction="none")
        missing = p.isnan()  # torch refuses NaN, which a diverged network predicts; its loss is NaN
        values = functional.binary_cross_entropy(p.masked_fill(missing, 0.5), y_true, reduction="none")
        return values.masked_fill(missing, torch.nan)


def _shortfall(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Return by how much each score misses the margin of 1 on the side of its label."""
    y_pred, y_true = paired_with_targets(y_pred, y_true, least=-1)
    zero_or_one = ((y_true == 0) | (y_true == 1)).all()
    signs = torch.where(zero_or_one, 2 * y_true - 1, y_true)
    return (1 - signs * y_pred).relu()
