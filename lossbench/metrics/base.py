"""The metric: one number per replicate that says how good predictions are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """How a metric is computed; its name and direction are in :mod:`lossbench.tasks`.

    Attributes:
        function: maps one replicate's predictions ``(N, U)`` and targets to a scalar.
        batched: maps all replicates' predictions ``(R, N, U)`` and targets to ``(R,)``, where that is faster.
        of_each: maps predictions ``(R, N, U)`` and targets to one value per row, ``(R, N)``. A metric has it
            if it is a mean over rows, or the root of one; then rows can be weighted.
        root: whether the metric is the root of that mean.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    batched: Callable[[Tensor, Tensor], Tensor] | None = None
    of_each: Callable[[Tensor, Tensor], Tensor] | None = None
    root: bool = False

    def per_replicate(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Compute the metric of every replicate, ``(R,)``, as training monitors it."""
        if self.batched is not None:
            return self.batched(predictions, targets)
        if self.of_each is not None:
            mean = self.of_each(predictions, targets).to(torch.get_default_dtype()).mean(1)
            return mean.sqrt() if self.root else mean
        return self.exact(predictions, targets)

    def exact(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Compute the metric of every replicate, ``(R,)``, as results report it: one after the other."""
        pairs = zip(predictions, targets, strict=True)
        return torch.stack([self.function(*pair) for pair in pairs])

    def weighted(self, predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute the metric of every replicate, ``(R,)``, with rows weighted by ``(R, N)``."""
        assert self.of_each is not None
        each = self.of_each(predictions, targets).double()
        mean = (each * weights).sum(1) / weights.sum(1)
        return mean.sqrt() if self.root else mean


def mean_over_rows(of_each: Callable[[Tensor, Tensor], Tensor]) -> Metric:
    """Return the metric that is the mean of one value per row, ``(..., N, U)`` to ``(..., N)``."""
    return Metric(partial(_mean, of_each), of_each=of_each)


def _mean(of_each: Callable[[Tensor, Tensor], Tensor], predictions: Tensor, targets: Tensor) -> Tensor:
    return of_each(predictions, targets.double()).mean()
