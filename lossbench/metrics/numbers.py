"""Metrics of numbers, in the user's units: predictions and targets ``(R, N, U)``."""

import torch
from torch import Tensor
from torchmetrics import functional

from lossbench.metrics.base import Metric, mean_over_rows


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
    share = 1 - ((predictions - targets).square().sum(1) / total).double()  # near 1, float32 has few digits
    return share.where(total > 0, torch.nan).nanmean(-1)


def _poisson_deviances(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return ``2 (y log(y / p) - y + p)``; NaN for predictions below 0, infinite for 0 where y is not."""
    logarithms = torch.xlogy(targets, targets) - torch.xlogy(targets, predictions)
    deviances = 2 * (logarithms - targets + predictions)
    return deviances.where(predictions >= 0, torch.nan).mean(-1)


def _gamma_deviances(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return ``2 (log(p / y) + y / p - 1)``, which no change of unit changes; NaN for predictions up to 0."""
    ratios = (targets / predictions).where(predictions > 0, torch.nan)
    return 2 * (ratios - ratios.log() - 1).mean(-1)


def _cosine(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.cosine_similarity(predictions, targets.double(), reduction="mean")


def _cosines(predictions: Tensor, targets: Tensor) -> Tensor:
    return torch.cosine_similarity(predictions, targets, dim=-1)


NUMBERS = {
    "rmse": Metric(_rmse, of_each=_squared_errors, root=True),
    "mae": Metric(_mae, of_each=_absolute_errors),
    "r2": Metric(_r2, _r2_batched),
}
POSITIVE_NUMBERS = {**NUMBERS, "gamma_deviance": mean_over_rows(_gamma_deviances)}
COUNTS = {**NUMBERS, "poisson_deviance": mean_over_rows(_poisson_deviances)}
VECTORS = {"cosine": Metric(_cosine, of_each=_cosines), **NUMBERS}
