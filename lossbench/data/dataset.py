"""A data set as every source delivers it: features, one canonical target, and the task."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

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

# What a table's column can be read as; auto is the loss's own task.
TableTask = Literal["auto", "regression", "positive", "count", "binary", "multiclass"]


@dataclass(frozen=True)
class Dataset:
    """One table, in memory.

    Attributes:
        features: ``(N, F)`` float64; of pairs ``(N, 2, F)``, of triplets ``(N, 3, F)``.
        targets: class indices ``(N,)`` int64 for binary and multiclass tasks, else ``(N, U)`` float64.
        task: what kind of target it is: any reals, positive ones, counts, one of two or of several classes,
            a distribution over classes, a vector whose direction matters, a mask of 0 and 1, whether a
            pair is alike (1 or 0), which of a triplet's last two is like its first (1: the former), or
            classes of which those alike are to be found again.
        feature_names: F names.
        target_names: the target's column name(s).
        classes: the label of each class; empty where there are none.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.float64] | NDArray[np.int64]
    task: Task
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything in it: two runs saw the same data when it is the same."""
        digest = hashlib.sha256()
        digest.update(repr((self.task, self.feature_names, self.target_names, self.classes)).encode())
        for values in (self.features, self.targets):
            digest.update(repr(values.shape).encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()
