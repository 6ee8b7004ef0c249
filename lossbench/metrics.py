"""The yardsticks, by task: torchmetrics at the end, and the one monitored each epoch, batched.

Predictions come in canonical form: real values in the user's units ``(R, N, U)``, the probability of
class 1 ``(R, N, 1)``, or of each class ``(R, N, K)``; of a pair its distance, of a triplet how much nearer
the second is to the first than the third, both ``(R, N, 1)``; of classes to be found again the embeddings
``(R, N, D)``. Targets likewise: reals ``(R, N, U)`` or class indices ``(R, N)``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchmetrics import functional

from lossbench.data.dataset import Task


@dataclass(frozen=True)
class Metric:
    """A number that judges predictions.

    Attributes:
        function: of one replicate's predictions ``(N, U)`` and targets, from torchmetrics.
        higher_is_better: its direction.
        batched: the same for all replicates at once, ``(R, N, U)`` to ``(R,)``, where it pays.
        needs_scale: whether it says nothing of predictions that are a direction alone.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    higher_is_better: bool
    batched: Callable[[Tensor, Tensor], Tensor] | None = None
    needs_scale: bool = False

    def per_replicate(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The metric of every replicate, ``(R,)``."""
        if self.batched is not None:
            return self.batched(predictions, targets)
        pairs = zip(predictions, targets, strict=True)
        return torch.stack([self.function(one, true) for one, true in pairs])


def _binary(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probability, target: function(probability.squeeze(-1), target)


def _multiclass(function: Callable[..., Tensor], average: str) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probabilities, target: function(
        probabilities, target, num_classes=probabilities.shape[-1], average=average
    )


def _auroc(probability: Tensor, target: Tensor) -> Tensor:
    if target.min() == target.max():  # one class alone has no ranking to judge
        return probability.new_full((), torch.nan)
    return functional.classification.binary_auroc(probability.squeeze(-1), target)


def _auroc_by_ranks(scores: Tensor, targets: Tensor) -> Tensor:
    """The area under the ROC curve of every replicate at once, by the ranks of Mann and Whitney."""
    scores, positive = scores.squeeze(-1), targets.reshape(scores.shape[:2]) > 0
    ordered = scores.sort(-1).values
    below = torch.searchsorted(ordered, scores)
    ranks = (below + torch.searchsorted(ordered, scores, right=True) + 1).double() / 2
    ones, zeros = positive.sum(-1), (~positive).sum(-1)
    total = ranks.where(positive, 0).sum(-1)
    return (total - ones * (ones + 1) / 2) / (ones * zeros)  # one class alone: 0 / 0


def _rmse(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.mean_squared_error(predictions.flatten(), targets.flatten(), squared=False)


def _mae(predictions: Tensor, targets: Tensor) -> Tensor:
    return functional.mean_absolute_error(predictions.flatten(), targets.flatten())


def _explained(predictions: Tensor, targets: Tensor) -> Tensor:
    """The mean over units of 1 - (residual / total sum of squares); a constant unit has none."""
    total = (targets - targets.mean(1, keepdim=True)).square().sum(1)
    share = 1 - (predictions - targets).square().sum(1) / total
    return share.where(total > 0, torch.nan).nanmean(-1)


def _share(correct: Tensor) -> Tensor:
    return correct.to(torch.get_default_dtype()).mean(1)


def _r2(predictions: Tensor, targets: Tensor) -> Tensor:
    """Shifted and scaled first, which changes nothing exactly and saves the digits of large targets."""
    varies = targets.std(0) > 0
    if not varies.any():
        return predictions.new_full((), torch.nan)
    predictions, targets = predictions[:, varies], targets[:, varies]
    mean, scale = targets.mean(0), targets.std(0)
    return functional.r2_score((predictions - mean) / scale, (targets - mean) / scale)


_QUERIES = 1024  # rows whose distances to all are in memory at a time

_classification: Any = functional.classification

_REAL = {
    "rmse": Metric(_rmse, False, lambda p, y: (p - y).square().mean((1, 2)).sqrt(), needs_scale=True),
    "mae": Metric(_mae, False, lambda p, y: (p - y).abs().mean((1, 2)), needs_scale=True),
    "r2": Metric(_r2, True, _explained, needs_scale=True),
}


def _of_masks(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probability, mask: function(probability.flatten(), mask.flatten().long())


def _distances(embeddings: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some rows of ``(N, D)`` at a time, and their distances to all rows, infinite to themselves."""
    for rows in torch.arange(len(embeddings), device=embeddings.device).split(_QUERIES):
        distance = torch.cdist(embeddings[rows], embeddings, compute_mode="donot_use_mm_for_euclid_dist")
        distance[torch.arange(len(rows)), rows] = torch.inf
        yield rows, distance


def nearest_other(embeddings: Tensor) -> Tensor:
    """For each row of ``(N, D)`` the row that lies nearest to it."""
    return torch.cat([distance.argmin(1) for _, distance in _distances(embeddings)])


def _precision_at_1(embeddings: Tensor, targets: Tensor) -> Tensor:
    """The share of rows whose nearest is of their class, of those that have another of it."""
    found = targets[nearest_other(embeddings)] == targets
    return found[targets.bincount()[targets] > 1].double().mean()


def _map_at_r(embeddings: Tensor, targets: Tensor) -> Tensor:
    """MAP@R (Musgrave et al. 2020, arXiv:2003.08505) of each row as query, by its class.

    Of the R nearest, R the number of others of the class, the sum of the precisions at those that are of
    it, over R; rows whose class has no other are left out.
    """
    average = []
    for rows, distance in _distances(embeddings):
        found = targets[distance.argsort(dim=-1, stable=True)[:, :-1]] == targets[rows, None]
        others = found.sum(1)
        place = torch.arange(1, found.shape[1] + 1, device=found.device)
        relevant = (found & (place <= others[:, None])).double()
        precisions = relevant * relevant.cumsum(1) / place
        average.append((precisions.sum(1) / others)[others > 0])
    return torch.cat(average).mean()


def _intersection_over_union(probability: Tensor, mask: Tensor) -> Tensor:
    predicted, true = (probability > 0.5).flatten(1), mask.bool().flatten(1)
    return (predicted & true).sum(1) / (predicted | true).sum(1)


# The first of each task is its own yardstick: what ``metrics=auto`` monitors and decides by.
METRICS: dict[Task, dict[str, Metric]] = {
    "regression": _REAL,
    "positive": _REAL,
    "count": _REAL,
    "binary": {
        "accuracy": Metric(
            _binary(_classification.binary_accuracy),
            True,
            lambda p, y: _share((p.squeeze(-1) > 0.5) == y),
        ),
        "f1": Metric(_binary(_classification.binary_f1_score), True),
        "auroc": Metric(_auroc, True, _auroc_by_ranks),
    },
    "multiclass": {
        "accuracy": Metric(
            _multiclass(_classification.multiclass_accuracy, "micro"),
            True,
            lambda p, y: _share(p.argmax(-1) == y),
        ),
        "balanced_accuracy": Metric(_multiclass(_classification.multiclass_accuracy, "macro"), True),
        "f1": Metric(_multiclass(_classification.multiclass_f1_score, "macro"), True),
    },
    "distribution": {
        "mae": _REAL["mae"],
        "kl": Metric(lambda p, y: functional.kl_divergence(y.double(), p), False),
        "accuracy": Metric(
            lambda p, y: (p.argmax(-1) == y.argmax(-1)).double().mean(),
            True,
            lambda p, y: _share(p.argmax(-1) == y.argmax(-1)),
        ),
    },
    "mask": {
        "iou": Metric(_of_masks(_classification.binary_jaccard_index), True, _intersection_over_union),
        "f1": Metric(_of_masks(_classification.binary_f1_score), True),
        "accuracy": Metric(
            _of_masks(_classification.binary_accuracy),
            True,
            lambda p, y: _share(((p > 0.5) == y.bool()).flatten(1)),
        ),
    },
    "vector": {
        "cosine": Metric(
            lambda p, y: functional.cosine_similarity(p, y.double(), reduction="mean"),
            True,
            lambda p, y: torch.cosine_similarity(p, y, dim=-1).mean(1),
        ),
        **_REAL,
    },
    "pair": {
        "auroc": Metric(
            lambda d, y: _auroc(-d, y.long().squeeze(-1)), True, lambda d, y: _auroc_by_ranks(-d, y)
        ),
        "average_precision": Metric(
            lambda d, y: _classification.binary_average_precision(-d.squeeze(-1), y.long().squeeze(-1)), True
        ),
    },
    "triplet": {
        "accuracy": Metric(
            lambda nearer, y: _classification.binary_accuracy((nearer > 0).long(), y.long()),
            True,
            lambda nearer, y: _share(((nearer > 0) == (y > 0)).squeeze(-1)),
        ),
    },
    "retrieval": {
        "precision_at_1": Metric(_precision_at_1, True),
        "map_at_r": Metric(_map_at_r, True),
    },
}


def panel(task: Task, names: list[str], predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Every named metric of every replicate, by torchmetrics; NaN where it is undefined.

    Args:
        task: of the data.
        names: of the metrics.
        predictions: canonical, ``(R, N, U)``.
        targets: canonical.

    Returns:
        A ``(R,)`` tensor per name.

    >>> y = torch.tensor([[[1.0], [3.0]]])
    >>> panel("regression", ["mae"], y + 2, y)
    {'mae': tensor([2.], dtype=torch.float64)}
    """
    pairs = [(one.double(), true) for one, true in zip(predictions, targets, strict=True)]
    functions = {name: METRICS[task][name].function for name in names}
    return {name: torch.stack([one(*pair) for pair in pairs]) for name, one in functions.items()}
