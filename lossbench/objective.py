"""What training makes small: the one place that reduces a loss, per replicate."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from lossbench.losses.loss import counted
from lossbench.losses.reduction import reduce


class Objective(nn.Module):
    """A loss function with its parameters and reduction, over ``(R, B, U)`` predictions.

    Args:
        function: an elementwise loss, ``(..., U)`` to ``(...)``.
        parameters: its keyword arguments.
        reduction: how a replicate's values become its loss.
    """

    def __init__(
        self, function: Callable[..., Tensor], parameters: Mapping[str, Any], reduction: str
    ) -> None:
        super().__init__()
        self.function = function
        self.parameters_of_function = dict(parameters)
        self.reduction = reduction

    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        """One loss per replicate, ``(R,)``; a backward pass over their sum trains each alone."""
        values = self.function(y_pred, y_true, **self.parameters_of_function)
        mask = counted(values, y_true, self.parameters_of_function)
        return reduce(values, reduction=self.reduction, mask=mask)

    def per_sample(self, losses: Tensor, samples: int) -> Tensor:
        """The loss as a mean over samples, which is what is recorded whatever the reduction."""
        return losses / samples if self.reduction == "sum" else losses
