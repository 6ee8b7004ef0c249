"""Build what Lightning trains, from settings and a table: the module, its epochs and the trainer."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pytorch_lightning as pl
import torch

from lossbench.data.batches import ReplicatedTable
from lossbench.data.dataset import Dataset, Target
from lossbench.errors import ConfigError, Issue
from lossbench.seeds import generator
from lossbench.training.budget import budget_of
from lossbench.training.decoding import decode
from lossbench.training.initial_output import set_initial_outputs
from lossbench.training.learning_rate import learning_rate
from lossbench.training.lightning_module import EpochOrders, ReplicateModule
from lossbench.training.network import DenseNetwork, Head
from lossbench.training.objective import Objective, Term
from lossbench.training.progress import ProgressBar
from lossbench.training.settings import OutputSettings, PrimaryMetric, TrainingSettings


def make_module(
    dataset: Dataset,
    table: ReplicatedTable,
    settings: TrainingSettings,
    outputs: Sequence[OutputSettings],
    primary: PrimaryMetric,
    seeds: Sequence[int],
) -> ReplicateModule:
    """Return the replicates, ready to train.

    Raises:
        ConfigError: an ignored class does not exist, or the warm-up is longer than the run.
    """
    targets = {output.head: dataset.target_of(output.name) for output in outputs}
    for output in outputs:
        for term in output.terms:
            _check_ignored_class(term, targets[output.head])
    network = _network(dataset.features.shape[-1], targets, table, settings, outputs, seeds)
    objective = _objective(outputs, table)
    budget = budget_of(settings, table.rows("train").shape[1])
    drawn = [parameter.detach().clone() for parameter in network.parameters()]
    set_initial_outputs(network, outputs, table, objective, settings.batch_size)
    return ReplicateModule(
        table=table,
        network=network,
        drawn=drawn,
        objective=objective,
        penalty=settings.penalty,
        make_optimizer=settings.make_optimizer,
        learning_rate=_learning_rate(settings, budget.epochs * budget.steps_per_epoch),
        max_epochs=budget.epochs,
        average=settings.average,
        decode={
            output.head: partial(
                decode, output=output, in_user_units=table.target(output.target_term).in_user_units
            )
            for output in outputs
        },
        primary=primary,
        batch_size=settings.batch_size,
        clip=settings.clip,
        selection_options={
            "keep": settings.keep,
            "patience": budget.patience,
            "higher_is_better": primary.higher_is_better,
        },
    )


def _objective(outputs: Sequence[OutputSettings], table: ReplicatedTable) -> Objective:
    in_user_units = [term for output in outputs for term in output.target.user_units]
    return Objective(
        [term for output in outputs for term in output.terms],
        {term: table.target(term).in_user_units for term in in_user_units},
    )


def make_orders(table: ReplicatedTable, seeds: Sequence[int]) -> EpochOrders:
    """Return the epochs' row orders, each replicate's from its own generator."""
    return EpochOrders(table.rows("train"), [generator(seed, "order") for seed in seeds])


def make_trainer(settings: TrainingSettings, module: ReplicateModule, title: str) -> pl.Trainer:
    """Return a Lightning trainer that leaves logging, checkpoints and progress to lossbench."""
    return pl.Trainer(
        accelerator=accelerator(settings.accelerator),
        devices=1,
        precision=settings.precision,
        max_epochs=module.max_epochs,
        callbacks=[ProgressBar(title)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )


def accelerator(name: str) -> str:
    """Return the device that ``trainer.accelerator`` means here: ``cpu`` or ``cuda``.

    Apple's GPUs are not used, because they have no float64.

    Raises:
        ConfigError: a GPU is asked for, and there is none.
    """
    if name == "gpu" and not torch.cuda.is_available():
        hint = "this machine has no CUDA device that torch can use; set trainer.accelerator=cpu"
        raise ConfigError([Issue("trainer.accelerator", name, hint)])
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _check_ignored_class(term: Term, target: Target) -> None:
    ignored = term.parameters.get("ignore_class")
    if ignored is not None and not 0 <= ignored < len(target.classes):
        known = ", ".join(f"{index} is {label}" for index, label in enumerate(target.classes))
        raise ConfigError([Issue(f"{term.key}.ignore_class", ignored, f"must be a class's index: {known}")])


def _network(
    features: int,
    targets: Mapping[str, Target],
    table: ReplicatedTable,
    settings: TrainingSettings,
    outputs: Sequence[OutputSettings],
    seeds: Sequence[int],
) -> DenseNetwork:
    heads = {}
    for output in outputs:
        units = {
            "classes": len(targets[output.head].classes),
            "targets": table.target(output.target_term).values.shape[-1],
            "embedding": settings.embedding_units,
        }[output.units]
        heads[output.head] = Head(units, output.activation, output.numbers, output.point)
    return settings.make_network(
        features,
        heads,
        lambda purpose: [generator(seed, purpose) for seed in seeds],
        settings.dtype,
    )


def _learning_rate(settings: TrainingSettings, total: int) -> Callable[[int], float] | None:
    warmup = settings.warmup_steps
    if warmup >= total:
        longer = "trainer.max_steps" if settings.max_epochs is None else "trainer.max_epochs"
        hint = f"the whole run has {total} steps: take fewer, or raise {longer}"
        raise ConfigError([Issue("schedule.warmup_steps", warmup, hint)])
    if settings.schedule is None:
        return None
    return learning_rate(settings.schedule, base=settings.base_learning_rate, total=total, warmup=warmup)
