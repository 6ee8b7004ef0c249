"""Metrics of classes.

Predictions are the probability of class 1, ``(R, N, 1)``, or of each class, ``(R, N, K)``. Targets are class
indices ``(R, N)``, or distributions over the classes ``(R, N, K)``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import functional

from lossbench.metrics.base import Metric, mean_over_rows
from lossbench.metrics.numbers import NUMBERS

_classification: Any = functional.classification


def auroc_by_ranks(scores: Tensor, targets: Tensor) -> Tensor:
    """Compute the area under the ROC curve of every replicate, by the ranks of Mann and Whitney.

    Torchmetrics sums in float32, where rows that differ in the last digits count as ties.

    Args:
        scores: ``(R, N, 1)``.
        targets: 0 or 1, ``(R, N)`` or ``(R, N, 1)``.

    Returns:
        ``(R,)``, NaN where there is a single class.
    """
    scores, positive = scores.squeeze(-1), targets.reshape(scores.shape[:2]) > 0
    ordered = scores.sort(-1).values
    below = torch.searchsorted(ordered, scores)
    ranks = (below + torch.searchsorted(ordered, scores, right=True) + 1).double() / 2
    ones, zeros = positive.sum(-1), (~positive).sum(-1)
    total = ranks.where(positive, 0).sum(-1)
    return (total - ones * (ones + 1) / 2) / (ones * zeros)  # a single class: 0 / 0


def auroc(scores: Tensor, targets: Tensor) -> Tensor:
    """Compute the area under the ROC curve of one replicate: scores ``(N, 1)`` and targets ``(N,)``."""
    return auroc_by_ranks(scores[None], targets[None])[0]


def average_precision_by_ranks(scores: Tensor, targets: Tensor) -> Tensor:
    """Compute the average precision of every replicate: the mean over the rows of class 1.

    The precision at a row is the share of class 1 among the rows with a score at least as high.

    Args:
        scores: ``(R, N, 1)``.
        targets: 0 or 1, ``(R, N)`` or ``(R, N, 1)``.

    Returns:
        ``(R,)``, NaN where no row is of class 1.
    """
    scores, positive = scores.squeeze(-1), targets.reshape(scores.shape[:2]) > 0
    ordered, order = scores.sort(-1)
    ones = positive.sum(-1, keepdim=True)
    ones_up_to = torch.nn.functional.pad(positive.gather(-1, order).cumsum(-1), (1, 0))
    below = torch.searchsorted(ordered, scores)
    precision = (ones - ones_up_to.gather(-1, below)).double() / (scores.shape[-1] - below)
    return precision.where(positive, 0).sum(-1) / ones.squeeze(-1)


def average_precision(scores: Tensor, targets: Tensor) -> Tensor:
    """Compute the average precision of one replicate: scores ``(N, 1)`` and targets ``(N,)``."""
    return average_precision_by_ranks(scores[None], targets[None])[0]


def _auroc_of_classes_by_ranks(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean over classes of each against the rest; NaN where a class is missing."""
    classes = range(probabilities.shape[-1])
    return torch.stack([auroc_by_ranks(probabilities[..., [k]], targets == k) for k in classes]).mean(0)


def _auroc_of_classes(probabilities: Tensor, targets: Tensor) -> Tensor:
    return _auroc_of_classes_by_ranks(probabilities[None], targets[None])[0]


