"""The user's own table: which column is a feature, a target, or has another role."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import pandas as pd

from lossbench.data.cells import TargetRows, read_target_rows
from lossbench.data.columns import features
from lossbench.data.dataset import Dataset
from lossbench.data.readers import read
from lossbench.data.roles import read_roles
from lossbench.data.targets import read_targets
from lossbench.errors import UserError, did_you_mean
from lossbench.signatures import TableTask
from lossbench.tasks import TASKS, Task


def table(
    *,
    path: str,
    target: str | list[str],
    task: TableTask | dict[str, TableTask] = "auto",
    categorical: list[str] | None = None,
    exclude: list[str] | None = None,
    missing: Literal["error", "mean"] = "error",
    weight: str | None = None,
    group: str | None = None,
    split_column: str | None = None,
    time: str | None = None,
) -> Dataset:
    """Read your own CSV file with a header, or Parquet file; the other columns predict ``target``.

    Args:
        path: the path of the file, from the working directory. The cells of a CSV are separated by comma,
            semicolon, tab or |.
        target: the column to predict, or several. Numbers for regression; numbers or texts for classes.
        task: the task of the target, or of each output; ``auto`` in a config is the task of the loss.
        categorical: columns to read as categories though they hold numbers. Columns of texts always are.
        exclude: columns to leave out.
        missing: what an empty cell becomes: an error, or the mean of the training rows. With ``mean``, an
            empty cell of categories becomes a category of its own.
        weight: a column of numbers from 0: how much each row counts.
        group: a column; rows that share its value stay in the same part.
        split_column: a column that says train, validation or test for each row.
        time: a column of numbers or dates; the earliest rows train, the latest test.

    Raises:
        UserError: the file, a column or a cell is not as needed; the message names it and gives a hint.
    """
    task_of = {name: _task(of) for name, of in task.items()} if isinstance(task, dict) else _task(task)
    frame = read(path, exclude or [])
    targets = [target] if isinstance(target, str) else target
    single = {"weight": weight, "group": group, "split_column": split_column, "time": time}
    roles = {"target": targets, "categorical": categorical or [], "exclude": exclude or []}
    roles |= {role: [column] for role, column in single.items() if column is not None}
    _check_roles(frame, roles, path)
    rows = read_target_rows(frame, targets, path)
    frame = frame if rows.numbers is None else frame[rows.present]
    columns = {role: frame.pop(column) for role, column in single.items() if column is not None}
    frame = frame.drop(columns=[*targets, *roles["exclude"]])
    if frame.columns.empty:
        raise UserError(f"{path} leaves no column to predict from: a network needs features")
    values, names, unscaled = features(frame, roles["categorical"], missing == "mean", path)
    predicted = read_targets(rows.cells, task_of, path)
    others = read_roles(columns, path) | {"row_numbers": rows.numbers, "notes": _notes(targets, rows)}
    return Dataset(values, names, predicted, unscaled, **others)


def _notes(targets: list[str], rows: TargetRows) -> tuple[str, ...]:
    """Return how the targets were read, for the result and the terminal."""
    return tuple(f"data.target={','.join(targets)}: {note}" for note in rows.notes)


def _task(name: str) -> Task:
    if name not in TASKS:
        raise ValueError(
            f"task={name!r}: pass the name of a task; auto is for a config, where the loss decides"
        )
    return TASKS[name]


def _check_roles(frame: pd.DataFrame, roles: Mapping[str, list[str]], path: str) -> None:
    """Check that every named column is there, and that none has two roles."""
    for role, columns in roles.items():
        for column in columns:
            if column not in frame.columns:
                raise no_such_column(frame, f"data.{role}", column, path)
    uses = Counter(column for role, columns in roles.items() if role != "categorical" for column in columns)
    repeated = [column for column, count in uses.items() if count > 1]
    if repeated:
        keys = [f"data.{role}" for role, columns in roles.items() if repeated[0] in columns]
        raise UserError(
            f"column {repeated[0]} is named more than once, in {' and '.join(dict.fromkeys(keys))}"
        )


def no_such_column(frame: pd.DataFrame, key: str, column: str, path: str) -> UserError:
    """Return the error for a column that is not there, with the nearest name."""
    if len(frame.columns) == 1:
        return UserError(
            f"{path}: the header {frame.columns[0]!r} is one column; separate columns by comma, "
            "semicolon, tab or |"
        )
    suggestion = did_you_mean(column, frame.columns)
    columns = ", ".join(frame.columns)
    return UserError(f"{key}={column}: {path} has no such column. {suggestion}Its columns: {columns}")
