"""Start each network from the best constant of the training part.

A network that starts far from its targets spends its first steps, or all of them, on the way there. Which
constant is the best follows from the head and the task: the shares of the classes where predictions are
probabilities, else the number that minimises the loss.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from lossbench.data.batches import ReplicatedTable
from lossbench.training.network import DenseNetwork, activation_function
from lossbench.training.objective import Objective
from lossbench.training.settings import OutputSettings

_ROWS = 2048  # of each replicate's training part; more do not change a constant that matters
_REACH = 4.0  # before the activation; further out, the derivative of softplus or exp is nearly 0
_HALVINGS = 24  # to within some millionths; the last bits of a derivative then decide nothing
_ROUNDS = 5  # over the numbers of a unit, where a loss reads several: each depends on the others
_INVERSES: dict[str, Callable[[Tensor], Tensor]] = {"softmax": torch.log, "sigmoid": torch.logit}


@torch.no_grad()
def set_initial_outputs(
    network: DenseNetwork,
    outputs: Sequence[OutputSettings],
    table: ReplicatedTable,
    objective: Objective,
    batch_size: int,
) -> None:
    """Set every head so that the untrained network predicts the best constant: a kernel of 0, and its bias.

    A head stays as it was drawn where a constant is no start: if the loss raises an error or is not finite
    for a constant, or if no gradient would reach the head, as below the kink of a ReLU.

    Args:
        network: the network; the biases of its heads are 0.
        outputs: what is predicted, with the start of each.
        table: rows, targets and weights.
        objective: the losses of all outputs.
        batch_size: how many rows a loss is given at once if it judges them together.
    """
    heads = zip(outputs, network.heads, strict=True)
    chosen = [(output, head) for output, head in heads if output.start != "random"]
    if not chosen:
        return
    rows = table.rows("train")
    rows = rows[:, :: -(-rows.shape[1] // _ROWS)]
    targets, weights = table.targets(rows)
    for output, head in chosen:
        assert isinstance(head.bias, nn.Parameter)
        assert isinstance(head.weight, nn.Parameter)
        if output.start == "priors":
            bias = _of_priors(output, targets[output.target_term], weights.get(output.target_term), head.bias)
        else:
            coupled = any(term.couples_samples for term in output.terms)
            size = batch_size if coupled else rows.shape[1]
            bias = _of_best_constant(output, targets, weights, head.bias, objective, size)
        if bias is not None:
            head.weight.zero_()
            head.bias.copy_(bias)


def _of_priors(
    output: OutputSettings, targets: Tensor, weights: Tensor | None, bias: Tensor
) -> Tensor | None:
    """Return the bias ``(R, 1, U)`` with which predictions are the shares of the classes; None if none is."""
    activation = next(
        (name for name in (output.activation, output.decode_activation) if name in _INVERSES), None
    )
    if activation is None:
        return None
    units = bias.shape[-1]
    weights = torch.ones_like(targets[..., 0], dtype=bias.dtype) if weights is None else weights
    if targets.shape[-1] < units:
        labels = targets.squeeze(-1).long()
        weights = weights * (labels != output.terms[0].parameters.get("ignore_class", -1))
        targets = torch.nn.functional.one_hot(labels, units).to(bias.dtype)
    counts = (targets * weights[..., None]).sum(1, keepdim=True)
    total = weights.sum(1)[:, None, None]
    smallest = 0.5 / (total + 1)  # a class without rows in the training part is still possible
    shares = (counts / total).clamp(min=smallest, max=1 - smallest)
    return _INVERSES[activation](shares)


def _of_best_constant(
    output: OutputSettings,
    targets: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    bias: Tensor,
    objective: Objective,
    size: int,
) -> Tensor | None:
    """Return the bias ``(R, 1, U)`` that minimises the losses of an output; None if a constant is no start.

    An interval is halved by the sign of the derivative, so that the search ends at a minimum of any loss that
    has one. Losses are given ``size`` rows at a time.
    """
    activation = activation_function(output.activation)
    rows = targets[output.target_term].shape[1]
    numbers = () if output.numbers is None else (-1, output.numbers)

    def losses_and_gradient(constant: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses ``(R,)`` of a constant, and their gradient for each row, ``(R, B, U)``."""
        with torch.enable_grad():
            expanded = constant.repeat(1, rows, 1).requires_grad_()
            predictions = activation(expanded.unflatten(-1, numbers) if numbers else expanded)
            losses = torch.zeros_like(predictions[:, 0].flatten(1)[:, 0])
            for start in range(0, rows, size):
                batch = slice(start, start + size)
                parts = (
                    {name: part[:, batch] for name, part in every.items()} for every in (targets, weights)
                )
                given = predictions[:, batch]
                losses = losses + objective.of_output(output.head, given, *parts) * given.shape[1] / rows
            return losses.detach(), torch.autograd.grad(losses.sum(), expanded)[0]

    def is_start(constant: Tensor) -> bool:
        losses, gradient = losses_and_gradient(constant)
        return bool(
            losses.isfinite().all() and gradient.isfinite().all() and (gradient != 0).any((1, 2)).all()
        )

    try:
        best = _searched(bias, targets[output.target_term], output.numbers or 1, losses_and_gradient)
        return best if is_start(best) else None
    except Exception:  # of a loss that cannot judge constants; if it can judge nothing, training will say so
        return None


def _searched(
    start: Tensor,
    targets: Tensor,
    numbers: int,
    losses_and_gradient: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> Tensor:
    """Return the constant ``(R, 1, U)`` with the lowest losses; ``start`` where none is lower."""
    best = start.detach().clone()
    ends = (targets.amin((1, 2)).clamp(max=-_REACH), targets.amax((1, 2)).clamp(min=_REACH))
    for number in list(range(numbers)) * (_ROUNDS if numbers > 1 else 1):
        chosen = slice(number, None, numbers)
        low, high = (end.to(best.dtype)[:, None, None].expand_as(best[..., chosen]) for end in ends)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            best[..., chosen] = middle
            rises = losses_and_gradient(best)[1].sum(1, keepdim=True)[..., chosen] > 0
            high, low = torch.where(rises, middle, high), torch.where(rises, low, middle)
    better = losses_and_gradient(best)[0] < losses_and_gradient(start)[0]
    return torch.where(better[:, None, None], best, start)
