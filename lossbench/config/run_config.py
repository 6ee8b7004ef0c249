"""A run's configuration, resolved: every component imported and bound, every consequence drawn.

Builders receive these records, or parts of them, and never ask what a name implies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lossbench.data.corruption import Corruption
from lossbench.data.dataset import Dataset
from lossbench.metrics import Metric
from lossbench.tasks import Task
from lossbench.training.network import DenseNetwork
from lossbench.training.objective import Penalty, Term


@dataclass(frozen=True)
class OutputConfig:
    """What is predicted, how the network gives it, and the terms that judge it.

    Attributes:
        name: as the data calls the target; empty where it is the only one.
        task: what kind of target it is.
        units: what the units of the head stand for: ``targets``, ``classes`` or an ``embedding``.
        numbers: how many numbers the loss reads for each unit.
        point: which of these numbers is the point prediction that metrics judge.
        activation: what follows the head.
        standardised: whether its targets are standardised.
        decode_activation: the activation that maps predictions to what metrics read, such as the sigmoid of
            logits.
        shows_probabilities: whether predictions are probabilities of classes.
        metrics: the names of its metrics, without the prefix.
        terms: the losses that judge it.
    """

    name: str
    task: Task
    units: str
    numbers: int
    point: int
    activation: str
    standardised: bool
    decode_activation: str
    shows_probabilities: bool
    metrics: tuple[str, ...]
    terms: tuple[Term, ...]

    @property
    def head(self) -> str:
        """The name of its head in the network."""
        return self.name or "output"

    @property
    def prefix(self) -> str:
        """What stands before the names of its metrics."""
        return f"{self.name}/" if self.name else ""


@dataclass(frozen=True)
class PrimaryMetric:
    """The metric that is monitored, stops training, selects weights and decides.

    Attributes:
        name: with the output's prefix.
        output: the output that it judges.
        metric: how it is computed.
        higher_is_better: its direction.
    """

    name: str
    output: OutputConfig
    metric: Metric
    higher_is_better: bool


@dataclass(frozen=True)
class DataConfig:
    """The data set and what is done to its rows.

    Attributes:
        name: of the data set.
        load: loads it.
        batch_size: rows per step.
        validation: the share of rows that validate.
        test: the share of rows that test.
        stratify: whether the parts keep the shares of the classes.
        balance_classes: whether every class of the training part has the same total weight.
        corruption: what is made worse in the training part.
    """

    name: str
    load: Callable[[], Dataset]
    batch_size: int
    validation: float
    test: float
    stratify: bool
    balance_classes: bool
    corruption: Corruption


@dataclass(frozen=True)
class TrainingConfig:
    """The network's hidden part and how it is trained.

    Attributes:
        make_network: features, heads, generators and dtype to the network.
        embedding_units: the width of heads whose units are an embedding.
        make_optimizer: parameters to an optimizer.
        base_learning_rate: the optimizer's.
        schedule: takes ``step`` and ``total``, and gives a factor; None if the factor is always 1.
        warmup_steps: over which the learning rate rises from 0.
        penalty: of the regularizer; None without one.
        max_epochs: the most epochs.
        early_stopping: epochs without improvement after which a replicate stops; None for never.
        keep: ``best`` or ``last``, the weights that are evaluated.
        clip: the largest norm of a replicate's gradient; None for no limit.
        accelerator: ``cpu``, ``gpu`` or ``auto``.
        precision: as Lightning calls it.
        dtype: of weights and data.
        threads: of torch; None keeps the number that it has.
    """

    make_network: Callable[..., DenseNetwork]
    embedding_units: int
    make_optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    base_learning_rate: float
    schedule: Callable[..., float] | None
    warmup_steps: int
    penalty: Penalty | None
    max_epochs: int
    early_stopping: int | None
    keep: str
    clip: float | None
    accelerator: str
    precision: Any
    dtype: torch.dtype
    threads: int | None


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run is built from.

    Attributes:
        loss: the canonical name of the loss.
        label: its name in reports.
        seeds: one per replicate.
        metrics: the names of all metrics, with prefixes.
        primary: the metric that decides.
        outputs: what is predicted, with the terms that judge it.
        data: the data set.
        training: the network and its training.
    """

    loss: str
    label: str
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    primary: PrimaryMetric
    outputs: tuple[OutputConfig, ...]
    data: DataConfig
    training: TrainingConfig

    @property
    def terms(self) -> list[Term]:
        """The terms of all outputs."""
        return [term for output in self.outputs for term in output.terms]

    @property
    def directions(self) -> dict[str, bool]:
        """Of each metric of the run, whether a higher value is better."""
        return {
            output.prefix + name: output.task.metric(name).higher_is_better
            for output in self.outputs
            for name in output.metrics
        }
