"""The training settings of a run, which the config fills in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from lossbench.data.settings import TargetSettings
from lossbench.metrics import Metric, metric
from lossbench.tasks import NONNEGATIVE_SPACE, Task
from lossbench.training.network import DenseNetwork
from lossbench.training.objective import Penalty, Term

# Maps parameters, or groups of them with settings of their own, to an elementwise optimizer
MakeOptimizer = Callable[[Iterable[nn.Parameter] | Iterable[dict[str, Any]]], torch.optim.Optimizer]
Start = Literal["priors", "best_constant", "random"]


@dataclass(frozen=True)
class OutputSettings:
    """What is predicted, how the network gives it, and the terms that judge it.

    Attributes:
        name: the name of the target in the data; empty if it is the only one.
        task: what kind of target it is.
        target: how the target is given to the losses.
        units: what the units of the head stand for: ``targets``, ``classes`` or an ``embedding``.
        numbers: how many numbers the loss reads for each unit; None for one without an axis of its own.
        point: which of these numbers is the point prediction that metrics judge.
        start: what the untrained head predicts: the shares of the classes (``priors``), the constant that
            minimises the loss (``best_constant``), or what random weights give (``random``).
        activation: the activation that follows the head.
        decode_activation: the activation that maps predictions to what metrics read, such as the sigmoid of
            logits.
        shows_probabilities: whether predictions are probabilities of classes.
        metrics: the names of its metrics, without the prefix.
        terms: the losses that judge it.
    """

    name: str
    head: str
    task: Task
    target: TargetSettings
    units: str
    numbers: int | None
    point: int
    start: Start
    activation: str
    decode_activation: str
    shows_probabilities: bool
    metrics: tuple[str, ...]
    terms: tuple[Term, ...]

    @property
    def target_term(self) -> str:
        """The name of the term whose targets stand for the output: the first, with which the others agree."""
        return self.terms[0].name

    @property
    def loss_units(self) -> dict[str, str]:
        """The units in which each loss is given its targets; none for targets that are no quantities."""
        if not self.task.is_numeric:
            return {}
        return {term.name: self.target.units_for(term.name) for term in self.terms}

    @property
    def safe_metrics(self) -> list[str]:
        """The metrics that are defined whatever it predicts; the primary metric is chosen from these."""
        stays_positive = self.activation == NONNEGATIVE_SPACE.activation or self.decode_activation == "exp"
        return [name for name in self.metrics if stays_positive or not self.task.metric(name).needs_positive]

    @property
    def prefix(self) -> str:
        """The prefix of the names of its metrics."""
        return f"{self.name}/" if self.name else ""


@dataclass(frozen=True)
class PrimaryMetric:
    """The metric that is monitored, stops training, selects weights and decides.

    Attributes:
        plain_name: its name, without the prefix of the output.
        output: the output that it judges.
        reason: why it is the primary metric.
    """

    plain_name: str
    output: OutputSettings
    reason: str

    @property
    def name(self) -> str:
        """Its name, with the prefix of the output."""
        return self.output.prefix + self.plain_name

    @property
    def metric(self) -> Metric:
        """How it is computed."""
        return metric(self.output.task, self.plain_name)

    @property
    def higher_is_better(self) -> bool:
        """Its direction."""
        return self.output.task.metric(self.plain_name).higher_is_better


@dataclass(frozen=True)
class TrainingSettings:
    """The network's hidden part and how the network is trained.

    Attributes:
        make_network: builds the network from features, heads, generators and dtype.
        embedding_units: the width of heads whose units are an embedding.
        make_optimizer: builds the optimizer from parameters.
        base_learning_rate: the learning rate of the optimizer.
        schedule: takes ``step`` and ``total``, and gives a factor; None if the factor is always 1.
        warmup_steps: the number of steps over which the learning rate rises from 0.
        penalty: the penalty of the regularizer; None without one.
        batch_size: rows per step.
        max_epochs: the largest number of epochs; None for as many as ``max_steps`` allows.
        max_steps: the largest number of steps, where ``max_epochs`` is None.
        early_stopping: epochs without progress after which a replicate stops; None if ``patience`` decides.
        patience: steps without progress after which a replicate stops; None if ``early_stopping`` decides. If
            both are None, no replicate stops.
        average: whether the averages of the weights over the last epochs are evaluated.
        keep: ``best`` or ``last``, the weights that are evaluated.
        clip: the largest norm of a replicate's gradient; None for no limit.
        accelerator: ``cpu``, ``gpu`` or ``auto``.
        precision: the precision, under Lightning's name.
        dtype: the dtype of weights and data.
        threads: the number of torch's threads; None keeps the current number.
    """

    make_network: Callable[..., DenseNetwork]
    embedding_units: int
    make_optimizer: MakeOptimizer
    base_learning_rate: float
    schedule: Callable[..., float] | None
    warmup_steps: int
    penalty: Penalty | None
    batch_size: int
    max_epochs: int | None
    max_steps: int
    early_stopping: int | None
    patience: int | None
    average: bool
    keep: str
    clip: float | None
    accelerator: str
    precision: Any
    dtype: torch.dtype
    threads: int | None
