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

_ROWS = 4096  # of each replicate's training part; more do not change a constant that matters
_REACH = 20.0  # how far beyond the targets an output before its activation can lie
_HALVINGS = 24  # to within some millionths; the last bits of a derivative then decide nothing
_ROUNDS = 5  # over the numbers of a unit, where a loss reads several: each depends on the others
_INVERSES: dict[str, Callable[[Tensor], Tensor]] = {"softmax": torch.log, "sigmoid": torch.logit}


@torch.no_grad()
def set_initial_outputs(
    network: DenseNetwork, outputs: Sequence[OutputSettings], table: ReplicatedTable, objective: Objective
) -> None:
    """Set every head so that the untrained network predicts the best constant: a kernel of 0, and its bias.

    Args:
        network: the network; the biases of its heads are 0.
        outputs: what is predicted, with the start of each.
        table: rows, targets and weights.
        objective: the losses of all outputs.
    """
    rows = table.rows("train")
    rows = rows[:, :: -(-rows.shape[1] // _ROWS)]
    _, targets, weights = next(table.batches(rows, rows.shape[1]))
    targets, weights = (
        {term: values.double() for term, values in by_term.items()} for by_term in (targets, weights)
    )
    for output, layer in zip(outputs, network.heads, strict=True):
        if output.start == "random":
            continue
        assert isinstance(layer.weight, nn.Parameter)
        assert isinstance(layer.bias, nn.Parameter)
        layer.weight.zero_()
        if output.start == "priors":
            term = output.target_term
            bias = _of_priors(output, targets[term], weights.get(term), layer.bias)
        else:
            bias = _of_best_constant(output, targets, weights, layer.bias, objective)
        layer.bias.copy_(bias)


def _of_priors(output: OutputSettings, targets: Tensor, weights: Tensor | None, bias: Tensor) -> Tensor:
    """Return the bias ``(R, 1, U)`` with which predictions are the shares of the classes."""
    activation = next(
        (name for name in (output.activation, output.decode_activation) if name in _INVERSES), None
    )
    if activation is None:
        return bias
    units = bias.shape[-1]
    if targets.shape[-1] < units:
        targets = torch.nn.functional.one_hot(targets.squeeze(-1).long(), units).double()
    weights = torch.ones_like(targets[..., 0]) if weights is None else weights
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
) -> Tensor:
    """Return the bias ``(R, 1, U)`` that minimises the losses of an output, found by halving an interval.

    The search follows the sign of the derivative, so that it ends at a minimum of any loss that has one.
    Where it finds no lower loss than that of 0, the bias stays 0.
    """
    activation = activation_function(output.activation)
    rows = targets[output.target_term].shape[1]
    numbers = () if output.numbers is None else (-1, output.numbers)

    def losses(constant: Tensor) -> Tensor:
        expanded = constant.expand(-1, rows, -1)
        predictions = activation(expanded.unflatten(-1, numbers) if numbers else expanded)
        return objective.of_output(output.head, predictions, targets, weights)

    largest = torch.stack([targets[term.name].abs().amax((1, 2)) for term in output.terms]).amax(0)
    start = bias.double()
    best = start.clone()
    count = output.numbers or 1
    for number in list(range(count)) * (_ROUNDS if count > 1 else 1):
        chosen = slice(number, None, count)
        low = torch.full_like(best[..., chosen], -_REACH)
        high = (_REACH + largest)[:, None, None].expand_as(low)
        for _ in range(_HALVINGS):
            best[..., chosen] = (low + high) / 2
            with torch.enable_grad():
                constant = best.clone().requires_grad_()
                gradient = torch.autograd.grad(losses(constant).sum(), constant)[0][..., chosen]
            rises = gradient > 0
            high = torch.where(rises, best[..., chosen], high)
            low = torch.where(rises, low, best[..., chosen])
    better = losses(best) < losses(start)
    return torch.where(better[:, None, None], best, start)
