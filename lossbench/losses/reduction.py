"""The one reduction: sample weights, masks and Keras's ways of making one number of many values."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")
DEFAULT_REDUCTION = REDUCTIONS[0]

LossFunction = TypeVar("LossFunction", bound=Callable[..., Tensor])
# Targets in the shape of the values, and the loss's parameters, to a mask of the values that count.
Mask = Callable[[Tensor, Mapping[str, Any]], Tensor | None]


def counting(which: Mask) -> Callable[[LossFunction], LossFunction]:
    """Mark a loss function of which only some values count: the others are 0 and enter no mean."""

    def mark(function: LossFunction) -> LossFunction:
        vars(function)["which_count"] = which
        return function

    return mark


def counted(
    function: Callable[..., Tensor], values: Tensor, y_true: Tensor, parameters: Mapping[str, Any]
) -> Tensor | None:
    """True where a value of the loss function counts; None where all do."""
    which: Mask | None = getattr(function, "which_count", None)
    return None if which is None else which(y_true.reshape(values.shape), parameters)


def canonical_reduction(reduction: str | None) -> str:
    """A reduction's name in lower case, ``auto`` as the default and None as ``none``.

    Raises:
        ValueError: the name is no reduction.

    >>> canonical_reduction("AUTO"), canonical_reduction("SUM")
    ('sum_over_batch_size', 'sum')
    """
    name = "none" if reduction is None else str(reduction).lower()
    name = DEFAULT_REDUCTION if name == "auto" else name
    if name not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r}: expected one of {', '.join(REDUCTIONS)}, auto")
    return name


def reduce(
    values: Tensor,
    sample_weight: Tensor | None = None,
    *,
    reduction: str = DEFAULT_REDUCTION,
    mask: Tensor | None = None,
) -> Tensor:
    """Weight and reduce each replicate's loss values, as Keras 3 does for one network.

    Args:
        values: ``(R, B)``, or ``(R, B, T)`` with time steps; ``(R,)`` when a loss gives one scalar.
        sample_weight: ``(R,)`` one for all, ``(R, B)`` per sample, ``(R, B, T)`` or ``(R, B, 1)``.
        reduction: ``sum_over_batch_size`` and ``mean`` divide by the number of values (not by the
            sum of weights), ``mean_with_sample_weight`` by the sum of weights, ``sum`` by nothing;
            ``none`` keeps every value.
        mask: True where a value counts; shaped as ``values``. Means then divide by the number of
            values that count.

    Returns:
        ``(R,)``, or the weighted values with ``none``. Nothing to divide by gives 0, as in Keras.

    Raises:
        ValueError: weights whose shape fits no axis of the values, or weights on scalar values.

    Source: ``keras/src/losses/loss.py`` of Keras 3.15.1, but for one ruling:
    ``mean_with_sample_weight`` divides by the weights as broadcast to the values.

    >>> weights = torch.tensor([[1.0, 2.0, 0.0]])
    >>> reduce(torch.tensor([[0.5, 2.0, 1.0]]), weights)
    tensor([1.5000])
    """
    if values.ndim == 1 and sample_weight is None:
        return values
    if values.dtype.itemsize < 4:  # of which a sum of many would overflow
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
    divisor = weights if reduction == "mean_with_sample_weight" else None
    if mask is None and divisor is None:
        return values.flatten(1).mean(1) if values.numel() else values.flatten(1).sum(1)
    counted = torch.ones_like(values) if mask is None else mask.to(values.dtype).view(values.shape)
    if divisor is not None:
        counted = counted * divisor
    total, count = values.flatten(1).sum(1), counted.flatten(1).sum(1)
    return torch.where(count == 0, 0.0, total / torch.where(count == 0, 1.0, count))


def _aligned(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Values and weights with axes that match one to one: samples to samples, steps to steps."""
    shapes = f"{tuple(weights.shape[1:])} against {tuple(values.shape[1:])}"
    if values.ndim == 1:
        raise ValueError(
            "sample_weight: this loss gives one scalar for the whole batch, which no sample's weight "
            "can enter; return one value per sample"
        )
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        # Keras's rule: (N, 1) weights turn (N,) values into (N, 1); a longer column is dropped.
        values, weights = (
            (values.unsqueeze(-1), weights) if values.ndim == 2 else (values, weights.squeeze(-1))
        )
    while weights.ndim < values.ndim:
        weights = weights.unsqueeze(-1)
    fits = weights.ndim == values.ndim and all(
        have in (1, want) for have, want in zip(weights.shape, values.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"sample_weight of shape {shapes} loss values: give one weight per sample (N,), or one "
            "per value in the values' own shape"
        )
    return values, weights
