"""Metrics of masks: the probability of 1 for each of U values, and the values, both ``(R, N, U)``."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torchmetrics import functional

from lossbench.metrics.base import Metric, mean_over_rows
from lossbench.metrics.classes import log_losses_of_two

_classification: Any = functional.classification


def _flat(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probability, mask: function(probability.flatten(), mask.flatten().long())


def _intersection_over_union(probability: Tensor, mask: Tensor) -> Tensor:
    predicted, true = (probability > 0.5).flatten(1), mask.bool().flatten(1)
    return (predicted & true).sum(1) / (predicted | true).sum(1)


def _shares_of_hits(probability: Tensor, mask: Tensor) -> Tensor:
    return ((probability > 0.5) == mask.bool()).double().mean(-1)


def _log_losses(probability: Tensor, mask: Tensor) -> Tensor:
    return log_losses_of_two(probability, mask).mean(-1)


MASKS = {
    "iou": Metric(_flat(_classification.binary_jaccard_index), _intersection_over_union),
    "f1": Metric(_flat(_classification.binary_f1_score)),
    "accuracy": Metric(_flat(_classification.binary_accuracy), of_each=_shares_of_hits),
    "log_loss": mean_over_rows(_log_losses),
}
