"""Metrics of numbers, in the user's units: predictions and targets ``(R, N, U)``."""

import torch
from torch import Tensor
from torchmetrics import functional

from lossbench.metrics.base import Metric


def _rmse(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.mean_squared_error(predictions.flatten(), targets.flatten(), squared=False)


def _mae(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.mean_absolute_error(predictions.flatten(), targets.flatten())


def _squared_errors(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions - targets).square().mean(-1)


def _absolute_errors(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions - targets).abs().mean(-1)


def _r2(predictions: Tensor, targets: Tensor) -> Tensor:
    """Compute R² after shifting and scaling both, which keeps the value, and the digits of large targets."""
    varies = targets.std(0) > 0
    if not varies.any():
        return predictions.new_full((), torch.nan)
    predictions, targets = predictions[:, varies], targets[:, varies]
    mean, scale = targets.mean(0), targets.std(0)
    return functional.r2_score((predictions - mean) / scale, (targets - mean) / scale)


def _r2_batched(predictions: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean over units of 1 - residual / total sum of squares; constant units are left out."""
    total = (targets - targets.mean(1, keepdim=True)).square().sum(1)
    share = 1 - (predictions - targets).square().sum(1) / total
    return share.where(total > 0, torch.nan).nanmean(-1)


def _cosine(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.cosine_similarity(predictions, targets.double(), reduction="mean")


def _cosines(predictions: Tensor, targets: Tensor) -> Tensor:
    return torch.cosine_similarity(predictions, targets, dim=-1)


NUMBERS = {
    "rmse": Metric(_rmse, of_each=_squared_errors, root=True),
    "mae": Metric(_mae, of_each=_absolute_errors),
    "r2": Metric(_r2, _r2_batched),
}
VECTORS = {"cosine": Metric(_cosine, of_each=_cosines), **NUMBERS}
