"""From a resolved configuration to the objects that train: splits, table, network, module, trainer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from lossbench.config.run_config import OutputConfig, RunConfig, TrainingConfig
from lossbench.data.batches import ReplicatedTable, ScaledColumns
from lossbench.data.corruption import imbalanced
from lossbench.data.dataset import Dataset, Target
from lossbench.data.encoding import encode_targets
from lossbench.data.splits import Split, split
from lossbench.data.target_values import corrupted_values, row_weights, rows_without_label
from lossbench.errors import ConfigError, Issue
from lossbench.seeds import derive, generator
from lossbench.training.learning_rate import learning_rate
from lossbench.training.lightning_module import EpochOrders, ReplicateModule
from lossbench.training.network import DenseNetwork, Head, activation_function
from lossbench.training.objective import Objective, Term
from lossbench.training.progress import ProgressBar

Decode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build_splits(config: RunConfig, dataset: Dataset) -> list[Split]:
    """Return one split per replicate, each from its own seed, its training part as imbalanced as asked."""
    data, seeds = config.data, config.seeds
    options = {"validation": data.validation, "test": data.test, "stratify": data.stratify}
    splits = [split(dataset, seed=derive(seed, "split"), **options) for seed in seeds]
    ratio = data.corruption.imbalance
    if ratio == 1:
        return splits
    targets = [target_of(dataset, output) for output in config.outputs]
    classes = next(target for target in targets if target.values.ndim == 1)
    return [
        imbalanced(part, classes, ratio, derive(seed, "imbalance"))
        for part, seed in zip(splits, seeds, strict=True)
    ]


def build_module(config: RunConfig, dataset: Dataset, splits: list[Split]) -> ReplicateModule:
    """Return the replicates, ready to train."""
    training, primary = config.training, config.primary
    table = _table(config, dataset, splits)
    steps_per_epoch = -(-len(splits[0].train) // config.data.batch_size)
    return ReplicateModule(
        table=table,
        network=_network(config, dataset, table),
        objective=Objective(config.terms),
        penalty=training.penalty,
        make_optimizer=training.make_optimizer,
        learning_rate=_learning_rate(training, training.max_epochs * steps_per_epoch),
        decode={output.head: _decoder(output, table) for output in config.outputs},
        judge=(primary.output.head, primary.output.terms[0].name),
        primary_metric=primary.metric,
        batch_size=config.data.batch_size,
        clip=training.clip,
        selection={
            "keep": training.keep,
            "patience": training.early_stopping,
            "higher_is_better": primary.higher_is_better,
        },
    )


def build_orders(seeds: Sequence[int], module: ReplicateModule) -> EpochOrders:
    """Return the epochs' row orders, each replicate's from its own generator."""
    generators = [generator(seed, "order") for seed in seeds]
    return EpochOrders(module.table.rows("train"), generators)


def build_trainer(training: TrainingConfig, title: str) -> pl.Trainer:
    """Return a Lightning trainer that leaves logging, checkpoints and progress to lossbench."""
    return pl.Trainer(
        accelerator=accelerator(training.accelerator),
        devices=1,
        precision=training.precision,
        max_epochs=training.max_epochs,
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


def target_of(dataset: Dataset, output: OutputConfig) -> Target:
    """Return the target of an output; the only target, whatever the output is called, where there is one."""
    if len(dataset.targets) == 1:
        return dataset.target
    return next(target for target in dataset.targets if target.name == output.name)


def _table(config: RunConfig, dataset: Dataset, splits: list[Split]) -> ReplicatedTable:
    """Return features, targets and weights of all replicates; each output has its own corruption."""
    dtype, corruption = config.training.dtype, config.data.corruption
    targets, weights = {}, {}
    for place, output in enumerate(config.outputs):
        target = target_of(dataset, output)
        values = corrupted_values(target, splits, corruption, _seeds(config, "corruption", place))
        unlabelled = rows_without_label(splits, corruption, _seeds(config, "missing_labels", place))
        counts = row_weights(
            dataset.weights, target, values, splits, unlabelled, balance=config.data.balance_classes
        )
        for term in output.terms:
            _check_ignored_class(term, target)
            targets[term.name] = ScaledColumns(
                encode_targets(values, target, term.encoding),
                splits,
                dtype,
                scaled=output.standardised,
                own=values.ndim > target.values.ndim,
            )
            if counts is not None:
                weights[term.name] = torch.tensor(counts, dtype=dtype)  # a copy: pandas lends its own
    features = ScaledColumns(dataset.features, splits, dtype, scaled=True, unscaled=dataset.unscaled)
    return ReplicatedTable(features, targets, splits, weights)


def _seeds(config: RunConfig, purpose: Any, place: int) -> list[int]:
    return [derive(seed, purpose, place) for seed in config.seeds]


def _check_ignored_class(term: Term, target: Target) -> None:
    ignored = term.parameters.get("ignore_class")
    if ignored is not None and not 0 <= ignored < len(target.classes):
        known = ", ".join(f"{index} is {label}" for index, label in enumerate(target.classes))
        raise ConfigError([Issue(f"{term.key}.ignore_class", ignored, f"is a class's index: {known}")])


def _network(config: RunConfig, dataset: Dataset, table: ReplicatedTable) -> DenseNetwork:
    heads = {}
    for output in config.outputs:
        units = {
            "classes": len(target_of(dataset, output).classes),
            "targets": table.target(output.terms[0].name).values.shape[-1],
            "embedding": config.training.embedding_units,
        }[output.units]
        heads[output.head] = Head(units, output.activation, output.numbers)
    return config.training.make_network(
        dataset.features.shape[-1],
        heads,
        lambda purpose: [generator(seed, purpose) for seed in config.seeds],
        config.training.dtype,
    )


def _learning_rate(training: TrainingConfig, total: int) -> Callable[[int], float] | None:
    warmup = training.warmup_steps
    if warmup >= total:
        hint = f"the whole run has {total} steps: take fewer, or raise trainer.max_epochs"
        raise ConfigError([Issue("schedule.warmup_steps", warmup, hint)])
    if training.schedule is None:
        return None
    return learning_rate(training.schedule, base=training.base_learning_rate, total=total, warmup=warmup)


def _decoder(output: OutputConfig, table: ReplicatedTable) -> Decode:
    """Return the function from what the loss reads to what metrics read (see :mod:`lossbench.metrics`)."""
    return partial(decode, output=output, in_user_units=table.target(output.terms[0].name).in_user_units)


def decode(
    y_pred: Tensor, y_true: Tensor, *, output: OutputConfig, in_user_units: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return predictions and targets as metrics read them.

    Args:
        y_pred: the network's output ``(R, N, U)``, or ``(R, N, U, P)`` where the loss reads P numbers.
        y_true: the targets as the loss takes them.
        output: what is predicted.
        in_user_units: undoes the standardisation.
    """
    task = output.task
    if output.numbers > 1:
        y_pred = y_pred[..., output.point]
    if task.measure is not None:
        return task.measure(y_pred), y_true
    y_pred = activation_function(output.decode_activation)(y_pred)
    if task.has_classes:
        return y_pred, _class_indices(y_true)
    return (in_user_units(y_pred), in_user_units(y_true)) if task.is_numeric else (y_pred, y_true)


def _class_indices(targets: Tensor) -> Tensor:
    """Return class indices from one-hot rows, or from a column of indices, of 0 and 1, or of -1 and 1."""
    one_hot = targets.shape[-1] > 1
    return targets.argmax(-1) if one_hot else targets.squeeze(-1).clamp(min=0).to(torch.int64)
