"""Dirt as config: outliers, wrong labels, imbalance and missing labels, in the training part alone."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Target, Values
from lossbench.data.splits import Split


@dataclass(frozen=True)
class Corruption:
    """How the training part is made worse.

    Attributes:
        outliers: share of its rows whose target is moved, up or down (up alone, where it cannot be negative).
        outlier_size: by how many standard deviations of the target.
        label_noise: share of its rows that get another class.
        label_noise_kind: ``symmetric``, any other class; ``pairwise``, the next one.
        imbalance: how many times the last class is rarer than the first, the others between; rows are
            replaced, so that there are as many as before.
        missing_labels: share of its rows whose target is not known: they count for nothing.
    """

    outliers: float
    outlier_size: float
    label_noise: float
    label_noise_kind: Literal["symmetric", "pairwise"]
    imbalance: float
    missing_labels: float


def imbalanced(split: Split, target: Target, ratio: float, seed: int) -> Split:
    """The split with training rows of rare classes replaced by rows of frequent ones.

    Class k of K keeps a share in proportion to ``ratio^(-k / (K - 1))`` of its own.
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


def corrupted(target: Target, split: Split, corruption: Corruption, seed: int) -> Values:
    """The target's values with outliers and wrong labels in the training part of one replicate."""
    random = np.random.default_rng(seed)
    values, train = target.values.copy(), np.unique(split.train)
    if target.values.ndim == 1:
        chosen = _share(train, corruption.label_noise, random)
        classes = len(target.classes)
        steps = random.integers(1, classes, len(chosen)) if corruption.label_noise_kind == "symmetric" else 1
        values[chosen] = (values[chosen] + steps) % classes
        return values
    chosen = _share(train, corruption.outliers, random)
    signs = random.choice([-1.0, 1.0], (len(chosen), values.shape[1]))
    if target.task in ("positive", "count"):
        signs = np.abs(signs)
    moved = signs * corruption.outlier_size * target.values[train].std(0)
    values[chosen] = values[chosen] + (np.round(moved) if target.task == "count" else moved)
    return values


def missing(split: Split, rate: float, seed: int) -> NDArray[np.int64]:
    """The training rows of one replicate whose target is not known."""
    return _share(np.unique(split.train), rate, np.random.default_rng(seed))


def _share(rows: NDArray[np.int64], rate: float, random: np.random.Generator) -> NDArray[np.int64]:
    return random.permutation(rows)[: round(rate * len(rows))]