def _hits(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return whether the most probable class is the true one; a single column means class 1 above 0.5."""
    several = probabilities.shape[-1] > 1
    predicted = probabilities.argmax(-1) if several else probabilities.squeeze(-1) > 0.5
    return predicted == targets


def _balanced_accuracy_of_replicates(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Compute the mean recall of the classes that the targets have, of every replicate."""
    classes = max(probabilities.shape[-1], 2)
    members = torch.nn.functional.one_hot(targets.long(), classes).double()
    recalls = (members * _hits(probabilities, targets).unsqueeze(-1)).sum(1) / members.sum(1)
    return recalls.nanmean(-1)


def _balanced_accuracy(probabilities: Tensor, targets: Tensor) -> Tensor:
    return _balanced_accuracy_of_replicates(probabilities[None], targets[None])[0]


def _squared_distances(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return the squared distance from the true class over all classes, or of class 1 if there are two."""
    if probabilities.shape[-1] == 1:
        return (probabilities.squeeze(-1) - targets).square()
    truth = torch.nn.functional.one_hot(targets.long(), probabilities.shape[-1])
    return (probabilities - truth).square().sum(-1)


def _clipped(probabilities: Tensor) -> Tensor:
    """Return probabilities that are neither 0 nor 1, so that their logarithms are finite.

    They differ from 0 and 1 by at least the precision of float32, as networks compute them. Training, which
    monitors float32, and results, which are computed in float64, therefore agree.
    """
    precision = torch.finfo(torch.float32).eps
    return probabilities.clamp(precision, 1 - precision)


def log_losses_of_two(probability: Tensor, targets: Tensor) -> Tensor:
    """Return minus the logarithm of the true value's probability, of any shape.

    Args:
        probability: the probability of 1.
        targets: 0 or 1, in the same shape.
    """
    return -_clipped(probability.where(targets > 0, 1 - probability)).log()


def _log_losses(probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return minus the logarithm of the true class's probability; a single column is that of class 1."""
    if probabilities.shape[-1] == 1:
        return log_losses_of_two(probabilities.squeeze(-1), targets)
    return -_clipped(probabilities.gather(-1, targets.long().unsqueeze(-1))).log().squeeze(-1)


def _same_mode(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return whether the most probable class is the one with the largest share."""
    return predictions.argmax(-1) == targets.argmax(-1)


def _accuracy_of_distributions(predictions: Tensor, targets: Tensor) -> Tensor:
    return _same_mode(predictions, targets).double().mean()


def _divergences(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of each prediction from its target."""
    targets = targets / targets.sum(-1, keepdim=True)
    return (torch.xlogy(targets, targets) - torch.xlogy(targets, _clipped(predictions))).sum(-1)


def _kl(predictions: Tensor, targets: Tensor) -> Tensor:
    return _divergences(predictions, targets).mean()


def _of_two(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probability, targets: function(probability.squeeze(-1), targets)


def _of_several(function: Callable[..., Tensor], **options: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda probabilities, targets: function(
        probabilities, targets, num_classes=probabilities.shape[-1], **options
    )


_BALANCED_ACCURACY = Metric(_balanced_accuracy, _balanced_accuracy_of_replicates)
_LOG_LOSS = mean_over_rows(_log_losses)
_BRIER = mean_over_rows(_squared_distances)
TWO_CLASSES = {
    "accuracy": Metric(_of_two(_classification.binary_accuracy), of_each=_hits),
    "balanced_accuracy": _BALANCED_ACCURACY,
    "f1": Metric(_of_two(_classification.binary_f1_score)),
    "precision": Metric(_of_two(_classification.binary_precision)),
    "recall": Metric(_of_two(_classification.binary_recall)),
    "mcc": Metric(_of_two(_classification.binary_matthews_corrcoef)),
    "auroc": Metric(auroc, auroc_by_ranks),
    "average_precision": Metric(average_precision, average_precision_by_ranks),
    "log_loss": _LOG_LOSS,
    "brier": _BRIER,
    "ece": Metric(_of_two(_classification.binary_calibration_error)),
}
SEVERAL_CLASSES = {
    "accuracy": Metric(_of_several(_classification.multiclass_accuracy, average="micro"), of_each=_hits),
    "balanced_accuracy": _BALANCED_ACCURACY,
    "f1": Metric(_of_several(_classification.multiclass_f1_score, average="macro")),
    "mcc": Metric(_of_several(_classification.multiclass_matthews_corrcoef)),
    "auroc": Metric(_auroc_of_classes, _auroc_of_classes_by_ranks),
    "log_loss": _LOG_LOSS,
    "brier": _BRIER,
    "ece": Metric(_of_several(_classification.multiclass_calibration_error)),
}
DISTRIBUTIONS = {
    "mae": NUMBERS["mae"],
    "kl": Metric(_kl, of_each=_divergences),
    "accuracy": Metric(_accuracy_of_distributions, of_each=_same_mode),
}
