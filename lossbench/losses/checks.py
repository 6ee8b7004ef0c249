"""What every loss asks of its two tensors: floats of one shape. Nothing is ever broadcast."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

LossFunction = TypeVar("LossFunction", bound=Callable[..., Tensor])

EPSILON = 1e-7  # Keras's: the distance kept from 0 and 1 before a logarithm


def paired(y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors in one floating dtype (the prediction's) and one shape.

    Keras's one courtesy is kept: where the ranks differ by one and the longer shape ends in 1, that
    axis is added to a vector or dropped from the longer.

    Raises:
        ValueError: the shapes differ, with both shapes; or a tensor has no axis.

    >>> [tuple(tensor.shape) for tensor in paired(torch.zeros(3, 1), torch.zeros(3))]
    [(3, 1), (3, 1)]
    """
    y_pred = floating(y_pred)
    pred, true = y_pred, y_true.to(y_pred.dtype)
    if pred.ndim == true.ndim + 1 and pred.shape[-1] == 1:
        pred, true = (pred, true.unsqueeze(-1)) if true.ndim == 1 else (pred.squeeze(-1), true)
    elif true.ndim == pred.ndim + 1 and true.shape[-1] == 1:
        pred, true = (pred.unsqueeze(-1), true) if pred.ndim == 1 else (pred, true.squeeze(-1))
    if pred.shape != true.shape or pred.ndim == 0:
        raise ValueError(
            f"y_pred has shape {tuple(y_pred.shape)} and y_true {tuple(y_true.shape)}: they must be "
            "equal, with at least one axis; nothing is broadcast"
        )
    return pred, true


def paired_with_targets(
    y_pred: Tensor, y_true: Tensor, *, least: float = 0, most: float = 1
) -> tuple[Tensor, Tensor]:
    """As :func:`paired`, for targets that lie between bounds, which tells most swapped arguments.

    Raises:
        ValueError: the shapes differ, a target lies beyond the bounds, or the targets are floats and the
            predictions integers.

    >>> paired_with_targets(torch.tensor([0, 1]), torch.tensor([0.2, 0.7]))
    Traceback (most recent call last):
        ...
    ValueError: y_pred holds integers and y_true floats: swapped? The order is (y_pred, y_true)
    """
    order = "swapped? The order is (y_pred, y_true)"
    # scores may be integers, probabilities hardly
    if least == 0 and y_true.is_floating_point() and not y_pred.is_floating_point():
        raise ValueError(f"y_pred holds integers and y_true floats: {order}")
    y_pred, y_true = paired(y_pred, y_true)
    low, high = y_true.detach().aminmax() if y_true.numel() else (y_true.new_tensor(least),) * 2
    if low < least or high > most:
        wrong = float(low if low < least else high)
        raise ValueError(f"y_true holds {wrong:.4g}, and targets here lie from {least} to {most}; {order}")
    return y_pred, y_true


def floating(tensor: Tensor) -> Tensor:
    """The tensor itself if it holds floats, else converted to torch's default float dtype."""
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def class_count(y_pred: Tensor, axis: int) -> int:
    """The number of classes along ``axis``.

    Raises:
        ValueError: fewer than two, of which a softmax would always say "certain".

    >>> class_count(torch.zeros(5, 3), -1)
    3
    """
    classes = y_pred.shape[axis]
    if classes < 2:
        raise ValueError(
            f"y_pred of shape {tuple(y_pred.shape)} has {classes} class along axis {axis}: a "
            "categorical loss needs at least 2; for one unit use binary_crossentropy"
        )
    return classes


def in_float32(function: LossFunction) -> LossFunction:
    """Compute a loss of half-precision predictions in float32, and give its values in theirs.

    In float16 and bfloat16 1 - 1e-7 is 1, of which the logarithm of the rest is infinite.
    """

    @functools.wraps(function)
    def wider(y_pred: Tensor, y_true: Tensor, **parameters: Any) -> Tensor:
        if not y_pred.is_floating_point() or y_pred.dtype.itemsize >= 4:
            return function(y_pred, y_true, **parameters)
        return function(y_pred.float(), y_true, **parameters).to(y_pred.dtype)

    return cast(LossFunction, wider)


def clipped(tensor: Tensor, low: float, high: float) -> Tensor:
    """The tensor clipped to bounds: itself, without a copy, where nothing lies beyond them."""
    least, most = tensor.detach().aminmax() if tensor.numel() else (tensor.new_tensor(low),) * 2
    return tensor if least >= low and most <= high else tensor.clamp(low, high)


def averaged(values: Tensor, axis: int = -1) -> Tensor:
    """Torch's mean; of one unit the unit itself, without the two passes that are a tenth of a small step."""
    return values.squeeze(axis) if values.shape[axis] == 1 else values.mean(axis)


def smoothed(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """Targets moved towards all classes being equally likely: ``y (1-s) + s/classes``."""
    return y_true * (1 - label_smoothing) + label_smoothing / classes if label_smoothing else y_true


def power(base: Tensor, exponent: float) -> Tensor:
    """``base ** exponent`` of numbers from 0 to 1, with a finite gradient at 0 for exponents below 1."""
    base = base if exponent >= 1 else base.clamp(min=torch.finfo(base.dtype).tiny)
    return base.pow(exponent)
