"""The user's own table: a CSV with numeric columns, one of them the target."""

import csv
import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.dataset import Dataset, TableTask, Task
from lossbench.errors import UserError, did_you_mean

_SEPARATORS = ",;\t|"
_LARGEST = 1e100  # beyond it a variance overflows

Column = Any  # a pandas Series of texts or numbers


def table(*, path: str, target: str, task: TableTask = "auto") -> Dataset:
    """A CSV file with a header: numeric columns, of which ``target`` is to be predicted.

    Args:
        path: the file, from the folder the command is typed in; separated by comma, semicolon, tab or |.
        target: the column to predict. Numbers for regression; numbers or texts for classes.
        task: ``auto`` is the loss's own task, which the factory puts in.

    Raises:
        UserError: the file, a column or a cell is not as needed; the message names it and the remedy.
    """
    frame = _read(path)
    _check_target(frame, target, path)
    feature_names = tuple(column for column in frame.columns if column != target)
    if not feature_names:
        raise UserError(f"{path} has the column {target} alone: a network needs features to predict from")
    features = np.column_stack([_numbers(frame[name], path) for name in feature_names])
    if task in ("regression", "positive", "count"):
        targets = _numbers(frame[target], path)
        if np.ptp(targets) == 0:
            raise UserError(f"data.target={target}: every row holds {targets[0]:g}; nothing to predict")
        _check_domain(targets, frame[target], task, path)
        return Dataset(features, targets[:, None], task, feature_names, (target,))
    if task == "auto":
        raise ValueError("task='auto' is the loss's to decide: give the task itself")
    indices, classes = _classes(frame[target], task, path)
    return Dataset(features, indices, task, feature_names, (target,), classes)


def read_column(path: str, target: str) -> NDArray[Any]:
    """One column of a CSV without gaps: floats where all its cells are numbers, else texts.

    Raises:
        UserError: the file, the column or a cell is not as needed.
    """
    frame = _read(path)
    _check_target(frame, target, path)
    column: Column = frame[target]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _numbers(column, path)
    _refuse_gaps(column, path)
    texts: NDArray[Any] = column.to_numpy().astype(str)
    return texts


def _check_target(frame: pd.DataFrame, target: str, path: str) -> None:
    if target in frame.columns:
        return
    if len(frame.columns) == 1:
        raise UserError(
            f"{path}: the header {frame.columns[0]!r} is one column; separate columns by comma, "
            "semicolon, tab or |"
        )
    meant = did_you_mean(target, frame.columns)
    columns = ", ".join(frame.columns)
    raise UserError(f"data.target={target}: {path} has no such column. {meant}Its columns: {columns}")


def _read(path: str) -> pd.DataFrame:
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise UserError(f"data.path={path}: a folder; name the CSV file in it")
        if not file.is_file():
            raise UserError(_no_such_file(path, file))
        header, separator = _header(file)
        _check_header(header, path)
        frame = pd.read_csv(
            file,
            sep=separator,
            encoding="utf-8-sig",
            skipinitialspace=True,
            keep_default_na=False,  # "NA" may be a class
            na_values=[""],
            low_memory=False,  # each column's type from the whole of it
        )
    except UnicodeDecodeError as error:
        raise UserError(f"data.path={path}: not a text file in UTF-8; save it as a UTF-8 CSV") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        reason = str(error).strip().rpartition("C error: ")[2]
        raise UserError(f"data.path={path}: not a table: {reason}") from error
    except OSError as error:
        raise UserError(f"data.path={path}: cannot be read: {error.strerror}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise UserError(f"{path}: the rows have more cells than the header has names; mend the header")
    frame.columns = frame.columns.astype(str).str.strip()
    if frame.empty:
        raise UserError(f"data.path={path}: a header without rows")
    return frame


def _header(file: Path) -> tuple[list[str], str]:
    """The column names, and what separates them: whichever sign the first line has most of, unquoted."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = next((line for line in lines if line.strip()), "")
    unquoted = re.sub('"[^"]*"', "", first)
    separator = max(_SEPARATORS, key=unquoted.count)
    return next(csv.reader([first], delimiter=separator, skipinitialspace=True), [""]), separator


def _where(path: str, row: int, column: Column) -> str:
    """File, line and column of a cell; the line is where its row ends, blank lines counted."""
    file = Path(path).expanduser()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        records = csv.reader(lines, delimiter=_header(file)[1], skipinitialspace=True)
        line = next(itertools.islice((records.line_num for record in records if record), row + 1, None))
    return f"{path}, line {line}, column {column.name}"


def _no_such_file(path: str, file: Path) -> str:
    nearby = [p.name for p in file.parent.glob("*") if p.is_file()] if file.parent.is_dir() else []
    meant = did_you_mean(file.name, nearby, f"{file.parent}/" if str(file.parent) != "." else "")
    return f"data.path={path}: no such file, seen from {Path.cwd()}. {meant}".rstrip()


def _check_header(names: list[str], path: str) -> None:
    names = [name.strip() for name in names]
    doubled = [name for name, count in Counter(names).items() if count > 1 and name]
    if doubled:
        raise UserError(f"{path}: two columns are called {doubled[0]!r}; rename one")
    if "" in names and names != [""]:
        raise UserError(
            f"{path}: column {names.index('') + 1} has no name; name it, or take it out (pandas leaves "
            "its index out with to_csv(index=False))"
        )


def _numbers(column: Column, path: str) -> NDArray[np.float64]:
    """The column as usable numbers, or an error that names the first cell that is none."""
    numbers: NDArray[np.float64] = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(~(np.abs(numbers) < _LARGEST))
    if not len(bad):
        return numbers
    first = int(bad[0])
    where = _where(path, first, column)
    more = f" (and {len(bad) - 1} more in this column)" if len(bad) > 1 else ""
    if pd.isna(column.iloc[first]):
        raise UserError(f"{where}: the cell is empty{more}; fill it or remove the row")
    raise UserError(
        f"{where}: '{column.iloc[first]}' is not a usable number{more}; write it as one (1234.5), or remove "
        "the column"
    )


def _refuse_gaps(column: Column, path: str) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise UserError(f"{_where(path, int(missing[0]), column)}: the cell is empty; fill it")


def _check_domain(targets: NDArray[np.float64], column: Column, task: TableTask, path: str) -> None:
    allowed = {
        "positive": (targets > 0, "a positive number"),
        "count": ((targets >= 0) & (targets == targets.round()), "a count (0, 1, 2, ...)"),
    }
    if task not in allowed:
        return
    fits, wanted = allowed[task]
    if not fits.all():
        first = int((~fits).argmax())
        raise UserError(
            f"{_where(path, first, column)}: {targets[first]:g} is not {wanted}, "
            f"as a {task} target must be; choose a loss for real targets, as loss=huber"
        )


def _classes(column: Column, task: Task, path: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices and their labels, in sorted order."""
    _refuse_gaps(column, path)
    labels, indices = np.unique(column.to_numpy(), return_inverse=True)
    count = len(labels)
    wrong = f"data.target={column.name}: {count} different values in {len(column)} rows"
    if count < 2:
        raise UserError(f"{wrong}; nothing to predict")
    if count > max(len(column) // 2, 2):
        raise UserError(f"{wrong} are no classes; for a real target choose a regression loss, as loss=huber")
    if task == "binary" and count > 2:
        shown = ", ".join(map(str, labels[:5])) + (", ..." if count > 5 else "")
        raise UserError(
            f"{wrong} ({shown}), and a binary target has two; choose loss=sparse_categorical_crossentropy"
        )
    return indices.astype(np.int64), tuple(map(str, labels))
