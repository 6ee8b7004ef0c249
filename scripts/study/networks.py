"""Train the networks of the study with the default settings, and keep what the study reads of them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lossbench
from lossbench import commands
from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.data.replicates import make_splits
from lossbench.training.budget import Budget, budget_of

LATE = 0.02  # the last part of the budget, in which a best epoch says that training stopped too early


@dataclass(frozen=True)
class Block:
    """A table as lossbench trains on it: the same for all its losses.

    Attributes:
        rows: the number of rows with a target.
        features: the number of features, after categories became columns.
        budget: how long a replicate may train.
    """

    rows: int
    features: int
    budget: Budget

    @classmethod
    def of(cls, overrides: Sequence[str]) -> "Block":
        """Load the table of a configuration."""
        config = resolve(plain(compose_config(*overrides)))
        dataset = config.data.load()
        split, *_ = make_splits(dataset, config.data, config.targets, config.seeds[:1])
        rows, features = dataset.features.shape
        return cls(rows, features, budget_of(config.training, len(split.train)))

    def longer(self, factor: int) -> list[str]:
        """Return the overrides that multiply the budget; schedules follow the number of epochs."""
        patience = "null" if self.budget.patience is None else str(self.budget.patience * factor)
        return [f"trainer.max_epochs={self.budget.epochs * factor}", f"trainer.early_stopping={patience}"]


def train(overrides: Sequence[str], folder: Path) -> dict[str, Any]:
    """Train one loss on one table, and return its scores and epochs, one value per seed."""
    result = lossbench.run(*overrides, commands.override("hydra.run.dir", str(folder)))
    return {
        "status": result.status,
        "primary": result.primary_metric,
        "directions": result.higher_is_better,
        "metrics": {name: values for name, values in result.metrics.items() if not name.startswith("train/")},
        "replicates": [asdict(replicate) for replicate in result.replicates],
        "seconds": result.duration_s,
    }


def late(replicates: Sequence[Mapping[str, Any]], epochs: int) -> list[bool]:
    """Return of each replicate whether its best epoch lies in the last part of the budget.

    >>> late([{"best_epoch": 98}, {"best_epoch": 99}, {"best_epoch": None}], 100)
    [False, True, False]
    """
    return [(replicate["best_epoch"] or 0) > (1 - LATE) * epochs for replicate in replicates]


def remove(folder: Path) -> None:
    """Remove the records of the runs, which are large."""
    shutil.rmtree(folder, ignore_errors=True)
