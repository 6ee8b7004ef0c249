"""What training minimises: the one place that reduces losses, weighs them and adds penalties."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.losses.reduction import counted, reduce
from lossbench.training.network import DenseNetwork


@dataclass(frozen=True)
class Term:
    """A loss that judges one output.

    Attributes:
        name: the name of the term.
        output: the name of the head whose predictions it judges.
        function: a loss; an elementwise one maps ``(..., U)`` to ``(...)``, all replicates at once.
        parameters: its keyword arguments.
        reduction: how a replicate's values become its loss.
        couples_samples: whether the function must be given one replicate's batch at a time.
        key: its key in the config, for messages.
        weight: its factor in the total.
    """

    name: str
    output: str
    function: Callable[..., Tensor]
    parameters: Mapping[str, Any]
    reduction: str
    couples_samples: bool
    key: str = "loss"
    weight: float = 1.0

    def loss(self, y_pred: Tensor, y_true: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | int]:
        """Return one loss per replicate, ``(R,)``, and how many of a replicate's values count.

        The count is one number where all values count. It is ``(R,)`` numbers where the loss leaves some
        values out, or divides by their weights.
        """
        if self.couples_samples:
            pairs = zip(y_pred, y_true, strict=True)
            values = torch.stack([self.function(*pair, **self.parameters) for pair in pairs])
        else:
            values = self.function(y_pred, y_true, **self.parameters)
        mask = counted(self.function, values, y_true, self.parameters)
        count = values.numel() // len(values)
        if values.ndim == 1 and self.reduction != "sum":  # a scalar stands for its whole batch
            count = y_pred.shape[1]
        losses = reduce(values, weights, reduction=self.reduction, mask=mask)
        if weights is not None and self.reduction == "mean_with_sample_weight":
            return losses, reduce(torch.ones_like(values), weights, reduction="sum", mask=mask)
        return losses, count if mask is None else mask.flatten(1).sum(1)


@dataclass(frozen=True)
class Penalty:
    """A regularizer on some of a network's layers.

    Attributes:
        function: maps a tensor ``(R, ...)`` to one penalty per replicate.
        parameters: its keyword arguments.
        apply_to: ``kernel``, ``bias``, ``activity`` (the outputs of hidden layers, per row), or several.
        layers: hidden layers by number, output layers by name; None for all.
    """

    function: Callable[..., Tensor]
    parameters: Mapping[str, Any]
    apply_to: Sequence[str]
    layers: Sequence[int | str] | None

    def __call__(self, network: DenseNetwork) -> Tensor:
        """Return the sum over the chosen layers, ``(R,)``, from the weights and the last pass's activity."""
        named = [*enumerate(network.hidden), *zip(network.names, network.heads, strict=True)]
        activity = dict(enumerate(network.activity))
        penalties = []
        for name, layer in named:
            if self.layers is not None and name not in self.layers:
                continue
            weights = {"kernel": layer.weight, "bias": layer.bias}
            chosen = [kind for kind in self.apply_to if kind in weights]
            penalties += [self.function(weights[kind], **self.parameters) for kind in chosen]
            if "activity" in self.apply_to and isinstance(name, int):
                outputs = activity[name]
                penalties.append(self.function(outputs, **self.parameters) / outputs.shape[1])
        return sum(penalties[1:], start=penalties[0])


# What is recorded of one batch: each term's losses (R,) and how many values count, and the penalty (R,).
BatchLosses = tuple[list[tuple[Tensor, Tensor | int]], Tensor | None]


