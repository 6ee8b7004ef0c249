"""What training makes small: the one place that reduces a loss, per replicate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.losses.reduction import counted, reduce


class Objective(nn.Module):
    """A loss function with its parameters and reduction, over ``(R, B, U)`` predictions.

    Args:
        function: a loss; an elementwise one takes ``(..., U)`` to ``(...)``, all replicates at once.
        parameters: its keyword arguments.
        reduction: how a replicate's values become its loss.
        couples_samples: whether the function must be given one replicate's batch at a time.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        parameters: Mapping[str, Any],
        reduction: str,
        couples_samples: bool,
    ) -> None:
        super().__init__()
        self.function = function
        self.parameters_of_function = dict(parameters)
        self.reduction = reduction
        self.couples_samples = couples_samples

    def forward(self, y_pred: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor | int]:
        """One loss per replicate, ``(R,)``; a backward pass over their sum trains each alone.

        With it goes how many of a replicate's values count: all, or, where the loss ignores a class,
        ``(R,)`` numbers.
        """
        if self.couples_samples:
            pairs = zip(y_pred, y_true, strict=True)
            values = torch.stack([self.function(*pair, **self.parameters_of_function) for pair in pairs])
        else:
            values = self.function(y_pred, y_true, **self.parameters_of_function)
        mask = counted(self.function, values, y_true, self.parameters_of_function)
        count = values.numel() // len(values)
        if values.ndim == 1 and self.reduction != "sum":  # a scalar speaks for all of its batch
            count = y_pred.shape[1]
        losses = reduce(values, reduction=self.reduction, mask=mask)
        return losses, count if mask is None else mask.flatten(1).sum(1)

    def recorded(self, losses: Sequence[Tensor], counts: Sequence[Tensor | int]) -> NDArray[np.float64]:
        """The mean over every value that counts in some batches, ``(R,)``, whatever the reduction.

        Args:
            losses: of each batch, as :meth:`forward` gave them.
            counts: likewise.
        """
        each = torch.stack(list(losses)).double().cpu().numpy()
        weights = np.stack(
            [count.cpu().numpy() if isinstance(count, Tensor) else [count] for count in counts]
        )
        total = each if self.reduction == "sum" else each * weights
        with np.errstate(invalid="ignore"):  # nothing counted: undefined, as is said of NaN
            mean: NDArray[np.float64] = total.sum(0) / weights.sum(0)
        return mean
