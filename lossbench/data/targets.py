"""Turn the columns that are predicted into targets, and check that a task allows their values."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lossbench import tasks
from lossbench.data.cells import Cells
from lossbench.data.columns import Column
from lossbench.data.dataset import Target
from lossbench.data.readers import where
from lossbench.errors import UserError
from lossbench.tasks import Domain, Task


def read_targets(cells: Sequence[Cells], task: Task | Mapping[str, Task], path: str) -> tuple[Target, ...]:
    """Return one target of all columns, or, with a task for each column, one target per column.

    Args:
        cells: the cells of each column to predict; none is empty.
        task: the task of the target, or of each column.
        path: the path of the file, for messages.

    Raises:
        UserError: a cell or a column does not fit its task.
    """
    if isinstance(task, Mapping):
        return tuple(_read_target([column], task[column.column.name], path) for column in cells)
    return (_read_target(cells, task, path),)


def _read_target(cells: Sequence[Cells], task: Task, path: str) -> Target:
    columns = tuple(column.column.name for column in cells)
    name = "+".join(columns)
    if task.has_classes:
        if len(columns) > 1:
            raise UserError(
                f"data.target={list(columns)}: one {task} target has one column; for several of 0 and 1 set "
                f"data.task={tasks.MASK}, for several outputs use loss=outputs"
            )
        indices, classes = _read_classes(cells[0], task)
        return Target(name, indices, task, columns, classes)
    for column in cells:
        column.check_numbers(path)
    values = np.column_stack([column.numbers for column in cells])
    for column, numbers in zip(cells, values.T, strict=True):
        if np.ptp(numbers) == 0:
            raise UserError(
                f"data.target={column.column.name}: every row holds {numbers[0]:g}; nothing to predict"
            )
        if task.domain is not None:
            _check_domain(numbers, column.column, task, task.domain, path)
    if task.domain is not None and task.domain.rows_sum_to_one:
        _check_sums(values, cells[0].column, task, path)
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


def _read_classes(cells: Cells, task: Task) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class indices and the sorted labels."""
    indices, labels = cells.labels()
    count, rows = len(labels), len(indices)
    wrong = f"data.target={cells.column.name}: {count} different values in {rows} rows"
    if count == 1:
        raise UserError(f"data.target={cells.column.name}: every row holds {labels[0]}; nothing to predict")
    if count > max(rows // 2, 2):
        hint = "for a real target choose a regression loss, as loss=huber"
        raise UserError(f"{wrong} are no classes; {hint if cells.is_numeric else 'is it an identifier?'}")
    if task.class_count is not None and count > task.class_count:
        shown = ", ".join(labels[:5]) + (", ..." if count > 5 else "")
        raise UserError(
            f"{wrong} ({shown}), and a {task} target has {task.class_count}; "
            "choose loss=sparse_categorical_crossentropy"
        )
    return indices, labels
