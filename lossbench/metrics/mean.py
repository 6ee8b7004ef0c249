"""The running mean over batches, as Keras has it."""

from typing import Any

import torch
from torch import Tensor


class Mean:
    """The running mean of all values so far; each value counts once, whatever batch it came in.

    Args:
        name: the name of the mean, for reports.
        dtype: the dtype of the sums and the result; torch's default if None.

    Source: Keras ``metrics.Mean``. If values have several axes, the mean along all axes but the first counts.

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
        """Add values and return the mean so far."""
        self.update_state(values, sample_weight)
        return self.result()

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values ``(N, ...)``, or a single value, with weights ``(N,)``, or one weight for all."""
        each = torch.as_tensor(values, dtype=self.dtype).detach()
        each = each.flatten(1).mean(1) if each.ndim > 1 else each.reshape(-1)
        weights = torch.ones_like(each)
        if sample_weight is not None:
            weights = torch.as_tensor(sample_weight, dtype=self.dtype).expand_as(each)
        self._total = self._total.to(each) + (each * weights).sum()
        self._count = self._count.to(each) + weights.sum()

    def result(self) -> Tensor:
        """Return the mean so far; 0 before the first value."""
        return self._total / self._count if self._count != 0 else torch.zeros_like(self._total)

    def reset_state(self) -> None:
        """Forget all values, as at the start of an epoch."""
        self._total = self._count = torch.zeros((), dtype=self.dtype)

    reset_states = reset_state  # its name before Keras 3

    def get_config(self) -> dict[str, Any]:
        """Return the arguments with which ``Mean(**config)`` makes the same metric."""
        return {"name": self.name, "dtype": str(self.dtype).removeprefix("torch.")}
