"""Losses for several classes, exactly one of which is true."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lossbench.losses.checks import class_count, class_indices, floating, labels_for, paired_with_targets
from lossbench.losses.numerics import EPSILON, clipped, in_float32, power, smoothed
from lossbench.losses.reduction import counting
from lossbench.signatures import Fraction, NonNegative, OpenFraction


@in_float32
def categorical_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute the cross-entropy of one-hot or soft targets. Use it for calibrated class probabilities.

    Domain: ``y_true`` a distribution over the K classes along ``axis`` (one-hot or soft); ``y_pred``
    probabilities, which are divided by their sum and clipped to [1e-7, 1 - 1e-7], or any reals with
    ``from_logits``; both of shape ``(..., K)``. Value ``(...)``: ``-Σ y log p`` along ``axis``, the negative
    log-likelihood. ``label_smoothing`` moves the targets to ``y (1-s) + s/K``. Source: Good 1952; Keras
    ``categorical_crossentropy``, but K is the length of ``axis`` (in Keras 3.15 that of the last axis).

    Raises:
        ValueError: the shapes differ, a target lies outside [0, 1], or there are fewer than two classes.

    >>> categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([[0.0, 1.0, 0.0]]))
    tensor([0.2231])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, class_count(y_pred, axis))
    return -(y_true * _log_probabilities(y_pred, from_logits, axis)).sum(axis)


def _not_ignored(labels: Tensor, parameters: Mapping[str, Any]) -> Tensor | None:
    """Return the mask of the labels that are not ``ignore_class``."""
    ignore_class = parameters.get("ignore_class")
    return None if ignore_class is None else labels != ignore_class


@counting(_not_ignored)
@in_float32
def sparse_categorical_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Compute the cross-entropy of class indices. Use it for calibrated class probabilities.

    Domain: ``y_true`` integers 0 to K-1 of shape ``(...)`` or ``(..., 1)``; ``y_pred`` ``(..., K)``,
    probabilities (divided by their sum, clipped to [1e-7, 1 - 1e-7]) or, with ``from_logits``, any
    reals. Value ``(...)``: ``-log p`` of the true class, as categorical_crossentropy gives for one-hot
    targets; it is 0 where the target is ``ignore_class``, and the reduction leaves that value out.
    ``label_smoothing``, which Keras does not have here, is that of categorical_crossentropy. Source: Good
    1952; Keras ``sparse_categorical_crossentropy``.

    Raises:
        ValueError: the shapes do not match, there are fewer than two classes, or a label is not an index
            of a class.

    >>> sparse_categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([1]))
    tensor([0.2231])
    """
    log_p, labels, counts = _log_likelihoods(y_pred, y_true, from_logits, ignore_class, axis)
    values = -log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    if label_smoothing:
        values = (1 - label_smoothing) * values - label_smoothing * log_p.mean(-1)
    return values if counts is None else values.where(counts, 0.0)


@in_float32
def categorical_focal_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    alpha: NonNegative | list[NonNegative] = 0.25,
    gamma: NonNegative = 2.0,
    from_logits: bool = False,
    label_smoothing: Fraction = 0.0,
    axis: int = -1,
) -> Tensor:
    """Compute a categorical cross-entropy that down-weights easy examples. Use it for rare classes.

    Domain: as that of categorical_crossentropy. Value ``(...)``: ``-Σ alpha (1 - p)^gamma y log p`` along
    ``axis``; ``alpha`` is a single weight, or a list with a weight per class along the last axis. From
    logits ``log p`` is their log-softmax, so that a confident wrong prediction has a gradient (Keras clips,
    which makes it 0). Source: Lin et al. 2017; Keras ``categorical_focal_crossentropy``.

    Raises:
        ValueError: the shapes differ, a target lies outside [0, 1], or there are fewer than two classes.

    >>> categorical_focal_crossentropy(torch.tensor([[0.2, 0.8]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.2575])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, class_count(y_pred, axis))
    log_p = _log_probabilities(y_pred, from_logits, axis)
    weights = torch.as_tensor(alpha, dtype=y_pred.dtype, device=y_pred.device)
    return -(weights * power(-log_p.expm1(), gamma) * y_true * log_p).sum(axis)


@in_float32
def categorical_generalized_cross_entropy(
    y_pred: Tensor, y_true: Tensor, *, q: OpenFraction = 0.5, from_logits: bool = False
) -> Tensor:
    """Compute a loss between cross-entropy and absolute error. Use it when some labels are wrong.

    Domain: ``y_true`` integers 0 to K-1 of shape ``(...)`` or ``(..., 1)``; ``y_pred`` ``(..., K)``,
    probabilities (neither divided by their sum nor clipped) or, with ``from_logits``, any reals. Value
    ``(...)``: ``(1 - p^q) / q`` of the true class, which tends to cross-entropy as ``q`` tends to 0 and to
    the absolute error as ``q`` tends to 1. Source: Zhang and Sabuncu 2018; Keras
    ``categorical_generalized_cross_entropy``, which has no logits.

    Raises:
        ValueError: the shapes do not match, there are fewer than two classes, or a label is not an index
            of a class.

    >>> categorical_generalized_cross_entropy(torch.tensor([[0.36, 0.64]]), torch.tensor([1]))
    tensor([0.4000])
    """
    if from_logits:
        log_p, labels, _ = _log_likelihoods(y_pred, y_true, True, None, -1)
        return -(q * log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)).expm1() / q
    y_pred = floating(y_pred)
    labels = class_indices(labels_for(y_pred, y_true), class_count(y_pred, -1))
    return (1 - y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1).pow(q)) / q


def categorical_hinge(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the hinge loss of several classes. Use it for decisions without probabilities.

    Domain: ``y_true`` one-hot; ``y_pred`` any scores; both of shape ``(..., K)``. Value ``(...)``:
    ``max(0, max((1 - y) p) - Σ y p + 1)`` over the last axis: the amount by which the score of the true class
    fails to exceed every other score, and 0, by a margin of 1. Source: Keras ``categorical_hinge``.

    Raises:
        ValueError: the shapes differ, a target lies outside [0, 1], or there are fewer than two classes.

    >>> categorical_hinge(torch.tensor([[0.6, 0.4]]), torch.tensor([[0.0, 1.0]]))
    tensor([1.2000])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    class_count(y_pred, -1)
    truth = (y_true * y_pred).sum(-1)
    rival = ((1 - y_true) * y_pred).amax(-1)
    return (rival - truth + 1).clamp(min=0)


def _log_likelihoods(
    y_pred: Tensor, y_true: Tensor, from_logits: bool, ignore_class: int | None, axis: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return log-probabilities (classes last), the labels that index them, and the mask of valid labels."""
    y_pred = floating(y_pred)
    classes = class_count(y_pred, axis)
    labels = labels_for(y_pred, y_true, axis)
    log_p = _log_probabilities(y_pred, from_logits, axis).movedim(axis, -1)
    counts = None if ignore_class is None else labels != ignore_class
    labels = class_indices(labels if counts is None else labels.where(counts, 0), classes)
    return log_p, labels, counts


def _log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    """Return the log-softmax of logits, or the logarithm of normalised and clipped probabilities."""
    if from_logits:
        return y_pred.log_softmax(axis)
    return clipped(y_pred / y_pred.sum(axis, keepdim=True), EPSILON, 1 - EPSILON).log()
