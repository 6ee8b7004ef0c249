"""Losses for targets of two classes, 0 and 1."""

import torch
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import (
    EPSILON,
    averaged,
    clipped,
    in_float32,
    paired_with_targets,
    power,
    smoothed,
)
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
    """Negative log-likelihood of 0/1 targets: asks for calibrated probabilities.

    Domain: ``y_true`` in [0, 1]; ``y_pred`` probabilities, or any reals with ``from_logits``; one
    shape ``(..., U)``. Value ``(...)``: the mean along ``axis`` of ``-y log p - (1-y) log(1-p)``, where
    ``p`` is the sigmoid of a logit (computed without forming it), or the probability clipped to
    [1e-7, 1 - 1e-7]. ``label_smoothing`` moves the targets to ``y (1-s) + s/2``.
    Source: Keras ``binary_crossentropy``.

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
    """Cross-entropy that fades where the prediction is right: what is hard decides.

    Domain: as binary_crossentropy. Value ``(...)``: the mean along ``axis`` of ``(1 - p_t)^gamma`` times
    the cross-entropy, where ``p_t`` is the probability given to the truth; with
    ``apply_class_balancing`` times ``alpha`` for ones and ``1 - alpha`` for zeros. ``gamma = 0`` is
    binary_crossentropy. From logits all is computed from their log-sigmoid, so that a wrong and certain
    prediction keeps its gradient (Keras clips it away). Source: Lin et al. 2017, Keras
    ``binary_focal_crossentropy``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [0, 1].

    >>> binary_focal_crossentropy(torch.tensor([[0.9], [0.2]]), torch.tensor([[1.0], [1.0]]))
    tensor([0.0011, 1.0300])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, 2)
    # 1 - p_t, with all its digits near 0: a wrong and certain prediction keeps its gradient
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
    """Focal loss as its paper has it: binary_focal_crossentropy with its classes balanced by ``alpha``.

    Domain, value and errors: as binary_focal_crossentropy with ``apply_class_balancing``. Source: Lin et
    al. 2017.

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
    """Distance from being right by a margin of 1: the support vector machine's loss.

    Domain: ``y_true`` -1 or 1 (labels that are all 0 or 1 are read as such, as in Keras); ``y_pred`` any
    scores, decided at 0; one shape ``(..., U)``. Value ``(...)``: the mean over the last axis of
    ``max(1 - y_true y_pred, 0)``. Source: Cortes and Vapnik 1995; Keras ``hinge``.

    Raises:
        ValueError: the shapes differ, or a target lies outside [-1, 1].

    >>> hinge(torch.tensor([[0.8], [0.3]]), torch.tensor([[1.0], [-1.0]]))
    tensor([0.2000, 1.3000])
    """
    return averaged(_shortfall(y_pred, y_true))


def squared_hinge(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Squared distance from being right by a margin of 1: hinge, smooth at the margin.

    Domain, conversion of labels and errors: as hinge. Value ``(...)``: the mean over the last axis of
    ``max(1 - y_true y_pred, 0)²``. Source: Keras ``squared_hinge``.

    >>> squared_hinge(torch.tensor([[0.8], [0.3]]), torch.tensor([[1.0], [-1.0]]))
    tensor([0.0400, 1.6900])
    """
    return averaged(_shortfall(y_pred, y_true).square())


def _crossentropy(y_pred: Tensor, y_true: Tensor, from_logits: bool) -> Tensor:
    if from_logits:
        return functional.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
    p = clipped(y_pred, EPSILON, 1 - EPSILON)
    with torch.autocast(p.device.type, enabled=False):  # under which CUDA takes no probabilities
        if not p.detach().sum().isnan():
            return functional.binary_cross_entropy(p, y_true, reduction="none")
        missing = p.isnan()  # which torch refuses, and of a diverged network are an answer
        values = functional.binary_cross_entropy(p.masked_fill(missing, 0.5), y_true, reduction="none")
        return values.masked_fill(missing, torch.nan)


def _shortfall(y_pred: Tensor, y_true: Tensor) -> Tensor:
    y_pred, y_true = paired_with_targets(y_pred, y_true, least=-1)
    zero_or_one = ((y_true == 0) | (y_true == 1)).all()
    signs = torch.where(zero_or_one, 2 * y_true - 1, y_true)
    return (1 - signs * y_pred).relu()
