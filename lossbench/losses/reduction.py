"""Reduction of loss values to a number: sample weights, masks and the reductions of Keras."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lossbench.losses.numerics import LossFunction
from lossbench.signatures import DEFAULT_REDUCTION

# Maps targets in the shape of the values, and the parameters of the loss, to the mask of values that count
Mask = Callable[[Tensor, Mapping[str, Any]], Tensor | None]


def counting(mask_of: Mask) -> Callable[[LossFunction], LossFunction]:
    """Declare that only some values of a loss function count: the others are 0 and enter no mean.

    Args:
        mask_of: computes the mask from the targets, in the shape of the values, and the parameters.

    >>> @counting(lambda y_true, parameters: y_true != 0)
    ... def absolute(y_pred, y_true):
    ...     return (y_pred - y_true).abs()
    >>> y_true = torch.tensor([0.0, 1.0])
    >>> counted(absolute, absolute(torch.zeros(2), y_true), y_true, {})
    tensor([False,  True])
    """

    def mark(function: LossFunction) -> LossFunction:
        vars(function)["mask_of_counted"] = mask_of
        return function

    return mark


def counted(
    function: Callable[..., Tensor], values: Tensor, y_true: Tensor, parameters: Mapping[str, Any]
) -> Tensor | None:
    """Return the mask of the values of a loss function that count, or None if all do.

    Args:
        function: a loss function, perhaps decorated by :func:`counting`.
        values: what it returned.
        y_true: the targets that it was given, in the shape of the values or with further axes of length 1.
        parameters: the parameters that it was given.
    """
    mask_of: Mask | None = getattr(function, "mask_of_counted", None)
    return None if mask_of is None else mask_of(y_true.reshape(values.shape), parameters)


def reduce(
    values: Tensor,
    sample_weight: Tensor | None = None,
    *,
    reduction: str = DEFAULT_REDUCTION,
    mask: Tensor | None = None,
) -> Tensor:
    """Weight and reduce the loss values of each replicate, as Keras 3 does for a single network.

    Args:
        values: ``(R, B)``, or ``(R, B, T)`` with time steps; ``(R,)`` if the loss returns a scalar per batch.
        sample_weight: ``(R,)`` for all samples, ``(R, B)`` per sample, ``(R, B, T)`` or ``(R, B, 1)``.
        reduction: ``sum_over_batch_size`` and ``mean`` divide by the number of values (not by the
            sum of weights), ``mean_with_sample_weight`` by the sum of weights; ``sum`` does not divide;
            ``none`` keeps every value.
        mask: True where a value counts, in the shape of ``values``. Means then divide by the number of
            values that count.

    Returns:
        ``(R,)``; with ``none`` the weighted values. If the divisor is 0 the result is 0, as in Keras.

    Raises:
        ValueError: the weights do not fit the axes of the values, or the values are scalars.

    Source: ``keras/src/losses/loss.py`` of Keras 3.15.1, with one deviation:
    ``mean_with_sample_weight`` divides by the sum of the weights after broadcasting them to the values.

    >>> weights = torch.tensor([[1.0, 2.0, 0.0]])
    >>> reduce(torch.tensor([[0.5, 2.0, 1.0]]), weights)
    tensor([1.5000])
    """
    if values.ndim == 1 and sample_weight is None:
        return values
    if values.dtype.itemsize < 4:  # a sum of many half-precision numbers would overflow
        wide = reduce(values.float(), sample_weight, reduction=reduction, mask=mask)
        return wide.to(values.dtype)
    if mask is not None:
        values = values.where(mask, 0)
    weights = None
    if sample_weight is not None:
        values, weights = _aligned(values, sample_weight.to(values.dtype))
        values = values * weights
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.flatten(1).sum(1)
    return _mean(values, mask, weights if reduction == "mean_with_sample_weight" else None)


def _mean(values: Tensor, mask: Tensor | None, weights: Tensor | None) -> Tensor:
    """Divide the sum of each replicate by the number of values that count, or by the sum of their weights."""
    if mask is None and weights is None:
        return values.flatten(1).mean(1) if values.numel() else values.flatten(1).sum(1)
    counts = torch.ones_like(values) if mask is None else mask.to(values.dtype).view(values.shape)
    if weights is not None:
        counts = counts * weights
    total, divisor = values.flatten(1).sum(1), counts.flatten(1).sum(1)
    return torch.where(divisor == 0, 0.0, total / torch.where(divisor == 0, 1.0, divisor))


def _aligned(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return values and weights with matching axes: samples with samples, time steps with time steps."""
    shapes = f"{tuple(weights.shape[1:])} against {tuple(values.shape[1:])}"
    if values.ndim == 1:
        raise ValueError(
            "sample_weight: this loss gives one scalar for the whole batch, to which no sample weight can "
            "be applied; return one value per sample"
        )
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        # As in Keras: (N, 1) weights turn (N,) values into (N, 1); of longer weights the column is dropped
        values, weights = (
            (values.unsqueeze(-1), weights) if values.ndim == 2 else (values, weights.squeeze(-1))
        )
    while weights.ndim < values.ndim:
        weights = weights.unsqueeze(-1)
    fits = weights.ndim == values.ndim and all(
        length in (1, wanted) for length, wanted in zip(weights.shape, values.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"sample_weight of shape {shapes} loss values: give one weight per sample (N,), or one "
            "per value in the values' own shape"
        )
    return values, weights
