"""The Lightning module: its unit is the epoch, its optimizer plain, its replicates batched."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.data.replicated import ReplicatedTable
from lossbench.errors import UserError
from lossbench.metrics import Metric
from lossbench.objective import Objective
from lossbench.selection import Selection

_EVALUATION_ROWS = 2**16  # of all replicates at a time, which bounds the memory of hidden layers


class EpochOrders:
    """What Lightning iterates: one item per epoch, each replicate's training rows in a new order.

    Attributes:
        following: the order ``(R, n)`` of the epoch to come, known before it begins.
    """

    def __init__(self, rows: Tensor, generators: Sequence[torch.Generator]) -> None:
        self.rows = rows
        self.generators = generators
        self.following = self._draw()

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Tensor]:
        order, self.following = self.following, self._draw()
        yield order

    def _draw(self) -> Tensor:
        count = self.rows.shape[1]
        permutations = [torch.randperm(count, generator=generator) for generator in self.generators]
        return self.rows.gather(1, torch.stack(permutations))


class ReplicateModule(pl.LightningModule):
    """R networks, one per seed, trained as one.

    Args:
        table: rows and scaling of every replicate.
        network: ``(R, B, F)`` to ``(R, B, U)``.
        objective: predictions and targets to one loss per replicate.
        make_optimizer: parameters to an elementwise optimizer.
        learning_rate: the step's number (from 0) to the learning rate; None where it is constant.
        decode: predictions and targets as the loss sees them, to the metrics' canonical form.
        yardstick: the metric that is monitored.
        batch_size: rows a replicate sees per step.
        clip: the largest norm of a replicate's gradient; None for no limit.
        selection: options of :class:`lossbench.selection.Selection`.
    """

    def __init__(
        self,
        *,
        table: ReplicatedTable,
        network: nn.Module,
        objective: Objective,
        make_optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
        learning_rate: Callable[[int], float] | None,
        decode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        yardstick: Metric,
        batch_size: int,
        clip: float | None,
        selection: dict[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.table, self.network, self.objective = table, network, objective
        self.make_optimizer, self.learning_rate, self.clip = make_optimizer, learning_rate, clip
        self.decode, self.yardstick, self.batch_size = decode, yardstick, batch_size
        self.selection_options = selection
        # Per epoch (3, R): training loss, validation loss, yardstick
        self.history: list[NDArray[np.float64]] = []
        self.steps = 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer over all replicates at once."""
        return self.make_optimizer(self.network.parameters())

    def on_fit_start(self) -> None:
        """Begin to watch the weights, now that they lie on their device."""
        replicates = len(self.table.rows("train"))
        self.selection = Selection(self.network.parameters(), replicates, **self.selection_options)

    def training_step(self, order: Tensor) -> None:
        """Train every replicate for one epoch over its rows ``(R, n)``, then look at validation."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        seen, counts = [], []
        batches = self.table.batches(order, self.batch_size)
        for step, (features, targets) in enumerate(batches, start=self.steps):
            losses, count = self.objective(self.network(features), targets)
            optimizer.zero_grad()
            losses.backward(torch.ones_like(losses))  # of their sum: each replicate's own gradient
            if self.clip is not None:
                clip_per_replicate(self.network.parameters(), self.clip)
            if self.learning_rate is not None:
                optimizer.param_groups[0]["lr"] = self.learning_rate(step)
            optimizer.step()
            seen.append(losses.detach())
            counts.append(count)
        self.steps = step + 1
        self._end_epoch(self.objective.recorded(seen, counts))

    @torch.no_grad()
    def _end_epoch(self, training_losses: NDArray[np.float64]) -> None:
        y_pred, y_true = self.predict_part("validation")
        score = self.yardstick.per_replicate(*self.decode(y_pred, y_true)).double().cpu().numpy()
        losses = np.stack([training_losses, self.recorded_loss(y_pred, y_true)])
        self.history.append(np.stack([*losses, score]))
        if len(self.history) == 1 and (~np.isfinite(score) & np.isfinite(losses).all(0)).any():
            raise UserError(
                "metrics: the first of them, the yardstick, is undefined on the validation part (a single "
                "class or value?); choose another, or a larger data.validation"
            )
        self.selection.update(len(self.history), losses, score)
        if not self.selection.running.any():
            self.trainer.should_stop = True

    def on_train_end(self) -> None:
        """Put back each replicate's kept weights."""
        self.selection.restore()

    def recorded_loss(self, y_pred: Tensor, y_true: Tensor) -> NDArray[np.float64]:
        """Each replicate's loss as it is recorded, ``(R,)``: the mean over all that counts."""
        losses, count = self.objective(y_pred, y_true)
        return self.objective.recorded([losses], [count])

    @torch.no_grad()
    def predict_part(self, part: str) -> tuple[Tensor, Tensor]:
        """Predictions and targets ``(R, n, U)`` of a part, as the loss sees them, in row order."""
        rows = self.table.rows(part)
        batches = list(self.table.batches(rows, max(_EVALUATION_ROWS // len(rows), 1)))
        y_pred = [self.network(features) for features, _ in batches]
        return torch.cat(y_pred, 1), torch.cat([targets for _, targets in batches], 1)


def clip_per_replicate(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale each replicate's gradient so that its norm, over all layers, is at most ``limit``.

    Torch's ``clip_grad_norm_`` for each replicate alone: one that is not finite touches no other.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
    factor = (limit / (norms + 1e-6)).clamp(max=1.0).view(-1, 1, 1)
    for gradient in gradients:
        gradient.mul_(factor)
