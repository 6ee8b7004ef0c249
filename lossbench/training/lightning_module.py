"""The Lightning module: its unit is the epoch, its optimizer plain, its replicates batched."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.data.batches import ReplicatedTable
from lossbench.errors import UserError
from lossbench.metrics import Metric
from lossbench.training.early_stopping import Selection
from lossbench.training.network import DenseNetwork
from lossbench.training.objective import Objective, Penalty

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
        network: ``(R, B, F)`` to ``(R, B, U)`` by output.
        objective: predictions and targets to one loss per replicate.
        penalty: the network to one penalty per replicate; None without a regularizer.
        make_optimizer: parameters to an elementwise optimizer.
        learning_rate: the step's number (from 0) to the learning rate; None where it is constant.
        decode: by output, predictions and targets as the loss sees them to the metrics' canonical form.
        judge: the output and the term whose targets the yardstick is given.
        yardstick: the metric that is monitored.
        batch_size: rows a replicate sees per step.
        clip: the largest norm of a replicate's gradient; None for no limit.
        selection: options of :class:`lossbench.training.early_stopping.Selection`.
    """

    def __init__(
        self,
        *,
        table: ReplicatedTable,
        network: DenseNetwork,
        objective: Objective,
        penalty: Penalty | None,
        make_optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
        learning_rate: Callable[[int], float] | None,
        decode: Mapping[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]],
        judge: tuple[str, str],
        yardstick: Metric,
        batch_size: int,
        clip: float | None,
        selection: dict[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.table, self.network, self.objective, self.penalty = table, network, objective, penalty
        self.make_optimizer, self.learning_rate, self.clip = make_optimizer, learning_rate, clip
        self.decode, self.judge, self.yardstick, self.batch_size = decode, judge, yardstick, batch_size
        self.selection_options = selection
        losses = objective.names(penalty is not None)
        self.curve_names = [f"{part}/{name}" for part in ("train", "validation") for name in losses]
        # Per epoch (C + 1, R): what the curves' names say, then the yardstick
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
        seen, rows = [], []
        self.network.train()
        batches = self.table.batches(order, self.batch_size)
        for step, (features, targets, weights) in enumerate(batches, start=self.steps):
            predictions = self.network(features)
            penalty = None if self.penalty is None else self.penalty(self.network)
            losses, parts = self.objective(predictions, targets, weights, penalty)
            for parameter in self.selection.parameters:  # as zero_grad, without its bookkeeping
                parameter.grad = None
            losses.backward(torch.ones_like(losses))  # of their sum: each replicate's own gradient
            if self.clip is not None:
                clip_per_replicate(self.network.parameters(), self.clip)
            if self.learning_rate is not None:
                optimizer.param_groups[0]["lr"] = self.learning_rate(step)
            optimizer.step()
            seen.append(parts)
            rows.append(features.shape[1])
        self.steps = step + 1
        self._end_epoch(self.objective.recorded(seen, rows))

    def _end_epoch(self, training_losses: NDArray[np.float64]) -> None:
        predictions, targets, validation_losses = self.evaluate("validation")
        output, term = self.judge
        decoded = self.decode[output](predictions[output], targets[term])
        score = self.yardstick.per_replicate(*decoded).double().cpu().numpy()
        losses = np.concatenate([training_losses, validation_losses])
        self.history.append(np.concatenate([losses, score[None]]))
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

    @torch.no_grad()
    def evaluate(self, part: str) -> tuple[dict[str, Tensor], dict[str, Tensor], NDArray[np.float64]]:
        """A part as the network sees it now, in row order.

        Returns:
            Predictions by output and targets by term, ``(R, n, U)``, and the recorded losses ``(names, R)``.
        """
        rows = self.table.rows(part)
        self.network.eval()
        looks, penalties, sizes = [], [], []
        for batch in self.table.batches(rows, max(_EVALUATION_ROWS // len(rows), 1)):
            looks.append((self.network(batch[0]), *batch[1:]))
            sizes.append(batch[0].shape[1])
            if self.penalty is not None:  # of the activity, so batch by batch
                penalties.append(self.penalty(self.network) * (sizes[-1] / rows.shape[1]))
        predictions, targets, weights = (_joined([look[i] for look in looks]) for i in range(3))
        penalty = torch.stack(penalties).sum(0) if penalties else None
        _, seen = self.objective(predictions, targets, weights, penalty)
        return predictions, targets, self.objective.recorded([seen], [rows.shape[1]])


def _joined(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(batches) == 1:
        return batches[0]
    return {name: torch.cat([batch[name] for batch in batches], 1) for name in batches[0]}


def clip_per_replicate(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale each replicate's gradient so that its norm, over all layers, is at most ``limit``.

    Torch's ``clip_grad_norm_`` for each replicate alone: one that is not finite touches no other.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
    factor = (limit / (norms + 1e-6)).clamp(max=1.0).view(-1, 1, 1)
    for gradient in gradients:
        gradient.mul_(factor)
