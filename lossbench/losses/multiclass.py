"""Losses for targets of several classes, one of which is true."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lossbench.losses.checks import (
    EPSILON,
    class_count,
    clipped,
    floating,
    in_float32,
    paired_with_targets,
    power,
    smoothed,
)
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
    """Negative log-likelihood of one-hot targets: asks for calibrated probabilities.

    Domain: ``y_true`` a distribution over the K classes along ``axis`` (one-hot or soft); ``y_pred``
    probabilities, which are divided by their sum and clipped to [1e-7, 1 - 1e-7], or any reals with
    ``from_logits``; one shape ``(..., K)``. Value ``(...)``: ``-Σ y log p`` along ``axis``.
    ``label_smoothing`` moves the targets to ``y (1-s) + s/K``. Source: Keras
    ``categorical_crossentropy``, with K counted along ``axis`` (Keras 3.15 counts the last axis).

    Raises:
        ValueError: the shapes differ, a target lies outside [0, 1], or there are fewer than two classes.

    >>> categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([[0.0, 1.0, 0.0]]))
    tensor([0.2231])
    """
    y_pred, y_true = paired_with_targets(y_pred, y_true)
    y_true = smoothed(y_true, label_smoothing, class_count(y_pred, axis))
    return -(y_true * _log_probabilities(y_pred, from_logits, axis)).sum(axis)


def _not_ignored(labels: Tensor, parameters: Mapping[str, Any]) -> Tensor | None:
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
    """Negative log-likelihood of class indices: as categorical_crossentropy, without the one-hot.

    Domain: ``y_true`` integers 0 to K-1 of shape ``(...)`` or ``(..., 1)``; ``y_pred`` ``(..., K)``,
    probabilities (divided by their sum, clipped to [1e-7, 1 - 1e-7]) or, with ``from_logits``, any
    reals. Value ``(...)``: ``-log p`` of the true class, and 0 where the target is ``ignore_class``,
    which the reduction then leaves out. ``label_smoothing`` (Keras has none here) is that of
    categorical_crossentropy on the one-hot targets. Source: Keras ``sparse_categorical_crossentropy``.

    Raises:
        ValueError: shapes that do not match, fewer than two classes, or a label that is none of them.

    >>> sparse_categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([1]))
    tensor([0.2231])
    """
    log_p, labels, counts = _of_the_truth(y_pred, y_true, from_logits, ignore_class, axis)
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
    """Categorical cross-entropy that fades where the prediction is right: what is hard decides.

    Domain: as categorical_crossentropy. Value ``(...)``: ``-Σ alpha (1 - p)^gamma y log p`` along
    ``axis``; ``alpha`` is one weight, or a list of one per class along the last axis. From logits ``log p``
    is their log-softmax, so that a wrong and certain prediction keeps its gradient (Keras clips it away).
    Source: Lin et al. 2017, Keras ``categorical_focal_crossentropy``.

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
    """Between cross-entropy (q to 0) and absolute error (q to 1): withstands wrong labels.

    Domain: ``y_true`` integers 0 to K-1 of shape ``(...)`` or ``(..., 1)``; ``y_pred`` ``(..., K)``,
    probabilities (taken as they are) or, with ``from_logits``, any reals. Value ``(...)``:
    ``(1 - p^q) / q`` of the true class. Source: Zhang and Sabuncu 2018; Keras
    ``categorical_generalized_cross_entropy``, which has no logits.

    Raises:
        ValueError: shapes that do not match, fewer than two classes, or a label that is none of them.

    >>> categorical_generalized_cross_entropy(torch.tensor([[0.36, 0.64]]), torch.tensor([1]))
    tensor([0.4000])
    """
    if from_logits:
        log_p, labels, _ = _of_the_truth(y_pred, y_true, True, None, -1)
        return -(q * log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)).expm1() / q
    y_pred = floating(y_pred)
    labels = _class_indices(_without_last_of_one(y_pred, y_true, -1), class_count(y_pred, -1))
    return (1 - y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1).pow(q)) / q


def categorical_hinge(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Distance of the true class's score from beating all others by a margin of 1.

    Domain: ``y_true`` one-hot; ``y_pred`` any scores; one shape ``(..., K)``. Value ``(...)``:
    ``max(0, max((1 - y) p) - Σ y p + 1)`` over the last axis, in which the true class counts as a rival of
    score 0. Source: Keras ``categorical_hinge``.

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


def _of_the_truth(
    y_pred: Tensor, y_true: Tensor, from_logits: bool, ignore_class: int | None, axis: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Log-probabilities with the classes last, the labels that index them, and which of them count."""
    y_pred = floating(y_pred)
    classes = class_count(y_pred, axis)
    labels = _without_last_of_one(y_pred, y_true, axis)
    log_p = _log_probabilities(y_pred, from_logits, axis).movedim(axis, -1)
    counts = None if ignore_class is None else labels != ignore_class
    labels = _class_indices(labels if counts is None else labels.where(counts, 0), classes)
    return log_p, labels, counts


def _without_last_of_one(y_pred: Tensor, y_true: Tensor, axis: int) -> Tensor:
    """The labels, one for each distribution of ``y_pred``."""
    labels = y_true.squeeze(-1) if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    wanted = y_pred.movedim(axis, -1).shape[:-1]
    if labels.shape != wanted:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: y_true must "
            f"hold one class index for each of {tuple(wanted)}; for one-hot targets use "
            "categorical_crossentropy"
        )
    return labels


def _log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return y_pred.log_softmax(axis)
    return clipped(y_pred / y_pred.sum(axis, keepdim=True), EPSILON, 1 - EPSILON).log()


def _class_indices(labels: Tensor, classes: int) -> Tensor:
    indices = labels.to(torch.int64)
    low, high = (int(bound) for bound in indices.aminmax()) if indices.numel() else (0, 0)
    if low < 0 or high >= classes or (labels.is_floating_point() and bool((indices != labels).any())):
        raise ValueError(
            f"y_true holds labels from {low} to {high}: they must be whole numbers from 0 to "
            f"{classes - 1} for the {classes} classes of y_pred; a class to leave out is ignore_class"
        )
    return indices
