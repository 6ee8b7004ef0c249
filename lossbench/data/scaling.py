"""Scaling of features and targets, by the training part of each replicate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.data.dataset import row_blocks
from lossbench.data.moments import mean_and_deviation, medians
from lossbench.data.splits import Split
from lossbench.tasks import Scaling

_LARGEST = 1e12  # of a number whose square is still finite in float32, divided by the limit


class ScaledColumns(nn.Module):
    """Columns ``(N, C)`` or ``(N, items, C)``, stored once, with each replicate's scaling of them.

    A replicate's means and deviations are those of its training rows; a constant column is only centred. The
    columns are first shifted by the median and divided by the deviation of the whole table, in float64. The
    replicate's mean and deviation are computed after this step, so that it does not change the result. Its
    purpose is precision: float32 would lose digits to a large offset (a year, an identifier) or to extremes.
    A scaling that is not centred divides by the mean alone.

    A limit bends large values: x becomes x / sqrt(1 + (x / limit)^2), which is nearly x near 0 and never
    beyond the limit. A value far outside the training part then moves a network little further than one at
    its edge (Holzmüller et al. 2024, "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data").

    Args:
        values: the columns; a missing value is NaN, and is read as the mean of the training rows.
        splits: one per replicate.
        dtype: of the stored columns.
        scaling: the units in which the columns are read; None for those of ``values``.
        limit: the largest size of a scaled value, in units of the scaling; None for no limit.
        unscaled: indices of columns that stay as they are.
        per_replicate: whether ``values`` has a leading axis of replicates, which then have different values.
    """

    values: Tensor
    mean: Tensor
    scale: Tensor
    limit: Tensor | None
    mean_in_user_units: Tensor
    scale_in_user_units: Tensor

    def __init__(
        self,
        values: NDArray[Any],
        splits: Sequence[Split],
        dtype: torch.dtype,
        *,
        scaling: Scaling | None,
        limit: float | None = None,
        unscaled: Sequence[int] = (),
        per_replicate: bool = False,
    ) -> None:
        super().__init__()
        self.per_replicate = per_replicate
        columns, item_axes = values.shape[-1], values.ndim - per_replicate - 2
        shape = (len(splits), *[1] * (1 + item_axes), columns)
        offset, factor = np.zeros(columns), np.ones(columns)
        mean, scale = np.zeros(shape), np.ones(shape)
        if scaling is not None:
            skip, flat = list(unscaled), values.reshape(-1, columns)
            if scaling.is_centred:
                offset, factor = medians(flat, skip), mean_and_deviation(flat, skip)[1]
            training = (
                (values[r] if per_replicate else values)[split.train] for r, split in enumerate(splits)
            )
            fitted = [
                mean_and_deviation(rows.reshape(-1, columns), skip, offset, factor) for rows in training
            ]
            mean, scale = (np.reshape(part, shape) for part in zip(*fitted, strict=True))
            if not scaling.is_centred:
                mean, scale = np.zeros(shape), np.where(mean > 0, mean, 1.0)
        stored = torch.empty(values.shape, dtype=dtype)
        for rows in row_blocks(values):
            stored[rows] = torch.as_tensor((values[rows] - offset) / factor, dtype=dtype)
        self.has_gaps = bool(stored.isnan().any())
        self.register_buffer("values", stored)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=dtype))
        limits = None
        if limit is not None:
            limits = torch.full(shape, limit, dtype=dtype)
            limits[..., list(unscaled)] = torch.inf
        self.register_buffer("limit", limits)
        # In float64: float32 would lose what is small beside a large mean
        self.register_buffer("mean_in_user_units", torch.as_tensor(offset + factor * mean))
        self.register_buffer("scale_in_user_units", torch.as_tensor(factor * scale))

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows ``(R, B)`` as each replicate reads them, ``(R, B, C)``."""
        replicates = torch.arange(len(rows), device=rows.device)[:, None]
        values = self.values[(replicates, rows) if self.per_replicate else rows]
        values = values.sub_(self.mean).div_(self.scale)
        if self.limit is not None:
            values = limited(values, self.limit)
        return values.nan_to_num(0.0) if self.has_gaps else values

    def in_user_units(self, values: Tensor) -> Tensor:
        """Return what :meth:`gather` gave, or a prediction of it, in the table's units, in float64."""
        return values.double() * self.scale_in_user_units + self.mean_in_user_units


def limited(values: Tensor, limit: Tensor) -> Tensor:
    """Return values bent so that none is beyond a limit; the arguments are broadcast.

    An infinite limit leaves the 0 and 1 of categories as they are.

    >>> limited(torch.tensor([0.0, 3.0, -1e30]), torch.tensor(3.0))
    tensor([ 0.0000,  2.1213, -3.0000])
    """
    values = values.clamp(-_LARGEST, _LARGEST)
    return values / torch.sqrt(1 + (values / limit) ** 2)
