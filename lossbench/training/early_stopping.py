"""Decide for each replicate separately which weights it keeps and when it stops."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

# A smaller improvement of metric or loss does not extend training: relative to the value itself, and to that
# of the untrained network. Without the second limit a network that separates all classes would be trained
# until its losses are 0, and its probabilities too certain.
_PROGRESS, _NEGLIGIBLE = 1e-3, 1e-5

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class WeightSelection:
    """Best (or last) weights, early stopping and divergence, per replicate.

    No replicate is ever frozen. A replicate that has stopped is still trained with the others, but its kept
    weights and epochs no longer change. They therefore equal those of a run of this replicate alone.

    Attributes:
        best_epoch: the epoch of the best weights, ``(R,)``; 0 for the untrained network, -1 for none.
        last_epoch: the last epoch for which a replicate was trained.
        running: whether a replicate has neither stopped nor diverged.
        diverged: whether a loss was not finite.

    Args:
        parameters: the parameters of the network, each with a leading replicate axis.
        replicates: the number of replicates, R.
        keep: ``best`` by the primary metric on validation, or ``last``.
        patience: epochs without progress after which a replicate stops; None for never.
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
        self.best, self.best_loss = np.full(replicates, np.inf), np.full(replicates, np.inf)
        self.best_epoch = np.full(replicates, -1, dtype=np.int64)
        self.last_epoch = np.zeros(replicates, dtype=np.int64)
        self.running = np.ones(replicates, dtype=bool)
        self.diverged = np.zeros(replicates, dtype=bool)
        self._marks = np.full((2, replicates), np.inf)  # metric and loss at the last progress
        self._untrained = np.zeros((2, replicates))  # the size of metric and loss before training
        self._progress_epoch = np.zeros(replicates, dtype=np.int64)

    def start(self, loss: Floats, score: Floats) -> None:
        """Record the untrained networks as epoch 0; the arguments are those of :meth:`update`."""
        self._improve(np.isfinite(loss) & np.isfinite(score), 0, loss, self.sign * score)
        self._untrained = np.nan_to_num(np.abs([score, loss]), posinf=0)

    def update(self, epoch: int, losses: Floats, loss: Floats, score: Floats) -> None:
        """Record the end of an epoch.

        Args:
            epoch: counted from 1.
            losses: ``(..., R)``; a replicate with a value that is not finite has diverged.
            loss: the loss on validation, ``(R,)``; it decides between epochs with the same score.
            score: the primary metric on validation, ``(R,)``.
        """
        self.last_epoch[self.running] = epoch
        finite = np.isfinite(losses).all(0)
        self.diverged |= self.running & ~finite
        self.running &= finite
        better = self._improve(self.running, epoch, loss, self.sign * score)
        self._store(better if self.keep == "best" else self.running)
        if self.patience is not None:
            self.running &= epoch - self._progress_epoch < self.patience

    def _improve(self, chosen: Flags, epoch: int, loss: Floats, value: Floats) -> Flags:
        """Record where chosen replicates are better than before, and return where.

        Progress is an improvement of the metric or of the loss: a metric that counts decisions can stand
        still for many epochs while the network learns.
        """
        better: Flags = chosen & ((value < self.best) | ((value == self.best) & (loss < self.best_loss)))
        self.best[better], self.best_loss[better] = value[better], loss[better]
        self.best_epoch[better] = epoch
        current = np.stack([value, loss])
        with np.errstate(invalid="ignore"):  # before the first value, infinity minus infinity
            least = np.maximum(_PROGRESS * np.abs(self._marks), _NEGLIGIBLE * self._untrained)
            further = current < self._marks - least
        improved = chosen & np.isfinite(current) & (further | np.isinf(self._marks))
        self._marks[improved] = current[improved]
        self._progress_epoch[improved.any(0)] = epoch
        return better

    @torch.no_grad()
    def _store(self, chosen: Flags) -> None:
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