class Objective(nn.Module):
    """The weighted sum of all terms, and the penalty.

    Args:
        terms: the losses.
        in_user_units: for each term whose loss reads the units of the data, what maps predictions and targets
            to them.
    """

    def __init__(
        self, terms: Sequence[Term], in_user_units: Mapping[str, Callable[[Tensor], Tensor]] | None = None
    ) -> None:
        super().__init__()
        self.terms = list(terms)
        self.in_user_units = dict(in_user_units or {})

    def forward(
        self,
        predictions: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        penalty: Tensor | None = None,
    ) -> tuple[Tensor, BatchLosses]:
        """Return one total per replicate, ``(R,)``; the gradient of their sum trains each replicate alone.

        Args:
            predictions: the predictions of each output, ``(R, B, U)``.
            targets: the targets of each term, as its loss takes them.
            weights: the weights of each term, ``(R, B)``, if rows are weighted.
            penalty: the penalty of the regularizer, ``(R,)``.
        """
        judged = [self._loss(term, predictions[term.output], targets, weights) for term in self.terms]
        parts = [_weighted(term, losses) for term, (losses, _) in zip(self.terms, judged, strict=True)]
        parts += [] if penalty is None else [penalty]
        total = sum(parts[1:], start=parts[0])
        return total, ([(losses.detach(), count) for losses, count in judged], penalty)

    def of_output(
        self, output: str, y_pred: Tensor, targets: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the weighted sum of the terms that judge one output, ``(R,)``."""
        terms = [term for term in self.terms if term.output == output]
        parts = [_weighted(term, self._loss(term, y_pred, targets, weights)[0]) for term in terms]
        return sum(parts[1:], start=parts[0])

    def _loss(
        self, term: Term, y_pred: Tensor, targets: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | int]:
        y_true = targets[term.name]
        if term.name in self.in_user_units:
            convert = self.in_user_units[term.name]
            y_pred, y_true = (numbers.to(y_pred.dtype) for numbers in (convert(y_pred), convert(y_true)))
        return term.loss(y_pred, y_true, weights.get(term.name))

    def names(self, penalized: bool) -> list[str]:
        """Return the names of what :meth:`recorded` returns: the total, and its parts if it has several."""
        if len(self.terms) == 1 and not penalized:
            return ["loss"]
        terms = [name for term in self.terms for name in (f"loss/{term.name}", f"loss/{term.name}/weighted")]
        return ["loss", *terms, *(["penalty"] if penalized else [])]

    def recorded(self, batches: Sequence[BatchLosses], rows: Sequence[int]) -> NDArray[np.float64]:
        """Return means over all values that count in the batches, ``(names, R)``, whatever the reduction.

        Args:
            batches: what :meth:`forward` returned for each.
            rows: how many rows each had, for the mean of the penalty.
        """
        stacked = torch.stack([part for terms, penalty in batches for part in _parts(terms, penalty)])
        values = stacked.double().cpu().numpy().reshape(len(batches), -1, stacked.shape[1])
        means = [
            _mean(values[:, index], [terms[index][1] for terms, _ in batches], summed=term.reduction == "sum")
            for index, term in enumerate(self.terms)
        ]
        total = sum(term.weight * mean for term, mean in zip(self.terms, means, strict=True))
        penalized = values.shape[1] > len(means)
        if len(means) == 1 and not penalized:
            return np.stack([total])
        parts = [
            part for term, mean in zip(self.terms, means, strict=True) for part in (mean, term.weight * mean)
        ]
        if penalized:
            penalty = _mean(values[:, -1], rows, summed=False)
            return np.stack([total + penalty, *parts, penalty])
        return np.stack([total, *parts])


def _parts(terms: list[tuple[Tensor, Tensor | int]], penalty: Tensor | None) -> list[Tensor]:
    return [losses for losses, _ in terms] + ([] if penalty is None else [penalty.detach()])


def _mean(
    values: NDArray[np.float64], counts: Sequence[Tensor | int], *, summed: bool
) -> NDArray[np.float64]:
    """Return the mean over all values that count, from each batch's ``(R,)``."""
    numbers = [count.cpu().numpy() if isinstance(count, Tensor) else [count] for count in counts]
    weights = np.stack(numbers)
    total = values if summed else values * weights
    with np.errstate(
        invalid="ignore"
    ):  # where nothing counts the mean is NaN, and the replicate counts as diverged
        mean: NDArray[np.float64] = total.sum(0) / weights.sum(0)
    return mean


def _weighted(term: Term, losses: Tensor) -> Tensor:
    return losses if term.weight == 1 else losses * term.weight
