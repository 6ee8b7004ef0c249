"""The Lightning module: its unit is the epoch, and its replicates are trained as one batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.data.batches import ReplicatedTable
from lossbench.errors import UserError
from lossbench.training.averaging import WeightAverage
from lossbench.training.convergence import converged
from lossbench.training.early_stopping import WeightSelection
from lossbench.training.network import DenseNetwork
from lossbench.training.objective import Objective, Penalty
from lossbench.training.settings import MakeOptimizer, PrimaryMetric

_EVALUATION_ROWS = 2**16  # of all replicates at a time; this bounds the memory of hidden layers


class EpochOrders:
    """The data that Lightning iterates over: for each epoch, each replicate's training rows in a new order.

    Attributes:
        following: the order ``(R, n)`` of the next epoch, known before it begins.
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
        network: maps features ``(R, B, F)`` to predictions ``(R, B, U)`` by output.
        drawn: its parameters as they were drawn, before its outputs were set to a constant.
        objective: maps predictions and targets to one loss per replicate.
        penalty: maps the network to one penalty per replicate; None without a regularizer.
        make_optimizer: maps parameters to an elementwise optimizer.
        learning_rate: maps the step's number (from 0) to the learning rate; None if it is constant.
        decode: for each output, maps predictions and targets from what the loss reads to what metrics read.
        primary: the metric that is monitored.
        batch_size: rows that a replicate is given per step.
        max_epochs: the largest number of epochs.
        average: whether the averages of the weights over the last epochs are evaluated.
        clip: the largest norm of a replicate's gradient; None for no limit.
        selection_options: of :class:`lossbench.training.early_stopping.WeightSelection`.
    """

    def __init__(
        self,
        *,
        table: ReplicatedTable,
        network: DenseNetwork,
        drawn: list[Tensor],
        objective: Objective,
        penalty: Penalty | None,
        make_optimizer: MakeOptimizer,
        learning_rate: Callable[[int], float] | None,
        decode: Mapping[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]],
        primary: PrimaryMetric,
        batch_size: int,
        max_epochs: int,
        average: bool,
        clip: float | None,
        selection_options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.table, self.network, self.objective, self.penalty = table, network, objective, penalty
        self.make_optimizer, self.learning_rate, self.clip = make_optimizer, learning_rate, clip
        self.decode, self.batch_size, self.primary = decode, batch_size, primary
        self.selection_options, self.max_epochs = selection_options, max_epochs
        self.drawn = drawn
        self.average = WeightAverage(network.parameters()) if average else None
        losses = objective.names(penalty is not None)
        self.curve_names = [f"{part}/{name}" for part in ("train", "validation") for name in losses]
        # (C + 1, R) per epoch: the values that curve_names lists, then the primary metric
        self.history: list[NDArray[np.float64]] = []
        self.initial_loss: NDArray[np.float64]
        self.steps = 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimizer over all replicates at once; a decay of weights leaves biases alone."""
        optimizer = self.make_optimizer(self.network.parameters())
        if not optimizer.defaults.get("weight_decay"):
            return optimizer
        named = list(self.network.named_parameters())
        kernels = [parameter for name, parameter in named if not name.endswith(".bias")]
        biases = [parameter for name, parameter in named if name.endswith(".bias")]
        groups: list[dict[str, Any]] = [{"params": kernels}, {"params": biases, "weight_decay": 0.0}]
        return self.make_optimizer(groups)

    def on_fit_start(self) -> None:
        """Start to select weights, now that they are on their device."""
        replicates = len(self.table.rows("train"))
        self.selection = WeightSelection(self.network.parameters(), replicates, **self.selection_options)
        with self.trainer.precision_plugin.forward_context():  # as in a step
            losses, score = self._validated()
        self.network.train()
        self.initial_loss = losses[0]
        self.selection.start(losses[0], score)

    def training_step(self, order: Tensor) -> None:
        """Train every replicate for one epoch over its rows ``(R, n)``, then evaluate validation."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        batch_losses, rows = [], []
        self.network.train()
        ones: Tensor | None = None
        batches = self.table.batches(order, self.batch_size)
        for step, (features, targets, weights) in enumerate(batches, start=self.steps):
            predictions = self.network(features)
            penalty = None if self.penalty is None else self.penalty(self.network)
            losses, parts = self.objective(predictions, targets, weights, penalty)
            for parameter in self.selection.parameters:  # as zero_grad does, without its bookkeeping
                parameter.grad = None
            ones = torch.ones_like(losses) if ones is None else ones
            losses.backward(ones)  # of the sum: each replicate gets its own gradient
            if self.clip is not None:
                clip_per_replicate(self.network.parameters(), self.clip)
            if self.learning_rate is not None:
                rate = self.learning_rate(step)
                for group in optimizer.param_groups:
                    group["lr"] = rate
            optimizer.step()
            batch_losses.append(parts)
            rows.append(features.shape[1])
        self.steps = step + 1
        self._end_epoch(self.objective.recorded(batch_losses, rows))

    def _validated(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the losses ``(names, R)`` and the primary metric ``(R,)`` on validation."""
        predictions, targets, losses = self.evaluate("validation")
        output = self.primary.output
        decoded = self.decode[output.head](predictions[output.head], targets[output.target_term])
        return losses, self.primary.metric.per_replicate(*decoded).double().cpu().numpy()

    def _end_epoch(self, training_losses: NDArray[np.float64]) -> None:
        if self.average is None:
            self._select(training_losses)
            return
        self.average.update(len(self.history) + 1)
        with self.average.in_place():
            self._select(training_losses)

    def _select(self, training_losses: NDArray[np.float64]) -> None:
        validation_losses, score = self._validated()
        losses = np.concatenate([training_losses, validation_losses])
        self.history.append(np.concatenate([losses, score[None]]))
        if len(self.history) == 1 and (~np.isfinite(score) & np.isfinite(losses).all(0)).any():
            raise UserError(
                "metrics: the first of them, the primary metric, is undefined on the validation part "
                "(a single class or value, or predictions outside its domain?); choose another, or a larger "
                "data.validation"
            )
        self.selection.update(len(self.history), losses, validation_losses[0], score)
        if not self.selection.running.any():
            self.trainer.should_stop = True

    def converged(self) -> NDArray[np.bool_]:
        """Return which replicates have learned what they could, ``(R,)``."""
        epochs = len(self.history)
        steps = self.steps // epochs
        losses = np.stack(self.history)[:, self.curve_names.index("validation/loss")]
        rates = np.ones(epochs)
        if self.learning_rate is not None:
            every = np.array([self.learning_rate(step) for step in range(epochs * steps)])
            rates = every.reshape(epochs, steps).mean(1)
        selection = self.selection
        stopped = ~selection.running & ~selection.diverged
        reached = converged(losses, self.initial_loss, selection.last_epoch, stopped, rates)
        return reached & ~selection.diverged

    def on_train_end(self) -> None:
        """Put back each replicate's kept weights."""
        self.selection.restore()

    @torch.no_grad()
    def evaluate(self, part: str) -> tuple[dict[str, Tensor], dict[str, Tensor], NDArray[np.float64]]:
        """Apply the network to a part of the data, in row order.

        Returns:
            Predictions by output and targets by term, ``(R, n, U)``, and the recorded losses ``(names, R)``.
        """
        rows = self.table.rows(part)
        self.network.eval()
        evaluated, penalties, sizes = [], [], []
        for batch in self.table.batches(rows, max(_EVALUATION_ROWS // len(rows), 1)):
            evaluated.append((self.network(batch[0]), *batch[1:]))
            sizes.append(batch[0].shape[1])
            if self.penalty is not None:  # batch by batch, because it may depend on the activity
                penalties.append(self.penalty(self.network) * (sizes[-1] / rows.shape[1]))
        predictions, targets, weights = (_joined([batch[i] for batch in evaluated]) for i in range(3))
        penalty = torch.stack(penalties).sum(0) if penalties else None
        _, batch_losses = self.objective(predictions, targets, weights, penalty)
        return predictions, targets, self.objective.recorded([batch_losses], [rows.shape[1]])


def _joined(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(batches) == 1:
        return batches[0]
    return {name: torch.cat([batch[name] for batch in batches], 1) for name in batches[0]}


def clip_per_replicate(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scale each replicate's gradient so that its norm, over all layers, is at most ``limit``.

    This is torch's ``clip_grad_norm_`` for each replicate alone: a gradient that is not finite changes no
    other replicate's.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factor = (limit / (norms + 1e-6)).clamp(max=1.0).view(-1, 1, 1)
    for gradient in gradients:
        gradient.mul_(factor)
