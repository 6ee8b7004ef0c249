"""Losses for real targets."""

from torch import Tensor
from torch.nn import functional

from lossbench.losses.shapes import paired
from lossbench.parameters import Positive


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
    return functional.mse_loss(y_pred, y_true, reduction="none").mean(-1)


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
    return functional.l1_loss(y_pred, y_true, reduction="none").mean(-1)


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
    return functional.huber_loss(y_pred, y_true, reduction="none", delta=delta).mean(-1)
