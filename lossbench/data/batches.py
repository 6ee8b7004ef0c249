"""One table on the device for all replicates; each has its own rows and its own scaling."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.data.dataset import BLOCK, row_blocks
from lossbench.data.moments import mean_and_deviation, medians
from lossbench.data.splits import Split

# Features (R, B, [items,] F), targets by term (R, B, U) and weights by term (R, B)
Batch = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]


class ScaledColumns(nn.Module):
    """Columns ``(N, C)`` or ``(N, items, C)``, stored once, with each replicate's standardisation of them.

    A replicate's means and deviations are those of its training rows; a constant column is only centred. The
    stored columns are first scaled as a whole, in float64, about their medians. Each replicate's scaling
    undoes that exactly. So float32 loses no digits to a large offset (a year, an identifier) or to a few
    extreme values, which may be in the test part.

    Args:
        values: the columns; a missing value is NaN, and is read as the mean of the training rows.
        splits: one per replicate.
        dtype: of the stored columns.
        scaled: whether columns are standardised.
        unscaled: indices of columns that stay as they are.
        per_replicate: whether ``values`` has a leading axis of replicates, which then have different values.
    """

    values: Tensor
    mean: Tensor
    scale: Tensor
    mean_in_user_units: Tensor
    scale_in_user_units: Tensor

    def __init__(
        self,
        values: NDArray[Any],
        splits: Sequence[Split],
        dtype: torch.dtype,
        *,
        scaled: bool,
        unscaled: Sequence[int] = (),
        per_replicate: bool = False,
    ) -> None:
        super().__init__()
        self.per_replicate = per_replicate
        columns, item_axes = values.shape[-1], values.ndim - per_replicate - 2
        shape = (len(splits), *[1] * (1 + item_axes), columns)
        offset, factor = np.zeros(columns), np.ones(columns)
        mean, scale = np.zeros(shape), np.ones(shape)
        if scaled:
            skip, flat = list(unscaled), values.reshape(-1, columns)
            offset, factor = medians(flat, skip), mean_and_deviation(flat, skip)[1]
            training = (
                (values[r] if per_replicate else values)[split.train] for r, split in enumerate(splits)
            )
            fitted = [
                mean_and_deviation(rows.reshape(-1, columns), skip, offset, factor) for rows in training
            ]
            mean, scale = (np.reshape(part, shape) for part in zip(*fitted, strict=True))
        stored = torch.empty(values.shape, dtype=dtype)
        for rows in row_blocks(values):
            stored[rows] = torch.as_tensor((values[rows] - offset) / factor, dtype=dtype)
        self.has_gaps = bool(stored.isnan().any())
        self.register_buffer("values", stored)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=dtype))
        # In float64: float32 would lose what is small beside a large mean
        self.register_buffer("mean_in_user_units", torch.as_tensor(offset + factor * mean))
        self.register_buffer("scale_in_user_units", torch.as_tensor(factor * scale))

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows ``(R, B)`` as each replicate reads them, ``(R, B, C)``."""
        replicates = torch.arange(len(rows), device=rows.device)[:, None]
        values = self.values[(replicates, rows) if self.per_replicate else rows]
        values = values.sub_(self.mean).div_(self.scale)
        return values.nan_to_num(0.0) if self.has_gaps else values

    def in_user_units(self, values: Tensor) -> Tensor:
        """Return what :meth:`gather` gave, or a prediction of it, in the table's units, in float64."""
        return values.double() * self.scale_in_user_units + self.mean_in_user_units


class ReplicatedTable(nn.Module):
    """Features, targets, weights and row numbers of all replicates.

    Args:
        features: as the network reads them.
        targets: by term, as its loss reads them.
        splits: one per replicate, all with parts of the same sizes.
        weights: by term, ``(R, N)`` or ``(1, N)``, how much each row counts; a term may have none.
    """

    def __init__(
        self,
        features: ScaledColumns,
        targets: Mapping[str, ScaledColumns],
        splits: Sequence[Split],
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.features = features
        self.terms = list(targets)
        self.columns = nn.ModuleList(targets.values())
        for part in ("train", "validation", "test"):
            rows = np.stack([getattr(split, part) for split in splits])
            self.register_buffer(f"{part}_rows", torch.from_numpy(rows))
        weights = weights or {}
        self.weighted = list(weights)
        for index, term in enumerate(self.weighted):
            self.register_buffer(f"weights_{index}", weights[term])

    def rows(self, part: str) -> Tensor:
        """Return the row numbers ``(R, n)`` of a part."""
        return self.get_buffer(f"{part}_rows")

    def target(self, term: str) -> ScaledColumns:
        """Return the targets of a term."""
        columns = self.columns[self.terms.index(term)]
        assert isinstance(columns, ScaledColumns)
        return columns

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Yield batches of the rows ``(R, n)``, ``size`` at a time.

        Many batches are gathered at once and handed out as views: one gather takes as long as ten.
        """
        sources = [self.features, *(self.target(term) for term in self.terms)]
        per_row = sum(columns.values.shape[1 + columns.per_replicate :].numel() for columns in sources)
        at_once = max(BLOCK // (len(rows) * per_row) // size, 1) * size
        for block in rows.split(at_once, dim=1):
            features, *targets = (columns.gather(block).split(size, dim=1) for columns in sources)
            weights = [self._weights(index, block).split(size, dim=1) for index in range(len(self.weighted))]
            for index, batch in enumerate(features):
                yield (
                    batch,
                    {term: parts[index] for term, parts in zip(self.terms, targets, strict=True)},
                    {term: parts[index] for term, parts in zip(self.weighted, weights, strict=True)},
                )

    def _weights(self, index: int, rows: Tensor) -> Tensor:
        weights = self.get_buffer(f"weights_{index}")
        return weights.expand(len(rows), -1).gather(1, rows)
