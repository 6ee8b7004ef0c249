"""Corruption of the training part: outliers, wrong labels, imbalance and missing labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Target, Values
from lossbench.data.splits import Split


@dataclass(frozen=True)
class Corruption:
    """How the training part is corrupted.

    Attributes:
        outliers: share of its rows whose target is moved, up or down; only up if it cannot be negative.
        outlier_size: how far it is moved, in standard deviations of the target.
        label_noise: share of its rows that get another class.
        label_noise_kind: ``symmetric``: any other class; ``pairwise``: the next class.
        imbalance: how many times rarer the last class becomes than the first; classes between them follow
            a geometric sequence. Rows are replaced, so that their number stays the same.
        missing_labels: share of its rows whose target is unknown: they have weight 0.
    """

    outliers: float
    outlier_size: float
    label_noise: float
    label_noise_kind: Literal["symmetric", "pairwise"]
    imbalance: float
    missing_labels: float


def imbalanced(split: Split, target: Target, ratio: float, seed: int) -> Split:
    """Return the split with training rows of rare classes replaced by rows of frequent ones.

    Of K classes, class k keeps a share in proportion to ``ratio^(-k / (K - 1))``.
    """
    random = np.random.default_rng(seed)
    labels = target.values[split.train].astype(np.int64)
    counts = np.bincount(labels, minlength=len(target.classes))
    wanted = counts * ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
    wanted = np.maximum(np.round(wanted / wanted.sum() * len(labels)), counts > 0).astype(np.int64)
    wanted[wanted.argmax()] += len(labels) - wanted.sum()  # what rounding left over
    rows = [
        np.resize(random.permutation(split.train[labels == k]), count)
        for k, count in enumerate(wanted)
        if count
    ]
    return replace(split, train=random.permutation(np.concatenate(rows)))


def corrupted_targets(
    target: Target, splits: Sequence[Split], corruption: Corruption, seeds: Sequence[int]
) -> Values:
    """Return a target's values with outliers or wrong labels in the training part of each replicate.

    Args:
        target: what is corrupted; it stays as it is.
        splits: one per replicate.
        corruption: what is asked for; what the task does not allow is left out.
        seeds: one per replicate.

    Returns:
        ``(R, N)`` or ``(R, N, U)``, each replicate with its own corruption; without any, ``target.values``.
    """
    task = target.task
    rate = corruption.label_noise if task.has_classes else corruption.outliers if task.is_numeric else 0.0
    if not rate:
        return target.values
    corrupt = _with_wrong_labels if task.has_classes else _with_outliers
    values: list[Any] = [
        corrupt(target, np.unique(split.train), corruption, np.random.default_rng(seed))
        for split, seed in zip(splits, seeds, strict=True)
    ]
    stacked: Values = np.stack(values)
    return stacked


def _with_wrong_labels(
    target: Target, train: NDArray[np.int64], corruption: Corruption, random: np.random.Generator
) -> Values:
    values, classes = target.values.copy(), len(target.classes)
    rows = _share(train, corruption.label_noise, random)
    steps = random.integers(1, classes, len(rows)) if corruption.label_noise_kind == "symmetric" else 1
    values[rows] = (values[rows] + steps) % classes
    return values


def _with_outliers(
    target: Target, train: NDArray[np.int64], corruption: Corruption, random: np.random.Generator
) -> Values:
    values = target.values.copy()
    rows = _share(train, corruption.outliers, random)
    signs = random.choice([-1.0, 1.0], (len(rows), values.shape[1]))
    if target.task.is_nonnegative:
        signs = np.abs(signs)
    moved = signs * corruption.outlier_size * target.values[train].std(0)
    values[rows] = values[rows] + (np.round(moved) if target.task.is_whole else moved)
    return values


def unlabelled_rows(split: Split, rate: float, seed: int) -> NDArray[np.int64]:
    """Return the training rows of one replicate whose target counts as unknown."""
    return _share(np.unique(split.train), rate, np.random.default_rng(seed))


def _share(rows: NDArray[np.int64], rate: float, random: np.random.Generator) -> NDArray[np.int64]:
    return random.permutation(rows)[: round(rate * len(rows))]
