"""Losses for real targets; the percentage and the logarithmic error are for positive ones."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import paired
from lossbench.losses.numerics import EPSILON, averaged, in_float32
from lossbench.signatures import Positive

_DELTAS = (1e-15, 1e15)  # between them float32 can hold delta² and (e / delta)²


def mean_squared_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the squared error. Its minimiser is the mean; outliers have a large influence.

    Domain: real ``y_pred`` and ``y_true``, both of shape ``(..., U)``. Value ``(...)``: the mean of
    ``(y_pred - y_true)²`` over the last axis. Source: Gauss 1809; Keras ``mean_squared_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_squared_error(torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 2.0]]))
    tensor([4.5000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return averaged(functional.mse_loss(y_pred, y_true, reduction="none"))


def mean_absolute_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the absolute error. Its minimiser is the median; outliers have little influence.

    Domain: real ``y_pred`` and ``y_true``, both of shape ``(..., U)``. Value ``(...)``: the mean of
    ``|y_pred - y_true|`` over the last axis; its gradient at 0 is 0. Source: Laplace 1774; Keras
    ``mean_absolute_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_absolute_error(torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 2.0]]))
    tensor([1.5000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return averaged(functional.l1_loss(y_pred, y_true, reduction="none"))


def huber(y_pred: Tensor, y_true: Tensor, *, delta: Positive = 1.0) -> Tensor:
    """Compute a squared error within ``delta`` and an absolute error beyond it. Use it with outliers.

    Domain: real ``y_pred`` and ``y_true``, both of shape ``(..., U)``; ``delta > 0``. Value ``(...)``: the
    mean over the last axis of ``e²/2`` where ``|e| <= delta``, else ``delta (|e| - delta/2)``.
    For large ``delta`` it is half the squared error. Source: Huber 1964; Keras ``huber``.

    Raises:
        ValueError: the shapes differ.

    >>> huber(torch.tensor([[0.5], [3.0]]), torch.zeros(2, 1), delta=1.0)
    tensor([0.1250, 2.5000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return averaged(functional.huber_loss(y_pred, y_true, reduction="none", delta=delta))


@in_float32
def log_cosh(y_pred: Tensor, y_true: Tensor, *, delta: Positive = 1.0) -> Tensor:
    """Compute the logarithm of the hyperbolic cosine of the error. Use it as a smooth Huber loss.

    Domain: real ``y_pred`` and ``y_true``, both of shape ``(..., U)``; ``delta > 0``. Value ``(...)``:
    the mean over the last axis of ``delta² log cosh(e / delta)``. For small errors it is half the squared
    error, for large ones ``delta |e| - delta² log 2``; its curvature is positive everywhere. Source: Keras
    ``log_cosh``, which has no ``delta`` (it is 1).

    Raises:
        ValueError: the shapes differ.

    >>> log_cosh(torch.tensor([[0.0], [1.0], [100.0]]), torch.zeros(3, 1))
    tensor([ 0.0000,  0.4338, 99.3069])
    """
    y_pred, y_true = paired(y_pred, y_true)
    dtype = y_pred.dtype
    if not _DELTAS[0] < delta < _DELTAS[1]:
        y_pred, y_true = y_pred.double(), y_true.double()
        delta = min(delta, 1e120)  # from here on, half the squared error to the last digit
    values: Tensor = _LogCosh.apply(y_pred, y_true, delta)[0]  # type: ignore[no-untyped-call]
    return (values * delta**2).to(dtype)


class _LogCosh(torch.autograd.Function):
    """Compute the mean of ``log cosh x`` over the last axis of ``x = (a - b) / delta``, and its slope tanh.

    A single sinh gives both, accurate near 0, in two thirds of the memory of separate operations. The slope
    is an output too, so that autograd derives higher orders from its derivative ``1 - tanh²``. Only reverse
    mode is supported: for nested forward mode, torch 2.13 returns 0 through a custom function.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, delta: float) -> tuple[Tensor, Tensor]:
        """Return the mean and the slope."""
        x = a - b if delta == 1 else (a - b).div_(delta)
        slope = x.clamp(-20, 20)  # beyond it log cosh is linear to the last digit
        beyond = x.sub_(slope).abs_()
        slope.sinh_()
        rise = slope * slope
        cosh = (rise + 1).sqrt_()
        slope.div_(cosh)
        rise.div_(cosh.add_(1))  # cosh x - 1, without cancellation near 0
        del cosh  # frees its memory before the mean needs some
        mean = rise.log1p_().add_(beyond).mean(-1)
        return mean, slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        """Keep the slope, from which all derivatives follow."""
        ctx.delta = inputs[2]
        ctx.save_for_backward(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor | None, of_slope: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients with respect to ``a`` and ``b``, given those of the two outputs."""
        (slope,) = ctx.saved_tensors
        gradient = None
        if of_mean is not None:
            gradient = (of_mean / (slope.shape[-1] * ctx.delta)).unsqueeze(-1) * slope
        if of_slope is not None:
            curvature = of_slope * (1 - slope * slope) / ctx.delta
            gradient = curvature if gradient is None else gradient + curvature
        if gradient is None:
            return None, None, None
        return gradient, -gradient if ctx.needs_input_grad[1] else None, None


@in_float32
def mean_absolute_percentage_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the absolute error in percent of the target. Use it for targets that are far from 0.

    Domain: real ``y_pred`` and ``y_true``, both of shape ``(..., U)``; targets not 0. Value ``(...)``: the
    mean over the last axis of ``100 |e| / max(|y_true|, 1e-7)``. Small targets dominate: for positive
    targets the minimiser lies below the median. Source: Keras ``mean_absolute_percentage_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_absolute_percentage_error(torch.tensor([[9.0], [3.0]]), torch.tensor([[10.0], [2.0]]))
    tensor([10., 50.])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return 100 * averaged(((y_pred - y_true) / y_true.abs().clamp(min=EPSILON)).abs())


@in_float32
def mean_squared_logarithmic_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Compute the squared error of ``log(1 + y)``. Use it where ratios matter more than differences.

    Domain: ``y_pred`` and ``y_true``, both of shape ``(..., U)``, at least 0 (values below 1e-7 are replaced
    by 1e-7). Value ``(...)``: the mean over the last axis of ``(log(1 + y_pred) - log(1 + y_true))²``. A
    prediction that is too low costs more than one that is too high by the same amount. Source: Keras
    ``mean_squared_logarithmic_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_squared_logarithmic_error(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([0.0000, 0.4805])
    """
    y_pred, y_true = paired(y_pred, y_true)
    difference = y_pred.clamp(min=EPSILON).log1p() - y_true.clamp(min=EPSILON).log1p()
    return averaged(difference.square())
