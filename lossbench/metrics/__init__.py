"""The metrics of every task.

Predictions come in canonical form: numbers in the user's units, ``(R, N, U)``; the probability of class 1,
``(R, N, 1)``, or of each class, ``(R, N, K)``; the distance of a pair, or the margin of a triplet,
``(R, N, 1)``; embeddings, ``(R, N, D)``. Targets are numbers ``(R, N, U)`` or class indices ``(R, N)``.
The names and directions of the metrics are in :mod:`lossbench.tasks`.
"""

from torch import Tensor

from lossbench import tasks
from lossbench.metrics.base import Metric
from lossbench.metrics.classes import DISTRIBUTIONS, SEVERAL_CLASSES, TWO_CLASSES
from lossbench.metrics.embeddings import PAIRS, RETRIEVAL, TRIPLETS, nearest_other
from lossbench.metrics.masks import MASKS
from lossbench.metrics.mean import Mean
from lossbench.metrics.numbers import COUNTS, NUMBERS, POSITIVE_NUMBERS, VECTORS
from lossbench.tasks import Task

__all__ = ["METRICS", "Mean", "Metric", "metric", "nearest_other", "panel"]

METRICS: dict[Task, dict[str, Metric]] = {
    tasks.REGRESSION: NUMBERS,
    tasks.POSITIVE: POSITIVE_NUMBERS,
    tasks.COUNT: COUNTS,
    tasks.VECTOR: VECTORS,
    tasks.BINARY: TWO_CLASSES,
    tasks.MULTICLASS: SEVERAL_CLASSES,
    tasks.DISTRIBUTION: DISTRIBUTIONS,
    tasks.MASK: MASKS,
    tasks.PAIR: PAIRS,
    tasks.TRIPLET: TRIPLETS,
    tasks.RETRIEVAL: RETRIEVAL,
}


def metric(task: Task, name: str) -> Metric:
    """Return how a metric of a task is computed, by its name without ``weighted_``."""
    return METRICS[task][name]


def panel(
    task: Task, names: list[str], predictions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Compute the named metrics of every replicate, in float64; NaN where one is undefined.

    Args:
        task: the task of the target.
        names: the names of the metrics.
        predictions: the predictions in canonical form, ``(R, N, U)``.
        targets: the targets in canonical form.
        weights: the weights of the rows, ``(R, N)``; needed for names with ``weighted_``.

    Returns:
        The values of each metric by its name, ``(R,)``.

    >>> y = torch.tensor([[[1.0], [3.0]]])
    >>> panel(tasks.REGRESSION, ["mae"], y + 2, y)
    {'mae': tensor([2.], dtype=torch.float64)}
    """
    predictions = predictions.double()
    values = {}
    for name in names:
        plain = name.removeprefix("weighted_")
        if name == plain:
            values[name] = metric(task, name).exact(predictions, targets)
        else:
            assert weights is not None
            values[name] = metric(task, plain).weighted(predictions, targets, weights)
    return values
