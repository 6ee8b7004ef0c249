"""Losses for real targets, the last two for such as are never 0, and never negative."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lossbench.losses.checks import EPSILON, averaged, in_float32, paired
from lossbench.signatures import Positive

_DELTAS = (1e-15, 1e15)  # whose squares, and those of e / delta, float32 holds


def mean_squared_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Squared error: asks for the mean, and follows outliers.

    Domain: real ``y_pred`` and ``y_true`` of one shape ``(..., U)``. Value ``(...)``: the mean of
    ``(y_pred - y_true)²`` over the last axis. Source: Gauss 1809; Keras ``mean_squared_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_squared_error(torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 2.0]]))
    tensor([4.5000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return averaged(functional.mse_loss(y_pred, y_true, reduction="none"))


def mean_absolute_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Absolute error: asks for the median, and shrugs at outliers.

    Domain: real ``y_pred`` and ``y_true`` of one shape ``(..., U)``. Value ``(...)``: the mean of
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
    """Squared error within ``delta`` of the target, absolute error beyond: robust to outliers.

    Domain: real ``y_pred`` and ``y_true`` of one shape ``(..., U)``, ``delta > 0``. Value ``(...)``:
    the mean over the last axis of ``e²/2`` where ``|e| <= delta``, else ``delta (|e| - delta/2)``.
    Half of squared error as ``delta`` grows. Source: Huber 1964; Keras ``huber``.

    Raises:
        ValueError: the shapes differ.

    >>> huber(torch.tensor([[0.5], [3.0]]), torch.zeros(2, 1), delta=1.0)
    tensor([0.1250, 2.5000])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return averaged(functional.huber_loss(y_pred, y_true, reduction="none", delta=delta))


@in_float32
def log_cosh(y_pred: Tensor, y_true: Tensor, *, delta: Positive = 1.0) -> Tensor:
    """Logarithm of the error's hyperbolic cosine: a smooth Huber, with curvature everywhere.

    Domain: real ``y_pred`` and ``y_true`` of one shape ``(..., U)``, ``delta > 0``. Value ``(...)``:
    the mean over the last axis of ``delta² log cosh(e / delta)``: near 0 half of squared error, far
    from it ``delta |e| - delta² log 2``. Source: Keras ``log_cosh``, which has ``delta = 1`` alone.

    Raises:
        ValueError: the shapes differ.

    >>> log_cosh(torch.tensor([[0.0], [1.0], [100.0]]), torch.zeros(3, 1))
    tensor([ 0.0000,  0.4338, 99.3069])
    """
    y_pred, y_true = paired(y_pred, y_true)
    kind = y_pred.dtype
    if not _DELTAS[0] < delta < _DELTAS[1]:
        y_pred, y_true = y_pred.double(), y_true.double()
        delta = min(delta, 1e120)  # half of squared error, to the last digit
    values: Tensor = _LogCosh.apply(y_pred, y_true, delta)[0]  # type: ignore[no-untyped-call]
    return (values * delta**2).to(kind)


class _LogCosh(torch.autograd.Function):
    """The mean of log cosh over the last axis of ``(a - b) / delta``, and tanh, its slope.

    One sinh gives both, with every digit near 0, in two thirds of the memory of separate steps. The slope
    is an output, so that derivatives of any order follow from its own, ``1 - tanh²``; only backward ones,
    for torch 2.13 gives 0 for a custom function's forward derivative of a forward one.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, delta: float) -> tuple[Tensor, Tensor]:
        x = a - b if delta == 1 else (a - b).div_(delta)
        slope = x.clamp(-20, 20)  # beyond it log cosh is linear, to the last digit
        beyond = x.sub_(slope).abs_()
        slope.sinh_()
        rise = slope * slope
        cosh = (rise + 1).sqrt_()
        slope.div_(cosh)
        rise.div_(cosh.add_(1))  # cosh x - 1, without cancelling near 0
        del cosh  # before the mean takes memory
        mean = rise.log1p_().add_(beyond).mean(-1)
        return mean, slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.delta = inputs[2]
        ctx.save_for_backward(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor | None, of_slope: Tensor | None) -> tuple[Tensor | None, ...]:
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
    """Absolute error in percent of the target: asks for a low median, and drowns in small targets.

    Domain: real ``y_pred`` and ``y_true`` of one shape ``(..., U)``, targets not 0. Value ``(...)``: the
    mean over the last axis of ``100 |e| / max(|y_true|, 1e-7)``. Source: Keras
    ``mean_absolute_percentage_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_absolute_percentage_error(torch.tensor([[9.0], [3.0]]), torch.tensor([[10.0], [2.0]]))
    tensor([10., 50.])
    """
    y_pred, y_true = paired(y_pred, y_true)
    return 100 * averaged(((y_pred - y_true) / y_true.abs().clamp(min=EPSILON)).abs())


@in_float32
def mean_squared_logarithmic_error(y_pred: Tensor, y_true: Tensor) -> Tensor:
    """Squared error of ``log(1 + y)``: ratios count, and falling short costs more than going over.

    Domain: ``y_pred`` and ``y_true`` of one shape ``(..., U)``, not negative (what is, counts as 1e-7).
    Value ``(...)``: the mean over the last axis of ``(log(1 + y_pred) - log(1 + y_true))²``.
    Source: Keras ``mean_squared_logarithmic_error``.

    Raises:
        ValueError: the shapes differ.

    >>> mean_squared_logarithmic_error(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [1.0]]))
    tensor([0.0000, 0.4805])
    """
    y_pred, y_true = paired(y_pred, y_true)
    difference = y_pred.clamp(min=EPSILON).log1p() - y_true.clamp(min=EPSILON).log1p()
    return averaged(difference.square())
