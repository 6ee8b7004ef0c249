"""Numerical building blocks that the loss functions share."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

LossFunction = TypeVar("LossFunction", bound=Callable[..., Tensor])

EPSILON = 1e-7  # as in Keras: the distance kept from 0 and 1 before a logarithm


def in_float32(function: LossFunction) -> LossFunction:
    """Decorate a loss so that half-precision predictions are computed in float32.

    The result is converted back to the dtype of the predictions. In float16 and bfloat16, 1 - 1e-7 rounds
    to 1, so that ``log(1 - p)`` of a clipped probability would be infinite.

    >>> square = in_float32(lambda y_pred, y_true: (y_pred - y_true).square())
    >>> square(torch.tensor([3.0], dtype=torch.float16), torch.tensor([1.0]))
    tensor([4.], dtype=torch.float16)
    """

    @functools.wraps(function)
    def wider(y_pred: Tensor, y_true: Tensor, **parameters: Any) -> Tensor:
        if not y_pred.is_floating_point() or y_pred.dtype.itemsize >= 4:
            return function(y_pred, y_true, **parameters)
        return function(y_pred.float(), y_true, **parameters).to(y_pred.dtype)

    return cast(LossFunction, wider)


def clipped(tensor: Tensor, low: float, high: float) -> Tensor:
    """Clip a tensor to bounds; return the tensor itself, without a copy, if all values lie within them.

    >>> clipped(torch.tensor([0.0, 0.5, 2.0]), 0.1, 1)
    tensor([0.1000, 0.5000, 1.0000])
    """
    least, most = tensor.detach().aminmax() if tensor.numel() else (tensor.new_tensor(low),) * 2
    return tensor if least >= low and most <= high else tensor.clamp(low, high)


def averaged(values: Tensor, axis: int = -1) -> Tensor:
    """Compute the mean along an axis; an axis of length 1 is only dropped, which is faster.

    >>> averaged(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    tensor([1.5000, 4.5000])
    """
    return values.squeeze(axis) if values.shape[axis] == 1 else values.mean(axis)


def smoothed(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """Move targets towards the uniform distribution over the classes: ``y (1-s) + s/classes``.

    >>> smoothed(torch.tensor([0.0, 1.0]), 0.2, 2)
    tensor([0.1000, 0.9000])
    """
    return y_true * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else y_true


def power(base: Tensor, exponent: float) -> Tensor:
    """Compute ``base ** exponent`` for bases in [0, 1], with a finite gradient at 0 if ``exponent < 1``.

    >>> power(torch.tensor([0.25, 1.0]), 0.5)
    tensor([0.5000, 1.0000])
    """
    base = base if exponent >= 1 else base.clamp(min=torch.finfo(base.dtype).tiny)
    return base.pow(exponent)
