"""What training makes small: the one place that reduces losses, weighs them and adds penalties."""

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
        name: of the term.
        output: whose predictions it judges.
        function: a loss; an elementwise one takes ``(..., U)`` to ``(...)``, all replicates at once.
        parameters: its keyword arguments.
        reduction: how a replicate's values become its loss.
        couples_samples: whether the function must be given one replicate's batch at a time.
        weight: its factor in the total.
    """

    name: str
    output: str
    function: Callable[..., Tensor]
    parameters: Mapping[str, Any]
    reduction: str
    couples_samples: bool
    weight: float = 1.0

    def loss(self, y_pred: Tensor, y_true: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | int]:
        """One loss per replicate, ``(R,)``, and how many of a replicate's values count.

        All do, or ``(R,)`` numbers, where the loss leaves some out or divides by their weights.
        """
        if self.couples_samples:
            pairs = zip(y_pred, y_true, strict=True)
            values = torch.stack([self.function(*pair, **self.parameters) for pair in pairs])
        else:
            values = self.function(y_pred, y_true, **self.parameters)
        mask = counted(self.function, values, y_true, self.parameters)
        count = values.numel() // len(values)
        if values.ndim == 1 and self.reduction != "sum":  # a scalar speaks for all of its batch
            count = y_pred.shape[1]
        losses = reduce(values, weights, reduction=self.reduction, mask=mask)
        if weights is not None and self.reduction == "mean_with_sample_weight":
            return losses, reduce(torch.ones_like(values), weights, reduction="sum", mask=mask)
        return losses, count if mask is None else mask.flatten(1).sum(1)


@dataclass(frozen=True)
class Penalty:
    """A regularizer on some of a network's layers.

    Attributes:
        function: a tensor of each replicate to one penalty each.
        parameters: its keyword arguments.
        on: ``kernel``, ``bias``, ``activity`` (what hidden layers give, per row), or several.
        layers: hidden layers by number, output layers by name; None for all.
    """

    function: Callable[..., Tensor]
    parameters: Mapping[str, Any]
    on: Sequence[str]
    layers: Sequence[int | str] | None

    def __call__(self, network: DenseNetwork) -> Tensor:
        """The sum over the chosen layers, ``(R,)``, of weights as they are and activity as last seen."""
        named = [*enumerate(network.hidden), *zip(network.names, network.heads, strict=True)]
        activity = dict(enumerate(network.activity))
        penalties = []
        for name, layer in named:
            if self.layers is not None and name not in self.layers:
                continue
            kinds = {"kernel": layer.weight, "bias": layer.bias}
            penalties += [self.function(kinds[kind], **self.parameters) for kind in self.on if kind in kinds]
            if "activity" in self.on and isinstance(name, int):
                seen = activity[name]
                penalties.append(self.function(seen, **self.parameters) / seen.shape[1])
        return sum(penalties[1:], start=penalties[0])


# What one batch came to: each term's losses (R,) and how many values count, and the penalty (R,).
Seen = tuple[list[tuple[Tensor, Tensor | int]], Tensor | None]


class Objective(nn.Module):
    """The weighted sum of all terms, and the penalty."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__()
        self.terms = list(terms)

    def forward(
        self,
        predictions: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        penalty: Tensor | None = None,
    ) -> tuple[Tensor, Seen]:
        """One total per replicate, ``(R,)``; a backward pass over their sum trains each alone.

        Args:
            predictions: by output, ``(R, B, U)``.
            targets: by term, as its loss wants them.
            weights: by term, ``(R, B)``, where rows weigh.
            penalty: of the regularizer, ``(R,)``.
        """
        seen = [
            term.loss(predictions[term.output], targets[term.name], weights.get(term.name))
            for term in self.terms
        ]
        parts = [
            losses if term.weight == 1 else losses * term.weight
            for term, (losses, _) in zip(self.terms, seen, strict=True)
        ]
        parts += [] if penalty is None else [penalty]
        total = sum(parts[1:], start=parts[0])
        return total, ([(losses.detach(), count) for losses, count in seen], penalty)

    def names(self, penalized: bool) -> list[str]:
        """What :meth:`recorded` gives, in its order: the total, and of several parts each."""
        if len(self.terms) == 1 and not penalized:
            return ["loss"]
        terms = [name for term in self.terms for name in (f"loss/{term.name}", f"loss/{term.name}/weighted")]
        return ["loss", *terms, *(["penalty"] if penalized else [])]

    def recorded(self, batches: Sequence[Seen], rows: Sequence[int]) -> NDArray[np.float64]:
        """Means over every value that counts in some batches, ``(names, R)``, whatever the reduction.

        Args:
            batches: what :meth:`forward` saw of each.
            rows: how many rows each had, for the penalty's mean.
        """
        seen = torch.stack([part for terms, penalty in batches for part in _parts(terms, penalty)])
        values = seen.double().cpu().numpy().reshape(len(batches), -1, seen.shape[1])
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
    """Of each batch's ``(R,)`` the mean over all that counts."""
    numbers = [count.cpu().numpy() if isinstance(count, Tensor) else [count] for count in counts]
    weights = np.stack(numbers)
    total = values if summed else values * weights
    with np.errstate(invalid="ignore"):  # nothing counted: undefined, as is said of NaN
        mean: NDArray[np.float64] = total.sum(0) / weights.sum(0)
    return mean
