"""A data set as every source delivers it: features, one canonical target, and the task."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal[
    "regression",
    "positive",
    "count",
    "binary",
    "multiclass",
    "distribution",
    "vector",
    "mask",
    "pair",
    "triplet",
    "retrieval",
]

# What a table's column, or columns, can be read as; auto is the loss's own task.
TableTask = Literal[
    "auto", "regression", "positive", "count", "binary", "multiclass", "distribution", "vector", "mask"
]

BLOCK = 2**20  # elements at a time: large enough to be fast, small beside any data

# A target as the tables hold it: class indices ``(N,)`` int64, else ``(N, U)`` float64.
Values = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """What one output is to predict.

    Attributes:
        name: of the output.
        values: class indices ``(N,)`` for binary and multiclass tasks, else ``(N, U)``.
        task: what kind of target it is: any reals, positive ones, counts, one of two or of several classes,
            a distribution over classes, a vector whose direction matters, a mask of 0 and 1, whether a
            pair is alike (1 or 0), which of a triplet's last two is like its first (1: the former), or
            classes of which those alike are to be found again.
        columns: the U column names, or the one of the classes.
        classes: the label of each class; empty where there are none.
    """

    name: str
    values: Values
    task: Task
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """One table, in memory.

    Attributes:
        features: ``(N, F)`` float64, NaN where a value is missing; of pairs ``(N, 2, F)``, of triplets
            ``(N, 3, F)``.
        feature_names: F names.
        targets: one for each output that a network can be given.
        unscaled: indices of the features that are not standardised: the 0 and 1 of categories.
        weights: ``(N,)``, how much each row counts; None where all count alike.
        groups: ``(N,)`` integers; rows of one group stay in one part.
        parts: ``(N,)``, the part that each row is given to: 0 to train, 1 to validate, 2 to test.
        order: ``(N,)``, a rank in time: the earliest train, the latest test.
    """

    features: NDArray[np.float64]
    feature_names: tuple[str, ...]
    targets: tuple[Target, ...]
    unscaled: tuple[int, ...] = ()
    weights: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    parts: NDArray[np.int64] | None = None
    order: NDArray[np.int64] | None = None

    @property
    def target(self) -> Target:
        """The only target.

        Raises:
            ValueError: there are several.
        """
        (only,) = self.targets
        return only

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything in it: two runs saw the same data when it is the same."""
        digest = hashlib.sha256()
        facts = [(one.name, one.task, one.columns, one.classes) for one in self.targets]
        digest.update(repr((self.feature_names, self.unscaled, facts)).encode())
        kept = (self.weights, self.groups, self.parts, self.order)
        for values in (self.features, *(one.values for one in self.targets), *kept):
            if values is None:
                digest.update(b"none")
                continue
            digest.update(repr(values.shape).encode())
            for rows in row_blocks(values):
                digest.update(np.ascontiguousarray(values[rows]).data)
        return digest.hexdigest()


def row_blocks(rows: NDArray[Any]) -> Iterator[slice]:
    """The first axis in pieces, so that no temporary is as large as the whole."""
    size = max(BLOCK // max(rows[0].size, 1), 1)
    return (slice(start, start + size) for start in range(0, len(rows), size))
