"""Config to objects: the one file that knows both what was chosen and what it is made of."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lossbench.combinations import natural_activation
from lossbench.data.dataset import Dataset
from lossbench.data.replicated import ReplicatedTable
from lossbench.data.splits import Split, split
from lossbench.errors import ConfigError, Fault
from lossbench.losses.reduction import canonical_reduction
from lossbench.metrics import METRICS
from lossbench.module import EpochOrders, ReplicateModule
from lossbench.objective import Objective
from lossbench.progress import ProgressBar
from lossbench.schema import Config, scales_target
from lossbench.seeds import derive, generator


def build_dataset(config: Config) -> Dataset:
    """The data set that was chosen; a table whose task is left open takes the loss's."""
    parameters = dict(config.data.parameters)
    if parameters.get("task") == "auto":
        parameters["task"] = "multiclass" if config.task == "retrieval" else config.task
    dataset: Dataset = config.data.function(**parameters)
    return dataset


def build_splits(config: Config, dataset: Dataset) -> list[Split]:
    """One split per replicate, each from its own seed."""
    options = config.data.common.model_dump(include={"validation", "test", "stratify"})
    return [split(dataset, seed=derive(seed, "split"), **options) for seed in config.seeds]


def build_module(config: Config, dataset: Dataset, splits: list[Split]) -> ReplicateModule:
    """The replicates, ready to train."""
    dtype = torch.float64 if str(config.trainer.precision).startswith("64") else torch.float32
    facts = config.loss.common.about
    ignored = config.loss.parameters.get("ignore_class")
    if ignored is not None and not 0 <= ignored < len(dataset.classes):
        known = ", ".join(f"{i} is {name}" for i, name in enumerate(dataset.classes))
        raise ConfigError([Fault("loss.ignore_class", ignored, f"is a class's index: {known}")])
    targets = encode_targets(dataset, facts["target"])
    table = ReplicatedTable(
        dataset.features,
        targets,
        splits,
        scale_targets=scales_target(config),
        dtype=dtype,
    )
    model = dict(config.model.parameters)
    if model["output_activation"] == "auto":
        model["output_activation"] = natural_activation(config.loss, config.task)
    units = {
        "classes": len(dataset.classes),
        "targets": targets.shape[1],
        "embedding": config.model.common.embedding_units,
    }[facts["units"]]
    generators = [generator(seed, "initialisation") for seed in config.seeds]
    yardstick = METRICS[config.task][config.metrics[0]]
    steps_per_epoch = -(-len(splits[0].train) // config.data.common.batch_size)
    return ReplicateModule(
        table=table,
        network=config.model.function(dataset.features.shape[-1], units, generators, dtype, **model),
        objective=Objective(
            *_loss_function(config),
            canonical_reduction(config.loss.common.reduction),
            facts["couples_samples"],
        ),
        make_optimizer=partial(config.optimizer.function, **config.optimizer.parameters),
        learning_rate=_learning_rate(config, config.trainer.max_epochs * steps_per_epoch),
        decode=_decoder(config, table),
        yardstick=yardstick,
        batch_size=config.data.common.batch_size,
        clip=config.trainer.clip,
        selection={
            "keep": config.trainer.keep,
            "patience": config.trainer.early_stopping,
            "higher_is_better": yardstick.higher_is_better,
        },
    )


def _loss_function(config: Config) -> tuple[Callable[..., Tensor], dict[str, Any]]:
    """The loss and its parameters; a custom one's are what it is made with, and gone by then."""
    function, parameters = config.loss.function, config.loss.parameters
    return (function(**parameters), {}) if config.loss.common.name == "custom" else (function, parameters)


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
        remedy = "this machine has no CUDA device that torch can use; set trainer.accelerator=cpu"
        raise ConfigError([Fault("trainer.accelerator", name, remedy)])
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


def encode_targets(dataset: Dataset, encoding: str) -> NDArray[np.float64]:
    """The data set's canonical target as the loss wants it, ``(N, U)``.

    >>> from lossbench.data import source
    >>> encode_targets(source("digits")(), "onehot")[0]
    array([1., 0., 0., 0., 0., 0., 0., 0., 0., 0.])
    """
    targets = dataset.targets
    if targets.ndim == 2:
        return targets.astype(np.float64)
    if encoding in ("onehot", "distribution"):
        return np.eye(len(dataset.classes))[targets]
    column = targets[:, None].astype(np.float64)
    return 2 * column - 1 if encoding == "sign" else column


def _learning_rate(config: Config, total: int) -> Callable[[int], float] | None:
    warmup = config.schedule.common.warmup_steps
    if warmup >= total:
        remedy = f"the whole run has {total} steps: take fewer, or raise trainer.max_epochs"
        raise ConfigError([Fault("schedule.warmup_steps", warmup, remedy)])
    if config.schedule.common.name == "constant" and not warmup:
        return None
    schedule = partial(config.schedule.function, total=total - warmup, **config.schedule.parameters)
    base = config.optimizer.parameters["lr"]

    def learning_rate(step: int) -> float:
        factor = (step + 1) / warmup if step < warmup else schedule(step - warmup)
        return float(base * factor)

    return learning_rate


def _decoder(config: Config, table: ReplicatedTable) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """From what the loss sees to what the metrics read (see :mod:`lossbench.metrics`)."""
    squash: Callable[[Tensor], Tensor] = nn.Identity()
    space = config.loss.common.about["prediction"]
    if config.task == "pair":
        return lambda y_pred, y_true: (_distance(y_pred, 0, 1), y_true)
    if config.task == "triplet":
        return lambda y_pred, y_true: (_distance(y_pred, 0, 2) - _distance(y_pred, 0, 1), y_true)
    if config.loss.parameters.get("from_logits") or space == "score":  # of a score, its sign and order
        squash = _SQUASH[config.task]
    if config.task in ("distribution", "mask"):
        return lambda y_pred, y_true: (squash(y_pred), y_true)
    if config.task in ("binary", "multiclass", "retrieval"):
        return lambda y_pred, y_true: (squash(y_pred), _class_indices(y_true))
    units = table.targets.in_user_units
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
