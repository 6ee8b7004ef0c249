"""The user's own table: a CSV with numeric columns, one of them the target."""

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.dataset import Dataset, Task
from lossbench.errors import UserError, did_you_mean


def table(
    *, path: str, target: str, task: Literal["auto", "regression", "binary", "multiclass"] = "auto"
) -> Dataset:
    """A CSV file with a header: numeric columns, of which ``target`` is to be predicted.

    Args:
        path: the file, from the folder the command is typed in; separated by comma, semicolon or tab.
        target: the column to predict. Numbers for regression; numbers or texts for classes.
        task: ``auto`` takes the loss's own task (the schema puts it in).

    Raises:
        UserError: the file, a column or a cell is not as needed; the message names it and the remedy.
    """
    frame = _read(path)
    if target not in frame.columns:
        meant = did_you_mean(target, frame.columns)
        raise UserError(
            f"data.target={target}: {path} has no such column. {meant}Its columns: {', '.join(frame.columns)}"
        )
    feature_columns = [column for column in frame.columns if column != target]
    if not feature_columns:
        raise UserError(f"{path} has the column {target} alone: a network needs features to predict from")
    features = np.column_stack([_numbers(frame[name], path) for name in feature_columns])
    if task == "regression":
        targets = _numbers(frame[target], path)
        if np.ptp(targets) == 0:
            raise UserError(f"data.target={target}: every row holds {targets[0]:g}; nothing to predict")
        return Dataset(features, targets[:, None], task, tuple(feature_columns), (target,))
    if task == "auto":
        raise ValueError("task='auto' is the loss's to decide: give the task itself")
    indices, classes = _classes(frame[target], task, path)
    return Dataset(features, indices, task, tuple(feature_columns), (target,), classes)


def _read(path: str) -> pd.DataFrame:
    file = Path(path)
    if not file.is_file():
        nearby = [p.name for p in file.parent.glob("*") if p.is_file()] if file.parent.is_dir() else []
        meant = did_you_mean(file.name, nearby, f"{file.parent}/" if str(file.parent) != "." else "")
        raise UserError(f"data.path={path}: no such file, seen from {Path.cwd()}. {meant}".rstrip())
    try:
        with file.open(encoding="utf-8-sig") as lines:
            header = lines.readline()
        separator = max(",;\t", key=header.count)
        names = [name.strip().strip('"') for name in header.rstrip("\r\n").split(separator)]
        doubled = [name for name, count in Counter(names).items() if count > 1]
        if doubled:
            raise UserError(f"{path}: two columns are called {doubled[0]!r}; rename one")
        # Blank lines are kept so that row i of the frame is line i + 2 of the file.
        frame = pd.read_csv(file, sep=separator, encoding="utf-8-sig", skip_blank_lines=False)
    except UnicodeDecodeError as error:
        raise UserError(f"data.path={path}: not a text file in UTF-8; save it as a UTF-8 CSV") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise UserError(f"data.path={path}: not a table: {str(error).strip()}") from error
    if isinstance(frame.index, pd.MultiIndex) or not isinstance(frame.index, pd.RangeIndex):
        raise UserError(f"{path}: the rows have more cells than the header has names; mend the header")
    frame.columns = frame.columns.astype(str).str.strip()
    if frame.empty:
        raise UserError(f"data.path={path}: a header without rows")
    return frame


def _numbers(column: "pd.Series[float]", path: str) -> NDArray[np.float64]:
    """The column as finite numbers, or an error that names the first cell that is none."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if not len(bad):
        return numbers
    row = int(bad[0])
    where = f"{path}, line {row + 2}, column {column.name}"
    more = f" (and {len(bad) - 1} more in this column)" if len(bad) > 1 else ""
    if pd.isna(column.iloc[row]):
        raise UserError(f"{where}: the cell is empty{more}; fill it or remove the row")
    raise UserError(
        f"{where}: {column.iloc[row]!r} is not a finite number{more}; write it as one (1234.5), or "
        "remove the column"
    )


def _classes(column: "pd.Series[float]", task: Task, path: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices and their labels, in sorted order."""
    missing = np.flatnonzero(column.isna())
    if len(missing):
        line = missing[0] + 2
        raise UserError(f"{path}, line {line}, column {column.name}: the cell is empty; fill it")
    labels, indices = np.unique(column.to_numpy(), return_inverse=True)
    count = len(labels)
    if task == "binary" and count != 2:
        shown = ", ".join(map(str, labels[:5])) + (", ..." if count > 5 else "")
        other = "multiclass, as loss=sparse_categorical_crossentropy" if count > 2 else "another target"
        raise UserError(
            f"data.target={column.name}: a binary target has two values, this column {count} ({shown}); "
            f"choose {other}"
        )
    if task == "multiclass" and (count < 2 or count > len(column) // 2):
        raise UserError(
            f"data.target={column.name}: {count} different values in {len(column)} rows are no classes; "
            "for a real target choose a regression loss, as loss=huber"
        )
    return indices.astype(np.int64), tuple(map(str, labels))
