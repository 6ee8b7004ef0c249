"""The rows, targets and weights of each replicate, from a data set and the replicates' seeds."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lossbench.data.batches import ReplicatedTable
from lossbench.data.corruption import corrupted_targets, imbalanced, unlabelled_rows
from lossbench.data.dataset import Dataset, Target, Values
from lossbench.data.encoding import encode_targets
from lossbench.data.scaling import ScaledColumns
from lossbench.data.settings import DataSettings, TargetSettings
from lossbench.data.splits import Split, split
from lossbench.data.weights import balanced_weights, row_weights
from lossbench.seeds import derive
from lossbench.tasks import STANDARD_DEVIATIONS


def make_splits(
    dataset: Dataset, settings: DataSettings, targets: Sequence[TargetSettings], seeds: Sequence[int]
) -> list[Split]:
    """Return one split per replicate, each from its own seed and with the imbalance of the settings."""
    splits = [
        split(
            dataset,
            seed=derive(seed, "split"),
            validation=settings.validation,
            test=settings.test,
            stratify=settings.stratify,
        )
        for seed in seeds
    ]
    ratio = settings.corruption.imbalance
    if ratio == 1:
        return splits
    predicted = [dataset.target_of(target.name) for target in targets]
    classes = next(target for target in predicted if target.task.has_classes)
    return [
        imbalanced(replicate_split, classes, ratio, derive(seed, "imbalance"))
        for replicate_split, seed in zip(splits, seeds, strict=True)
    ]


def make_table(
    dataset: Dataset,
    splits: Sequence[Split],
    settings: DataSettings,
    targets: Sequence[TargetSettings],
    seeds: Sequence[int],
    dtype: torch.dtype,
) -> ReplicatedTable:
    """Return features, targets and weights of all replicates; each output has its own corruption."""
    columns, weights = {}, {}
    for index, needed in enumerate(targets):
        target = dataset.target_of(needed.name)
        values, counts = targets_and_weights(dataset, target, index, splits, settings, seeds)
        for term, encoding in needed.encodings.items():
            columns[term] = ScaledColumns(
                encode_targets(values, target, encoding),
                splits,
                dtype,
                scaling=needed.scaling,
                per_replicate=values.ndim > target.values.ndim,
            )
            if counts is not None:
                weights[term] = torch.tensor(counts, dtype=dtype)  # a copy: the array may belong to pandas
    features = ScaledColumns(
        dataset.features,
        splits,
        dtype,
        scaling=STANDARD_DEVIATIONS,
        limit=settings.feature_limit,
        unscaled=dataset.unscaled,
    )
    return ReplicatedTable(features, columns, splits, weights)


def targets_and_weights(
    dataset: Dataset,
    target: Target,
    index: int,
    splits: Sequence[Split],
    settings: DataSettings,
    seeds: Sequence[int],
) -> tuple[Values, NDArray[np.float64] | None]:
    """Return the values of a target, corrupted in the training parts, and how much each row counts.

    Args:
        dataset: the data set.
        target: one of its targets.
        index: the position of its output among the outputs of the run.
        splits: one per replicate.
        settings: the corruption and the class weights.
        seeds: one per replicate.

    Returns:
        The values, with a leading axis of replicates if these have different values; and the weights, which
        are None if all rows count alike.
    """
    corruption_seeds = [derive(seed, "corruption", index) for seed in seeds]
    values = corrupted_targets(target, splits, settings.corruption, corruption_seeds)
    rate = settings.corruption.missing_labels
    unlabelled = [
        unlabelled_rows(replicate_split, rate, derive(seed, "missing_labels", index))
        for replicate_split, seed in zip(splits, seeds, strict=True)
    ]
    balance = None
    if settings.balance_classes and target.task.has_classes:
        balance = balanced_weights(values, splits, len(target.classes))
    return values, row_weights(len(target.values), dataset.weights, balance, unlabelled)
