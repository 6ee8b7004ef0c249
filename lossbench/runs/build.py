"""Config to objects: the one file that knows both what was chosen and what it is made of."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lossbench.config.outputs import about, known_metrics, output_activation
from lossbench.config.resolve import Config, scales_target
from lossbench.config.sections import ChosenTerm, Output
from lossbench.data.batches import ReplicatedTable, ScaledColumns
from lossbench.data.corruption import Corruption, corrupted_targets, imbalanced, unlabelled_rows
from lossbench.data.dataset import Dataset, Target
from lossbench.data.encoding import encode_targets
from lossbench.data.splits import Split, split
from lossbench.data.weights import balanced_weights, row_weights
from lossbench.errors import ConfigError, Issue
from lossbench.losses.reduction import canonical_reduction
from lossbench.metrics import metric
from lossbench.seeds import derive, generator
from lossbench.tasks import ENCODINGS, TASKS
from lossbench.training.lightning_module import EpochOrders, ReplicateModule
from lossbench.training.network import DenseNetwork
from lossbench.training.objective import Objective, Penalty, Term
from lossbench.training.progress import ProgressBar


def build_dataset(config: Config) -> Dataset:
    """The data set that was chosen; a table's targets are read as the tasks of their outputs."""
    parameters = dict(config.data.parameters)
    if config.data.common.name == "table":
        read_as: dict[str, Any] = {
            output.name: "multiclass" if output.task == "retrieval" else output.task
            for output in config.outputs
        }
        parameters["task"] = read_as.get("", read_as)
    dataset: Dataset = config.data.function(**parameters)
    return dataset


def build_splits(config: Config, dataset: Dataset) -> list[Split]:
    """One split per replicate, each from its own seed, its training part made as imbalanced as asked."""
    section = config.data.common
    options = section.model_dump(include={"validation", "test", "stratify"})
    splits = [split(dataset, seed=derive(seed, "split"), **options) for seed in config.seeds]
    if section.imbalance == 1:
        return splits
    classes = next(one for one in map(partial(target_of, dataset), config.outputs) if one.values.ndim == 1)
    return [
        imbalanced(one, classes, section.imbalance, derive(seed, "imbalance"))
        for one, seed in zip(splits, config.seeds, strict=True)
    ]


