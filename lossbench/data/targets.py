"""Turn the columns that are predicted into targets, and check that a task allows their values."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench import tasks
from lossbench.data.columns import Column, as_texts, numbers, refuse_gaps
from lossbench.data.dataset import Target
from lossbench.data.readers import where
from lossbench.errors import UserError
from lossbench.tasks import Domain, Task


def read_targets(frame: pd.DataFrame, task: Task | Mapping[str, Task], path: str) -> tuple[Target, ...]:
    """Return one target of all columns, or, with a task for each column, one target per column.

    Args:
        frame: the columns to predict.
        task: the task of the target, or of each column.
        path: the path of the file, for messages.

    Raises:
        UserError: a cell or a column does not fit its task.
    """
    if isinstance(task, Mapping):
        return tuple(_read_target(frame[[name]], task[name], path) for name in frame.columns)
    return (_read_target(frame, task, path),)


def _read_target(frame: pd.DataFrame, task: Task, path: str) -> Target:
    columns = tuple(frame.columns)
    name = "+".join(columns)
    if task.has_classes:
        if len(columns) > 1:
            raise UserError(
                f"data.target={list(columns)}: one {task} target has one column; for several of 0 and 1 set "
                f"data.task={tasks.MASK}, for several outputs use loss=outputs"
            )
        indices, classes = _read_classes(frame[columns[0]], task, path)
        return Target(name, indices, task, columns, classes)
    values = np.column_stack([numbers(frame[column], path, role="target") for column in columns])
    for column, cells in zip(columns, values.T, strict=True):
        if np.ptp(cells) == 0:
            raise UserError(f"data.target={column}: every row holds {cells[0]:g}; nothing to predict")
        if task.domain is not None:
            _check_domain(cells, frame[column], task, task.domain, path)
    if task.domain is not None and task.domain.rows_sum_to_one:
        _check_sums(values, frame[columns[0]], task, path)
    return Target(name, values, task, columns)


def _check_domain(cells: NDArray[np.float64], column: Column, task: Task, domain: Domain, path: str) -> None:
    allowed = domain.contains(cells)
    if not allowed.all():
        first = int((~allowed).argmax())
        raise UserError(
            f"{where(path, first, column)}: {cells[first]:g} is not {domain.value}, "
            f"as a {task} target must be; choose a loss for real targets, as loss=huber, or data.task"
        )


def _check_sums(values: NDArray[np.float64], column: Column, task: Task, path: str) -> None:
    sums = values.sum(1)
    if not np.allclose(sums, 1):
        first = int((~np.isclose(sums, 1)).argmax())
        raise UserError(
            f"{where(path, first, column)}: the shares of a {task} sum to {sums[first]:g}, not to 1"
        )


def _read_classes(column: Column, task: Task, path: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class indices and the sorted labels."""
    refuse_gaps(column, path, "fill it, or remove the row")
    is_numeric = pd.api.types.is_numeric_dtype(column.dtype)
    cells = column if is_numeric else as_texts(column)
    labels, indices = np.unique(cells.to_numpy(), return_inverse=True)
    count = len(labels)
    wrong = f"data.target={column.name}: {count} different values in {len(column)} rows"
    if count < 2:
        raise UserError(f"{wrong}; nothing to predict")
    if count > max(len(column) // 2, 2):
        raise UserError(f"{wrong} are no classes; for a real target choose a regression loss, as loss=huber")
    if task.class_count is not None and count > task.class_count:
        shown = ", ".join(map(str, labels[:5])) + (", ..." if count > 5 else "")
        raise UserError(
            f"{wrong} ({shown}), and a {task} target has {task.class_count}; "
            "choose loss=sparse_categorical_crossentropy"
        )
    return indices.astype(np.int64), tuple(map(str, labels))
