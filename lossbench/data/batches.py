"""One shared table on the device, seen by every replicate through its own rows and its own scaling."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from lossbench.data.dataset import BLOCK, row_blocks
from lossbench.data.splits import Split

# Features (R, B, [items,] F), and by term the targets (R, B, U) and the weights (R, B).
Batch = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]


class ScaledColumns(nn.Module):
    """Columns ``(N, C)`` or ``(N, items, C)`` stored once, and each replicate's standardisation of them.

    Each replicate's mean and deviation are those of its own training rows; a constant column is only
    centred. The stored columns are first scaled as a whole, in float64, about their medians: each
    replicate's own scaling undoes that exactly, and neither a large offset (a year, an identifier) nor a
    few wild cells, maybe of the test part, cost float32 any digits.

    Args:
        values: the columns; a missing value is NaN, and is read as the mean of the training rows.
        splits: one per replicate.
        dtype: of what is stored.
        scaled: whether they are standardised at all.
        unscaled: indices of columns that are left as they are.
        own: whether ``values`` has a leading axis of replicates, each with columns of its own.
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
        own: bool = False,
    ) -> None:
        super().__init__()
        self.own = own
        columns, item_axes = values.shape[-1], values.ndim - own - 2
        shape = (len(splits), *[1] * (1 + item_axes), columns)
        whole, mine = (np.zeros(columns), np.ones(columns)), (np.zeros(shape), np.ones(shape))
        if scaled:
            plain = list(unscaled)
            flat = values.reshape(-1, columns)
            whole = _medians(flat, plain), _statistics(flat, plain)[1]
            training = ((values[r] if own else values)[split.train] for r, split in enumerate(splits))
            fitted = [_statistics(rows.reshape(-1, columns), plain, *whole) for rows in training]
            mine = (
                np.reshape([one[0] for one in fitted], shape),
                np.reshape([one[1] for one in fitted], shape),
            )
        (offset, factor), (mean, scale) = whole, mine
        stored = torch.empty(values.shape, dtype=dtype)
        for rows in row_blocks(values):
            stored[rows] = torch.as_tensor((values[rows] - offset) / factor, dtype=dtype)
        self.gaps = bool(stored.isnan().any())
        buffers = {"mean": mean, "scale": scale}
        in_user_units = {"mean_in_user_units": offset + factor * mean, "scale_in_user_units": factor * scale}
        self.register_buffer("values", stored)
        for name, content in buffers.items():
            self.register_buffer(name, torch.as_tensor(content, dtype=dtype))
        for name, content in in_user_units.items():  # float32 would lose what is small beside a large mean
            self.register_buffer(name, torch.as_tensor(content, dtype=torch.float64))

    def gather(self, rows: Tensor) -> Tensor:
        """The rows ``(R, B)`` as each replicate sees them, ``(R, B, C)``."""
        where = (torch.arange(len(rows), device=rows.device)[:, None], rows) if self.own else rows
        seen = self.values[where].sub_(self.mean).div_(self.scale)
        return seen.nan_to_num(0.0) if self.gaps else seen

    def in_user_units(self, seen: Tensor) -> Tensor:
        """What :meth:`gather` gave, or a prediction of it, in the table's own units, in float64."""
        return seen.double() * self.scale_in_user_units + self.mean_in_user_units


def _medians(rows: NDArray[Any], plain: list[int]) -> NDArray[np.float64]:
    """Of each column's cells that are there."""
    medians = np.zeros(rows.shape[1])
    for place, column in enumerate(rows.T):
        present = column[~np.isnan(column)]
        if len(present) and place not in plain:
            medians[place] = np.median(present, overwrite_input=True)
    return medians


def _statistics(
    rows: NDArray[Any], plain: list[int], offset: Any = 0.0, factor: Any = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each column of ``(rows - offset) / factor``; 1 user unit of what is constant."""
    scaler = StandardScaler()
    least, most = np.full(rows.shape[1], np.inf), np.full(rows.shape[1], -np.inf)
    for block in row_blocks(rows):
        part = (rows[block] - offset) / factor
        with np.errstate(invalid="ignore"):  # of a column that is empty here, whose mean is none
            scaler.partial_fit(part)
        least, most = np.fmin(least, np.fmin.reduce(part)), np.fmax(most, np.fmax.reduce(part))
    mean, scale = np.nan_to_num(scaler.mean_), np.nan_to_num(scaler.scale_, nan=1.0)
    # What is constant in the training part has no deviation, and must not borrow the table's
    scale = np.where(most > least, scale, 1 / np.broadcast_to(factor, scale.shape))
    mean[plain], scale[plain] = 0.0, 1.0
    return mean, scale


class ReplicatedTable(nn.Module):
    """Features, targets, weights and row numbers of all replicates.

    Args:
        features: as the network sees them.
        targets: by term, as its loss wants them.
        weights: by term, ``(R, N)`` or ``(1, N)``, how much each row counts; a term without has none.
        splits: one per replicate, all of the same sizes.
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
        self.weighted = list(weights or {})
        for index, term in enumerate(self.weighted):
            assert weights is not None
            self.register_buffer(f"weights_{index}", weights[term])

    def rows(self, part: str) -> Tensor:
        """The row numbers ``(R, n)`` of one part."""
        return self.get_buffer(f"{part}_rows")

    def target(self, term: str) -> ScaledColumns:
        """The targets of one term."""
        columns = self.columns[self.terms.index(term)]
        assert isinstance(columns, ScaledColumns)
        return columns

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Batches of the rows ``(R, n)``, ``size`` at a time.

        Many are gathered at once and handed out as views: one gather costs as much as ten.
        """
        every = [self.features, *(self.target(term) for term in self.terms)]
        per_row = sum(columns.values.shape[1 + columns.own :].numel() for columns in every)
        at_once = max(BLOCK // (len(rows) * per_row) // size, 1) * size
        for block in rows.split(at_once, dim=1):
            features, *targets = (columns.gather(block).split(size, dim=1) for columns in every)
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
