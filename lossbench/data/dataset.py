"""A data set as every source delivers it: features, and targets with their tasks."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbench.tasks import Task

BLOCK = 2**20  # elements at a time: large enough to be fast, small beside any data

# Targets as a data set holds them: class indices ``(N,)`` int64, else numbers ``(N, U)`` float64
Values = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """What one output predicts.

    Attributes:
        name: the name of the target; an output has the same name.
        values: class indices ``(N,)`` if the task has classes, else numbers ``(N, U)``.
        task: the kind of target.
        columns: the names of the U columns, or of the column of classes.
        classes: the label of each class; empty where there are none.
    """

    name: str
    values: Values
    task: Task
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A table in memory.

    Attributes:
        features: ``(N, F)`` float64, NaN where a value is missing; for pairs ``(N, 2, F)``, for triplets
            ``(N, 3, F)``.
        feature_names: F names.
        targets: one for each output that a network can have.
        unscaled: indices of the features that are not standardised: the 0 and 1 of categories.
        weights: ``(N,)``, how much each row counts; None if all rows count alike.
        groups: ``(N,)`` integers; rows of a group stay in the same part.
        parts: ``(N,)``, the part of each row: 0 to train, 1 to validate, 2 to test.
        order: ``(N,)``, ranks in time: the earliest rows train, the latest test.
        row_numbers: ``(N,)``, the row of the table that each row was, from 0; None if no row was left out.
        notes: sentences about how the data was read, for the result and the terminal.
    """

    features: NDArray[np.float64]
    feature_names: tuple[str, ...]
    targets: tuple[Target, ...]
    unscaled: tuple[int, ...] = ()
    weights: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    parts: NDArray[np.int64] | None = None
    order: NDArray[np.int64] | None = None
    row_numbers: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """The only target.

        Raises:
            ValueError: there are several.
        """
        (only,) = self.targets
        return only

    def target_of(self, name: str) -> Target:
        """Return the target of that name; the only target, whatever the name, if there is one."""
        if len(self.targets) == 1:
            return self.target
        return next(target for target in self.targets if target.name == name)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the whole content: runs with the same fingerprint used the same data."""
        digest = hashlib.sha256()
        facts = [(target.name, target.task.name, target.columns, target.classes) for target in self.targets]
        digest.update(repr((self.feature_names, self.unscaled, facts)).encode())
        roles = (self.weights, self.groups, self.parts, self.order)
        for values in (self.features, *(target.values for target in self.targets), *roles):
            if values is None:
                digest.update(b"none")
                continue
            digest.update(repr(values.shape).encode())
            for rows in row_blocks(values):
                digest.update(np.ascontiguousarray(values[rows]).data)
        return digest.hexdigest()


def row_blocks(rows: NDArray[Any]) -> Iterator[slice]:
    """Yield slices of the first axis, so that no temporary array is as large as the whole."""
    size = max(BLOCK // max(rows[0].size, 1), 1)
    return (slice(start, start + size) for start in range(0, len(rows), size))
