"""Decide for each replicate separately which weights it keeps and when it stops."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class WeightSelection:
    """Best (or last) weights, early stopping and divergence, per replicate.

    No replicate is ever frozen. A replicate that has stopped is still trained with the others, but its kept
    weights and epochs no longer change. They therefore equal those of a run of this replicate alone.

    Epochs with the same primary metric are ordered by the validation loss, and only a better metric extends
    the patience.

    Args:
        parameters: the parameters of the network, each with a leading replicate axis.
        replicates: the number of replicates, R.
        keep: ``best`` by the primary metric on validation, or ``last``.
        patience: epochs without improvement after which a replicate stops; None for never.
        higher_is_better: the direction of the primary metric.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        replicates: int,
        *,
        keep: str,
        patience: int | None,
        higher_is_better: bool,
    ) -> None:
        self.parameters = list(parameters)
        self.keep, self.patience, self.sign = keep, patience, -1.0 if higher_is_better else 1.0
        self.kept = [parameter.detach().clone() for parameter in self.parameters]
        self.best = np.full(replicates, np.inf)
        self.best_loss = np.full(replicates, np.inf)  # on validation, at the best epoch
        self.improved_epoch = np.zeros(replicates, dtype=np.int64)  # the first epoch of the best metric
        self.best_epoch = np.zeros(replicates, dtype=np.int64)
        self.last_epoch = np.zeros(replicates, dtype=np.int64)
        self.running = np.ones(replicates, dtype=bool)
        self.diverged = np.zeros(replicates, dtype=bool)

    def update(
        self,
        epoch: int,
        losses: NDArray[np.float64],
        score: NDArray[np.float64],
        validation_loss: NDArray[np.float64],
    ) -> None:
        """Record the end of an epoch.

        Args:
            epoch: counted from 1.
            losses: ``(..., R)``; a replicate with a value that is not finite has diverged.
            score: the primary metric on validation, ``(R,)``.
            validation_loss: the total loss on validation, ``(R,)``.
        """
        self.last_epoch[self.running] = epoch
        finite = np.isfinite(losses).all(0)
        self.diverged |= self.running & ~finite
        self.running &= finite
        score = self.sign * score
        improved = self.running & (score < self.best)
        better = improved | (self.running & (score == self.best) & (validation_loss < self.best_loss))
        self.best[better] = score[better]
        self.best_loss[better] = validation_loss[better]
        self.best_epoch[better] = epoch
        self.improved_epoch[improved] = epoch
        self._store(better if self.keep == "best" else self.running)
        if self.patience is not None:
            self.running &= epoch - self.improved_epoch < self.patience

    @torch.no_grad()
    def _store(self, chosen: NDArray[np.bool_]) -> None:
        if not chosen.any():
            return
        mask = torch.from_numpy(chosen).to(self.kept[0].device).view(-1, 1, 1)
        for kept, parameter in zip(self.kept, self.parameters, strict=True):
            torch.where(mask, parameter, kept, out=kept)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the kept weights back into the network."""
        for kept, parameter in zip(self.kept, self.parameters, strict=True):
            parameter.copy_(kept)
