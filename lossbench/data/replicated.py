"""One shared table on the device, seen by every replicate through its own rows and its own scaling."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from lossbench.data.splits import Split

_BLOCK = 2**20  # elements gathered at a time: large enough to be fast, small beside any data


class ScaledColumns(nn.Module):
    """Columns ``(N, C)`` or ``(N, items, C)`` stored once, and each replicate's standardisation of them.

    Each replicate's mean and deviation are those of its own training rows; a constant column is only
    centred. The stored columns are first standardised as a whole, in float64: each replicate's own
    scaling undoes that exactly, and a large offset (a year, an identifier) costs float32 no digits.
    """

    values: Tensor
    mean: Tensor
    scale: Tensor
    mean_in_user_units: Tensor
    scale_in_user_units: Tensor

    def __init__(
        self,
        values: NDArray[np.float64],
        splits: Sequence[Split],
        dtype: torch.dtype,
        *,
        scaled: bool,
    ) -> None:
        super().__init__()
        columns = values.shape[-1]
        shape = (len(splits), *[1] * (values.ndim - 1), columns)
        offset, factor = np.zeros(columns), np.ones(columns)
        mean, scale = np.zeros(shape), np.ones(shape)
        if scaled:
            whole = StandardScaler().fit(values.reshape(-1, columns))
            offset, factor = whole.mean_, whole.scale_
            values = whole.transform(values.reshape(-1, columns)).reshape(values.shape)
            training = [values[split.train].reshape(-1, columns) for split in splits]
            own = [StandardScaler().fit(rows) for rows in training]
            mean = np.reshape([scaler.mean_ for scaler in own], shape)
            # What is constant in the training part has no deviation, and must not borrow the table's
            constant = np.stack([np.ptp(rows, axis=0) == 0 for rows in training])
            scale = np.where(constant, 1 / factor, [scaler.scale_ for scaler in own]).reshape(shape)
        buffers = {
            "values": values,
            "mean": mean,
            "scale": scale,
            "mean_in_user_units": offset + factor * mean,
            "scale_in_user_units": factor * scale,
        }
        for name, content in buffers.items():
            exact = name.endswith("user_units")  # float32 would lose what is small beside a large mean
            self.register_buffer(name, torch.as_tensor(content, dtype=torch.float64 if exact else dtype))

    def gather(self, rows: Tensor) -> Tensor:
        """The rows ``(R, B)`` as each replicate sees them, ``(R, B, C)``."""
        return (self.values[rows] - self.mean) / self.scale

    def in_user_units(self, seen: Tensor) -> Tensor:
        """What :meth:`gather` gave, or a prediction of it, in the table's own units, in float64."""
        return seen.double() * self.scale_in_user_units + self.mean_in_user_units


class ReplicatedTable(nn.Module):
    """Features, targets and row numbers of all replicates.

    Args:
        features: ``(N, F)``, or ``(N, items, F)``.
        targets: as the loss wants them, ``(N, U)``.
        splits: one per replicate, all of the same sizes.
        scale_targets: whether targets are standardised as features are.
        dtype: of all floats.
    """

    def __init__(
        self,
        features: NDArray[np.float64],
        targets: NDArray[np.float64],
        splits: Sequence[Split],
        *,
        scale_targets: bool,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.features = ScaledColumns(features, splits, dtype, scaled=True)
        self.targets = ScaledColumns(targets, splits, dtype, scaled=scale_targets)
        for part in ("train", "validation", "test"):
            rows = np.stack([getattr(split, part) for split in splits])
            self.register_buffer(f"{part}_rows", torch.from_numpy(rows))

    def rows(self, part: str) -> Tensor:
        """The row numbers ``(R, n)`` of one part."""
        return self.get_buffer(f"{part}_rows")

    def batches(self, rows: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Features ``(R, B, [items,] F)`` and targets ``(R, B, U)`` of rows ``(R, n)``, ``size`` at a time.

        Many batches are gathered at once and handed out as views: one gather costs as much as ten.
        """
        per_row = len(rows) * (self.features.values[0].numel() + self.targets.values[0].numel())
        at_once = max(_BLOCK // per_row // size, 1) * size
        for block in rows.split(at_once, dim=1):
            features, targets = self.features.gather(block), self.targets.gather(block)
            yield from zip(features.split(size, dim=1), targets.split(size, dim=1), strict=True)
