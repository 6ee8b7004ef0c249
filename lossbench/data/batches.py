"""One table on the device for all replicates; each has its own rows and its own scaling."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lossbench.data.dataset import BLOCK
from lossbench.data.scaling import ScaledColumns
from lossbench.data.splits import PARTS, Split

# Features (R, B, [items,] F), targets by term (R, B, U) and weights by term (R, B)
Batch = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]


class ReplicatedTable(nn.Module):
    """Features, targets, weights and row numbers of all replicates.

    Args:
        features: the features, as the network reads them.
        targets: the targets of each term, as its loss reads them.
        splits: one per replicate, all with parts of the same sizes.
        weights: for each term, how much each row counts, ``(R, N)`` or ``(1, N)``; a term may have none.
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
        for part in PARTS:
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

        Many batches are gathered at once and returned as views, because gathering one batch takes as long as
        gathering ten.
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

    def targets(self, rows: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return targets and weights of the rows ``(R, n)``, by term."""
        targets = {term: self.target(term).gather(rows) for term in self.terms}
        return targets, {term: self._weights(index, rows) for index, term in enumerate(self.weighted)}

    def _weights(self, index: int, rows: Tensor) -> Tensor:
        weights = self.get_buffer(f"weights_{index}")
        return weights.expand(len(rows), -1).gather(1, rows)
