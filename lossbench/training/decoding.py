"""Convert predictions and targets from the form that a loss reads to the form that metrics read."""

from collections.abc import Callable

import torch
from torch import Tensor

from lossbench.training.network import activation_function
from lossbench.training.settings import OutputSettings


def decode(
    y_pred: Tensor, y_true: Tensor, *, output: OutputSettings, in_user_units: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return predictions and targets in the canonical form of :mod:`lossbench.metrics`.

    Args:
        y_pred: the network's output ``(R, N, U)``, or ``(R, N, U, P)`` where the loss reads P numbers.
        y_true: the targets as the loss takes them.
        output: what is predicted.
        in_user_units: undoes the standardisation.
    """
    task = output.task
    if output.numbers is not None:
        y_pred = y_pred[..., output.point]
    if task.measure is not None:
        return task.measure(y_pred), y_true
    y_pred = activation_function(output.decode_activation)(y_pred)
    if task.has_classes:
        return y_pred, _class_indices(y_true)
    return (in_user_units(y_pred), in_user_units(y_true)) if task.is_numeric else (y_pred, y_true)


def _class_indices(targets: Tensor) -> Tensor:
    """Return class indices from one-hot rows, or from a column of indices, of 0 and 1, or of -1 and 1."""
    one_hot = targets.shape[-1] > 1
    return targets.argmax(-1) if one_hot else targets.squeeze(-1).clamp(min=0).to(torch.int64)
