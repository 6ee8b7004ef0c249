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
        function: of one replicate's predictions ``(N, U)`` and targets, mostly torchmetrics'.
        higher_is_better: its direction.
        batched: the same for all replicates at once, ``(R, N, U)`` to ``(R,)``, where it pays.
        of_each: each row's share in a mean that the metric is, or is the root of, ``(R, N)``; then there is
            a weighted one, and it is batched.
        root: whether it is the root of that mean.
        unfit: prediction spaces that cannot give it: of a direction no length, of a score no probability.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    higher_is_better: bool
    batched: Callable[[Tensor, Tensor], Tensor] | None = None
    of_each: Callable[[Tensor, Tensor], Tensor] | None = None
    root: bool = False
    unfit: tuple[str, ...] = ()

    def per_replicate(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """The metric of every replicate, ``(R,)``."""
        if self.batched is not None:
            return self.batched(predictions, targets)
        if self.of_each is not None:
            mean = self.of_each(predictions, targets).to(torch.get_default_dtype()).mean(1)
            return mean.sqrt() if self.root else mean
        pairs = zip(predictions, targets, strict=True)
        return torch.stack([self.function(one, true) for one, true in pairs])

    def weighted(self, predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The metric of every replicate, ``(R,)``, with the rows' weights ``(R, N)``."""
        assert self.of_each is not None
        each = self.of_each(predictions, targets).double()
        mean = (each * weights).sum(1) / weights.sum(1)
        return mean.sqrt() if self.root else mean


def _binary(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probability, target: function(probability.squeeze(-1), target)


def _multiclass(function: Callable[..., Tensor], **options: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probabilities, target: function(
        probabilities, target, num_classes=probabilities.shape[-1], **options
    )


def _multiclass_auroc(probabilities: Tensor, targets: Tensor) -> Tensor:
    """The mean of each class against the rest, for every replicate; undefined where a class is missing."""
    classes = range(probabilities.shape[-1])
    return torch.stack([_auroc_by_ranks(probabilities[..., [k]], targets == k) for k in classes]).mean(0)


def _auroc(probability: Tensor, target: Tensor) -> Tensor:
    """Not torchmetrics': it sums in float32, and rows that tie but for a digit change its last ones."""
    return _auroc_by_ranks(probability[None], target[None])[0]


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


def _squared_errors(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions - targets).square().mean(-1)


def _absolute_errors(predictions: Tensor, targets: Tensor) -> Tensor:
    return (predictions - targets).abs().mean(-1)


def _hits(predictions: Tensor, targets: Tensor) -> Tensor:
    """Whether the likeliest class is the true one; of one column, the class beyond a half."""
    likeliest = predictions.argmax(-1) if predictions.shape[-1] > 1 else predictions.squeeze(-1) > 0.5
    return likeliest == targets


def _brier(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Squared distance from the truth, over all classes; of two classes that of the second alone."""
    if probabilities.shape[-1] == 1:
        return (probabilities.squeeze(-1) - targets).square()
    truth = torch.nn.functional.one_hot(targets.long(), probabilities.shape[-1])
    return (probabilities - truth).square().sum(-1)


def _brier_of_one(probabilities: Tensor, targets: Tensor) -> Tensor:
    return _brier(probabilities, targets).mean()


def _explained(predictions: Tensor, targets: Tensor) -> Tensor:
    """The mean over units of 1 - (residual / total sum of squares); a constant unit has none."""
    total = (targets - targets.mean(1, keepdim=True)).square().sum(1)
    share = 1 - (predictions - targets).square().sum(1) / total
    return share.where(total > 0, torch.nan).nanmean(-1)


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

_NO_LENGTH, _NO_PROBABILITY = ("direction",), ("score",)
_REAL = {
    "rmse": Metric(_rmse, False, of_each=_squared_errors, root=True, unfit=_NO_LENGTH),
    "mae": Metric(_mae, False, of_each=_absolute_errors, unfit=_NO_LENGTH),
    "r2": Metric(_r2, True, _explained, unfit=_NO_LENGTH),
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
        "accuracy": Metric(_binary(_classification.binary_accuracy), True, of_each=_hits),
        "f1": Metric(_binary(_classification.binary_f1_score), True),
        "precision": Metric(_binary(_classification.binary_precision), True),
        "recall": Metric(_binary(_classification.binary_recall), True),
        "mcc": Metric(_binary(_classification.binary_matthews_corrcoef), True),
        "auroc": Metric(_auroc, True, _auroc_by_ranks),
        "average_precision": Metric(_binary(_classification.binary_average_precision), True),
        "brier": Metric(_brier_of_one, False, of_each=_brier, unfit=_NO_PROBABILITY),
        "ece": Metric(_binary(_classification.binary_calibration_error), False, unfit=_NO_PROBABILITY),
    },
    "multiclass": {
        "accuracy": Metric(
            _multiclass(_classification.multiclass_accuracy, average="micro"), True, of_each=_hits
        ),
        "balanced_accuracy": Metric(_multiclass(_classification.multiclass_accuracy, average="macro"), True),
        "f1": Metric(_multiclass(_classification.multiclass_f1_score, average="macro"), True),
        "mcc": Metric(_multiclass(_classification.multiclass_matthews_corrcoef), True),
        "auroc": Metric(lambda p, y: _multiclass_auroc(p[None], y[None])[0], True, _multiclass_auroc),
        "brier": Metric(_brier_of_one, False, of_each=_brier, unfit=_NO_PROBABILITY),
        "ece": Metric(
            _multiclass(_classification.multiclass_calibration_error), False, unfit=_NO_PROBABILITY
        ),
    },
    "distribution": {
        "mae": _REAL["mae"],
        "kl": Metric(lambda p, y: functional.kl_divergence(y.double(), p), False),
        "accuracy": Metric(
            lambda p, y: (p.argmax(-1) == y.argmax(-1)).double().mean(),
            True,
            of_each=lambda p, y: p.argmax(-1) == y.argmax(-1),
        ),
    },
    "mask": {
        "iou": Metric(_of_masks(_classification.binary_jaccard_index), True, _intersection_over_union),
        "f1": Metric(_of_masks(_classification.binary_f1_score), True),
        "accuracy": Metric(
            _of_masks(_classification.binary_accuracy),
            True,
            of_each=lambda p, y: ((p > 0.5) == y.bool()).double().mean(-1),
        ),
    },
    "vector": {
        "cosine": Metric(
            lambda p, y: functional.cosine_similarity(p, y.double(), reduction="mean"),
            True,
            of_each=lambda p, y: torch.cosine_similarity(p, y, dim=-1),
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
            of_each=lambda nearer, y: ((nearer > 0) == (y > 0)).squeeze(-1),
        ),
    },
    "retrieval": {
        "precision_at_1": Metric(_precision_at_1, True),
        "map_at_r": Metric(_map_at_r, True),
    },
}


def metrics_for(task: Task, prediction: str, *, weighted: bool) -> list[str]:
    """The names of the metrics that predictions of a space can give, the task's own yardstick first.

    Args:
        task: of the data.
        prediction: the space.
        weighted: whether rows have weights; each mean then has a weighted one beside it.

    >>> metrics_for("regression", "real", weighted=True)
    ['rmse', 'weighted_rmse', 'mae', 'weighted_mae', 'r2']
    """
    fitting = {name: metric for name, metric in METRICS[task].items() if prediction not in metric.unfit}
    both = [
        [name, f"weighted_{name}"] if weighted and metric.of_each else [name]
        for name, metric in fitting.items()
    ]
    return [name for names in both for name in names]


def panel(
    task: Task, names: list[str], predictions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Every named metric of every replicate, by torchmetrics; NaN where it is undefined.

    Args:
        task: of the data.
        names: of the metrics.
        predictions: canonical, ``(R, N, U)``.
        targets: canonical.
        weights: of the rows, ``(R, N)``, for the weighted ones.

    Returns:
        A ``(R,)`` tensor per name.

    >>> y = torch.tensor([[[1.0], [3.0]]])
    >>> panel("regression", ["mae"], y + 2, y)
    {'mae': tensor([2.], dtype=torch.float64)}
    """
    predictions = predictions.double()
    pairs = list(zip(predictions, targets, strict=True))
    judged = {}
    for name in names:
        plain = name.removeprefix("weighted_")
        if name != plain:
            assert weights is not None
            judged[name] = METRICS[task][plain].weighted(predictions, targets, weights)
        else:
            judged[name] = torch.stack([METRICS[task][name].function(*pair) for pair in pairs])
    return judged


class Mean:
    """The running mean of all values seen, each counting once, however they came in batches.

    Args:
        name: what reports call it.
        dtype: of the state and the result.

    Source: Keras ``metrics.Mean``: values of several axes count as their mean along all but the first.

    >>> mean = Mean()
    >>> [round(float(mean(torch.tensor(batch))), 6) for batch in ([1.0, 3, 5, 7], [1.0, 1, 1, 1], [2.0, 2])]
    [4.0, 2.5, 2.4]
    >>> mean.reset_state(); mean.update_state([1.0, 2.0, 3.0], sample_weight=[1, 0, 1]); mean.result()
    tensor(2.)
    """

    def __init__(self, name: str = "mean", dtype: torch.dtype | str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"Mean({name!r}): the first argument is a name; write Mean()({name!r})")
        self.name = name
        kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        self.dtype: torch.dtype = kind or torch.get_default_dtype()
        self._total = self._count = torch.zeros((), dtype=self.dtype)

    def __call__(self, values: Any, sample_weight: Any = None) -> Tensor:
        """Take in values, and give the mean so far."""
        self.update_state(values, sample_weight)
        return self.result()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values ``(N, ...)`` or one, and weights ``(N,)``, or one for all."""
        seen = torch.as_tensor(values, dtype=self.dtype).detach()
        seen = seen.flatten(1).mean(1) if seen.ndim > 1 else seen.reshape(-1)
        weights = torch.ones_like(seen)
        if sample_weight is not None:
            weights = torch.as_tensor(sample_weight, dtype=self.dtype).expand_as(seen)
        self._total = self._total.to(seen) + (seen * weights).sum()
        self._count = self._count.to(seen) + weights.sum()

    def result(self) -> Tensor:
        """The mean so far; 0 before the first value. Asking changes nothing."""
        return self._total / self._count if self._count != 0 else torch.zeros_like(self._total)

    def reset_state(self) -> None:
        """Forget everything, as at the start of an epoch."""
        self._total = self._count = torch.zeros((), dtype=self.dtype)

    reset_states = reset_state  # its name before Keras 3

    def get_config(self) -> dict[str, Any]:
        """What ``Mean(**config)`` is made of again."""
        return {"name": self.name, "dtype": str(self.dtype).removeprefix("torch.")}
