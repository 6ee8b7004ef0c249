"""Losses for targets of several classes, one of which is true."""

import torch
from torch import Tensor

from lossbench.losses.shapes import EPSILON, class_count, floating, paired
from lossbench.parameters import Fraction


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
        ValueError: the shapes differ, or there are fewer than two classes.

    >>> categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([[0.0, 1.0, 0.0]]))
    tensor([0.2231])
    """
    y_pred, y_true = paired(y_pred, y_true)
    classes = class_count(y_pred, axis)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / classes
    return -(y_true * _log_probabilities(y_pred, from_logits, axis)).sum(axis)


def sparse_categorical_crossentropy(
    y_pred: Tensor,
    y_true: Tensor,
    *,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Negative log-likelihood of class indices: as categorical_crossentropy, without the one-hot.

    Domain: ``y_true`` integers 0 to K-1 of shape ``(...)`` or ``(..., 1)``; ``y_pred`` ``(..., K)``,
    probabilities (divided by their sum, clipped to [1e-7, 1 - 1e-7]) or, with ``from_logits``, any
    reals. Value ``(...)``: ``-log p`` of the true class, and 0 where the target is ``ignore_class``,
    which the reduction then leaves out. Source: Keras ``sparse_categorical_crossentropy``.

    Raises:
        ValueError: shapes that do not match, fewer than two classes, or a label that is none of them.

    >>> sparse_categorical_crossentropy(torch.tensor([[0.1, 0.8, 0.1]]), torch.tensor([1]))
    tensor([0.2231])
    """
    y_pred = floating(y_pred)
    classes = class_count(y_pred, axis)
    labels = y_true.squeeze(-1) if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    log_p = _log_probabilities(y_pred, from_logits, axis).movedim(axis, -1)
    if labels.shape != log_p.shape[:-1]:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: y_true must "
            f"hold one class index for each of {tuple(log_p.shape[:-1])}; for one-hot targets use "
            "categorical_crossentropy"
        )
    counts = None if ignore_class is None else labels != ignore_class
    labels = _class_indices(labels if counts is None else labels.where(counts, 0), classes)
    values = -log_p.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return values if counts is None else values.where(counts, 0.0)


def _log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return y_pred.log_softmax(axis)
    return (y_pred / y_pred.sum(axis, keepdim=True)).clamp(EPSILON, 1 - EPSILON).log()


def _class_indices(labels: Tensor, classes: int) -> Tensor:
    indices = labels.to(torch.int64)
    low, high = (int(bound) for bound in indices.aminmax()) if indices.numel() else (0, 0)
    if low < 0 or high >= classes or (labels.is_floating_point() and bool((indices != labels).any())):
        raise ValueError(
            f"y_true holds labels from {low} to {high}: they must be whole numbers from 0 to "
            f"{classes - 1} for the {classes} classes of y_pred; a class to leave out is ignore_class"
        )
    return indices