def build_module(config: Config, dataset: Dataset, splits: list[Split]) -> ReplicateModule:
    """The replicates, ready to train."""
    dtype = torch.float64 if str(config.trainer.precision).startswith("64") else torch.float32
    table = _table(config, dataset, splits, dtype)
    terms = [_term(config, output, term) for output in config.outputs for term in output.terms]
    judged = next(
        output for output in config.outputs if config.metrics[0] in known_metrics([output], config.data)
    )
    primary = config.metrics[0].removeprefix(judged.prefix)
    steps_per_epoch = -(-len(splits[0].train) // config.data.common.batch_size)
    regularizer = config.regularizer
    return ReplicateModule(
        table=table,
        network=_network(config, dataset, table, dtype),
        objective=Objective(terms),
        penalty=None
        if regularizer.common.name == "none"
        else Penalty(
            regularizer.function,
            regularizer.parameters,
            regularizer.common.apply_to,
            regularizer.common.layers,
        ),
        make_optimizer=partial(config.optimizer.function, **config.optimizer.parameters),
        learning_rate=_learning_rate(config, config.trainer.max_epochs * steps_per_epoch),
        decode={output.head: _decoder(output, table) for output in config.outputs},
        judge=(judged.head, judged.terms[0].name),
        yardstick=metric(TASKS[judged.task], primary),
        batch_size=config.data.common.batch_size,
        clip=config.trainer.clip,
        selection={
            "keep": config.trainer.keep,
            "patience": config.trainer.early_stopping,
            "higher_is_better": TASKS[judged.task].metric(primary).higher_is_better,
        },
    )


def directions(config: Config) -> dict[str, bool]:
    """Of each metric of the run, whether more of it is better."""
    return {
        output.prefix + name: TASKS[output.task].metric(name).higher_is_better
        for output in config.outputs
        for name in config.metrics_of(output)
    }


def target_of(dataset: Dataset, output: Output) -> Target:
    """The target of an output; where the data has one, whatever the output is called."""
    if len(dataset.targets) == 1:
        return dataset.target
    return next(target for target in dataset.targets if target.name == output.name)


def _table(config: Config, dataset: Dataset, splits: list[Split], dtype: torch.dtype) -> ReplicatedTable:
    section = config.data.common
    corruption = Corruption(**section.model_dump(include=set(Corruption.__dataclass_fields__)))
    targets, weights = {}, {}
    for place, output in enumerate(config.outputs):  # each with corruption of its own
        target = target_of(dataset, output)
        seeds = [derive(seed, "corruption", place) for seed in config.seeds]
        values = corrupted_targets(target, splits, corruption, seeds)
        unlabelled = [
            unlabelled_rows(one, corruption.missing_labels, derive(seed, "missing_labels", place))
            for one, seed in zip(splits, config.seeds, strict=True)
        ]
        balances = section.class_weight is not None and target.task.has_classes
        balance = balanced_weights(values, splits, len(target.classes)) if balances else None
        counts = row_weights(len(target.values), dataset.weights, balance, unlabelled)
        for term in output.terms:
            _check_ignored_class(term, target)
            encoded = encode_targets(values, target, ENCODINGS[about(term.loss)["target"]])
            targets[term.name] = ScaledColumns(
                encoded,
                splits,
                dtype,
                scaled=scales_target(config, output),
                per_replicate=values.ndim > target.values.ndim,
            )
            if counts is not None:
                weights[term.name] = torch.tensor(counts, dtype=dtype)  # a copy: pandas lends its own
    features = ScaledColumns(dataset.features, splits, dtype, scaled=True, unscaled=dataset.unscaled)
    return ReplicatedTable(features, targets, splits, weights)


def _check_ignored_class(term: ChosenTerm, target: Target) -> None:
    ignored = term.loss.parameters.get("ignore_class")
    if ignored is not None and not 0 <= ignored < len(target.classes):
        known = ", ".join(f"{i} is {name}" for i, name in enumerate(target.classes))
        raise ConfigError([Issue(f"{term.key}.ignore_class", ignored, f"is a class's index: {known}")])


def _network(config: Config, dataset: Dataset, table: ReplicatedTable, dtype: torch.dtype) -> DenseNetwork:
    model, activations, units = dict(config.model.parameters), {}, {}
    for output in config.outputs:
        first, target = output.terms[0], target_of(dataset, output)
        activations[output.head] = output_activation(output, config.model)
        units[output.head] = {
            "classes": len(target.classes),
            "targets": table.target(first.name).values.shape[-1],
            "embedding": config.model.common.embedding_units,
        }[about(first.loss)["units"]]
    model["output_activation"] = activations
    network: DenseNetwork = config.model.function(
        dataset.features.shape[-1],
        units,
        lambda purpose: [generator(seed, purpose) for seed in config.seeds],
        dtype,
        **model,
    )
    return network


def _term(config: Config, output: Output, term: ChosenTerm) -> Term:
    """The term as the objective has it; a custom loss is made with its parameters, and has none then."""
    function, parameters = term.loss.function, term.loss.parameters
    if term.loss.common.name == "custom":
        function, parameters = function(**parameters), {}
    return Term(
        term.name,
        output.head,
        function,
        parameters,
        canonical_reduction(term.loss.common.reduction),
        about(term.loss)["couples_samples"],
        term.weight,
    )


def build_orders(config: Config, module: ReplicateModule) -> EpochOrders:
    """The epochs' row orders, each replicate's from its own generator."""
    generators = [generator(seed, "order") for seed in config.seeds]
    return EpochOrders(module.table.rows("train"), generators)


def build_trainer(config: Config) -> pl.Trainer:
    """A Lightning trainer with all that we do ourselves switched off."""
    return pl.Trainer(
        accelerator=accelerator(config.trainer.accelerator),
        devices=1,
        precision=config.trainer.precision,
        max_epochs=config.trainer.max_epochs,
        callbacks=[ProgressBar(config.label)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )


def accelerator(name: str) -> str:
    """The device that ``trainer.accelerator`` means here: ``cpu`` or ``cuda`` (Apple's has no float64).

    Raises:
        ConfigError: a GPU is asked for, and there is none.
    """
    if name == "gpu" and not torch.cuda.is_available():
        hint = "this machine has no CUDA device that torch can use; set trainer.accelerator=cpu"
        raise ConfigError([Issue("trainer.accelerator", name, hint)])
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


# From logits, or scores, to what they are logits of
_SQUASH: dict[str, Callable[[Tensor], Tensor]] = {
    "binary": torch.sigmoid,
    "mask": torch.sigmoid,
    "multiclass": partial(torch.softmax, dim=-1),
    "distribution": partial(torch.softmax, dim=-1),
    "positive": torch.exp,
    "count": torch.exp,
}


def _learning_rate(config: Config, total: int) -> Callable[[int], float] | None:
    warmup = config.schedule.common.warmup_steps
    if warmup >= total:
        hint = f"the whole run has {total} steps: take fewer, or raise trainer.max_epochs"
        raise ConfigError([Issue("schedule.warmup_steps", warmup, hint)])
    if config.schedule.common.name == "constant" and not warmup:
        return None
    schedule = partial(config.schedule.function, total=total - warmup, **config.schedule.parameters)
    base = config.optimizer.parameters["lr"]

    def learning_rate(step: int) -> float:
        factor = (step + 1) / warmup if step < warmup else schedule(step - warmup)
        return float(base * factor)

    return learning_rate


def _decoder(output: Output, table: ReplicatedTable) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """From what the loss sees to what the metrics read (see :mod:`lossbench.metrics`)."""
    squash: Callable[[Tensor], Tensor] = nn.Identity()
    loss = output.terms[0].loss
    if output.task == "pair":
        return lambda y_pred, y_true: (_distance(y_pred, 0, 1), y_true)
    if output.task == "triplet":
        return lambda y_pred, y_true: (_distance(y_pred, 0, 2) - _distance(y_pred, 0, 1), y_true)
    if loss.parameters.get("from_logits") or about(loss)["prediction"] == "score":  # its sign and order
        squash = _SQUASH[output.task]
    if output.task in ("distribution", "mask"):
        return lambda y_pred, y_true: (squash(y_pred), y_true)
    if output.task in ("binary", "multiclass", "retrieval"):
        return lambda y_pred, y_true: (squash(y_pred), _class_indices(y_true))
    units = table.target(output.terms[0].name).in_user_units
    return lambda y_pred, y_true: (units(squash(y_pred)), units(y_true))


def _distance(embeddings: Tensor, one: int, other: int) -> Tensor:
    """Euclidean, between two of the items, ``(R, N, items, D)`` to ``(R, N, 1)``."""
    difference = embeddings[:, :, one] - embeddings[:, :, other]
    distance: Tensor = torch.linalg.vector_norm(difference, dim=-1, keepdim=True)
    return distance


def _class_indices(targets: Tensor) -> Tensor:
    """Of any encoding: one-hot rows, or a column of indices, of 0 and 1, or of -1 and 1."""
    onehot = targets.shape[-1] > 1
    return targets.argmax(-1) if onehot else targets.squeeze(-1).clamp(min=0).to(torch.int64)
