"""The user's own table: CSV or Parquet; numeric and categorical columns, one or several of them targets."""

import calendar
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.dataset import Dataset, TableTask, Target, Task
from lossbench.data.readers import read, where
from lossbench.errors import UserError, did_you_mean

_LARGEST = 1e100  # beyond it a variance overflows
_PARTS = ("train", "validation", "test")
_FEW_CATEGORIES = 20  # more different texts than this, in more than half of the rows, are no categories
_MANY_CATEGORIES = 1000  # more than this would each be a column, and fill the memory
_NOTHING = {"", "?", "-", ".", "na", "n/a", "nan", "null", "none", "nil", "missing", "unknown", "#n/a"}
_MONTHS = "|".join([*calendar.month_name[1:], *calendar.month_abbr[1:], "Sept"])
# Texts that are numbers or dates to a reader, and to no parser, with the hint
_FORMATS = {
    r"[-+]?\d{1,3}([,.' \u00a0\u202f]\d{3})+([.,]\d+)?": "has thousands separators; write it as 1234.5",
    r"[-+]?\d+,\d+": "has a decimal comma; write it as 1234.5",
    r"[-+]?\d+([.,]\d+)?\s*[%\u20ac$\u00a3]|[\u20ac$\u00a3]\s*[-+]?\d.*": (
        "has a unit; write the number alone"
    ),
    r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}([ T].*)?"
    rf"|([A-Z]\w+,? +)?(\d{{1,2}}(\.|th|st|nd|rd)?[ -])?({_MONTHS})\.?,?[ -]\d.*": (
        "is a date; leave the column out by data.exclude, split by it with data.time, or write numbers"
    ),
}

Column = Any  # a pandas Series of texts or numbers


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
    """A CSV file with a header, or a Parquet file, of which ``target`` is to be predicted from the rest.

    Args:
        path: the file, from the folder the command is typed in; a CSV is separated by comma, semicolon, tab
            or |.
        target: the column to predict, or several. Numbers for regression; numbers or texts for classes.
        task: ``auto`` is the loss's own task, which the factory puts in; for several outputs one per column.
        categorical: columns to be read as categories though they hold numbers. Columns of texts are anyway.
        exclude: columns to leave out.
        missing: what an empty cell of a feature is: an error, or the mean of the training rows (of
            categories, a category of its own).
        weight: a column of numbers from 0: how much each row counts.
        group: a column; rows that share its value stay in one part.
        split_column: a column that says train, validation or test of each row.
        time: a column of numbers or dates; the earliest rows train, the latest test.

    Raises:
        UserError: the file, a column or a cell is not as needed; the message names it and the hint.
    """
    frame = read(path, exclude or [])
    targets = [target] if isinstance(target, str) else target
    roles = {"weight": weight, "group": group, "split_column": split_column, "time": time}
    named = {"target": targets, "categorical": categorical or [], "exclude": exclude or []}
    named |= {role: [column] for role, column in roles.items() if column is not None}
    _check_columns(frame, named, path)
    given = {role: frame.pop(column) for role, column in roles.items() if column is not None}
    answers = frame[targets]
    frame = frame.drop(columns=[*targets, *named["exclude"]])
    if frame.columns.empty:
        raise UserError(f"{path} leaves no column to predict from: a network needs features")
    features, names, unscaled = _features(frame, named["categorical"], missing == "mean", path)
    return Dataset(
        features,
        names,
        _targets(answers, task, path),
        unscaled,
        weights=_weights(given["weight"], path) if weight else None,
        groups=pd.factorize(given["group"], use_na_sentinel=False)[0].astype(np.int64) if group else None,
        parts=_parts(given["split_column"], path) if split_column else None,
        order=_order(given["time"], path) if time else None,
    )


def _check_columns(frame: pd.DataFrame, named: Mapping[str, list[str]], path: str) -> None:
    """Every column that was named is there, and none has two roles."""
    for role, columns in named.items():
        for column in columns:
            if column not in frame.columns:
                raise _no_such_column(frame, f"data.{role}", column, path)
    uses = Counter(column for role, columns in named.items() if role != "categorical" for column in columns)
    doubled = [column for column, count in uses.items() if count > 1]
    if doubled:
        roles = [f"data.{role}" for role, columns in named.items() if doubled[0] in columns]
        raise UserError(
            f"column {doubled[0]} is named more than once, in {' and '.join(dict.fromkeys(roles))}"
        )


def _targets(frame: pd.DataFrame, task: TableTask | Mapping[str, TableTask], path: str) -> tuple[Target, ...]:
    """One target of all columns, or with a task for each, one per column."""
    if isinstance(task, Mapping):
        return tuple(_target(frame[[name]], task[name], path) for name in frame.columns)
    return (_target(frame, task, path),)


def _target(frame: pd.DataFrame, task: TableTask, path: str) -> Target:
    columns = tuple(frame.columns)
    name = "+".join(columns)
    if task == "auto":
        raise ValueError("task='auto' is the loss's to decide: give the task itself")
    if task in ("binary", "multiclass"):
        if len(columns) > 1:
            raise UserError(
                f"data.target={list(columns)}: one {task} target has one column; for several of 0 and 1 set "
                "data.task=mask, for several outputs use loss=outputs"
            )
        indices, classes = _classes(frame[columns[0]], task, path)
        return Target(name, indices, task, columns, classes)
    values = np.column_stack([_numbers(frame[column], path, role="target") for column in columns])
    for column, each in zip(columns, values.T, strict=True):
        if np.ptp(each) == 0:
            raise UserError(f"data.target={column}: every row holds {each[0]:g}; nothing to predict")
        _check_domain(each, frame[column], task, path)
    if task == "distribution" and not np.allclose(values.sum(1), 1):
        first = int((~np.isclose(values.sum(1), 1)).argmax())
        place = where(path, first, frame[columns[0]])
        raise UserError(f"{place}: the shares of a distribution sum to {values[first].sum():g}, not to 1")
    return Target(name, values, task, columns)


def _features(
    frame: pd.DataFrame, categorical: list[str], impute: bool, path: str
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[int, ...]]:
    """Numbers as they are, categories as 0 and 1 a column; each column is freed as it is read."""
    rows = len(frame)
    kinds = {name: _is_categorical(frame[name], path, name in categorical) for name in frame}
    labels = {
        name: _categories(frame[name], path, impute, named=name in categorical)
        for name, is_categorical in kinds.items()
        if is_categorical
    }
    names = [
        f"{name}={label}" if label is not None else str(name)
        for name in frame.columns
        for label in labels.get(name, [None])
    ]
    features = np.zeros((rows, len(names)), order="F")  # of which memory is taken column by column
    unscaled: list[int] = []
    place = 0
    for name in list(frame.columns):
        column = frame.pop(name)
        if name not in labels:
            features[:, place] = _numbers(column, path, impute=impute)
            place += 1
            continue
        codes = pd.Index(labels[name]).get_indexer(_as_texts(column))
        features[np.arange(rows), place + codes] = 1
        unscaled += range(place, place + len(labels[name]))
        place += len(labels[name])
    return features, tuple(names), tuple(unscaled)


def _is_categorical(column: Column, path: str, named: bool) -> bool:
    """Whether a column holds categories: it was named, or most of what it says is no number."""
    if named or isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise UserError(
            f"{path}, column {column.name}: dates; leave it out by data.exclude, or use data.time"
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    present = column.dropna()
    # a column of numbers is one though most of its cells say NA
    present = present[~present.astype(str).str.strip().str.lower().isin(_NOTHING)]
    numbers = pd.to_numeric(present, errors="coerce").notna()
    if numbers.mean() >= 0.5 or present.empty:
        return False
    texts = present.astype(str).str.strip()
    for pattern, hint in _FORMATS.items():
        formatted = texts.str.fullmatch(pattern)
        if formatted.mean() >= 0.5:
            first = int(np.flatnonzero(column.index == texts.index[formatted.argmax()])[0])
            raise UserError(f"{where(path, first, column)}: '{column.iloc[first]}' {hint}")
    return True


def _categories(column: Column, path: str, impute: bool, *, named: bool) -> list[str]:
    """A column's labels, in sorted order, of the whole table."""
    if not impute:
        _refuse_gaps(column, path, "fill it, or set data.missing=mean, which makes it a category")
    labels = sorted(_as_texts(column).unique())
    most = min(max(_FEW_CATEGORIES, len(column) / 2), _MANY_CATEGORIES)
    if len(labels) > most and not named:
        raise UserError(
            f"{path}, column {column.name}: {len(labels)} different texts in {len(column)} rows, as "
            f"'{labels[0]}'; an identifier? Leave it out by data.exclude=[{column.name}], or name it in "
            "data.categorical"
        )
    return labels


def _as_texts(column: Column) -> Column:
    return column.astype(str).str.strip().where(column.notna(), "(missing)")


def _weights(column: Column, path: str) -> NDArray[np.float64]:
    weights = _numbers(column, path, role="weight")
    if weights.min() < 0 or weights.max() == 0:
        first = int(weights.argmin())
        raise UserError(
            f"{where(path, first, column)}: {weights[first]:g}; weights are at least 0, and not all 0"
        )
    return weights


def _parts(column: Column, path: str) -> NDArray[np.int64]:
    texts = column.astype(str).str.strip().str.lower()
    known = {name: index for index, name in enumerate(_PARTS)}
    parts = texts.map(known)
    if parts.isna().any():
        first = int(parts.isna().argmax())
        raise UserError(
            f"{where(path, first, column)}: '{column.iloc[first]}'; a part is one of: {', '.join(_PARTS)}"
        )
    absent = [name for name, index in known.items() if not (parts == index).any()]
    if absent:
        raise UserError(f"data.split_column={column.name}: no row is given to {' and '.join(absent)}")
    chosen: NDArray[np.int64] = parts.to_numpy(dtype=np.int64)
    return chosen


def _order(column: Column, path: str) -> NDArray[np.int64]:
    """The rank of each row in time; rows of one time keep the table's order."""
    _refuse_gaps(column, path, "fill it, or leave data.time out")
    times = column
    if not pd.api.types.is_numeric_dtype(column.dtype):
        # never a guess whether 01/02/2024 is in January
        times = pd.to_datetime(column.astype(str), errors="coerce", format="ISO8601", utc=True)
    if times.isna().any():
        first = int(times.isna().argmax())
        place = where(path, first, column)
        raise UserError(f"{place}: '{column.iloc[first]}' is no time; write 2026-01-31 or a number")
    ranks = np.empty(len(times), dtype=np.int64)
    ranks[np.argsort(times.to_numpy(), kind="stable")] = np.arange(len(times))
    return ranks


def read_column(path: str, target: str) -> NDArray[Any]:
    """One column of a CSV without gaps: floats where all its cells are numbers, else texts.

    Raises:
        UserError: the file, the column or a cell is not as needed.
    """
    frame = read(path)
    _check_target(frame, target, path)
    column: Column = frame[target]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _numbers(column, path)
    _refuse_gaps(column, path, "fill it")
    texts: NDArray[Any] = column.to_numpy().astype(str)
    return texts


def _check_target(frame: pd.DataFrame, target: str, path: str) -> None:
    if target not in frame.columns:
        raise _no_such_column(frame, "data.target", target, path)


def _no_such_column(frame: pd.DataFrame, key: str, column: str, path: str) -> UserError:
    if len(frame.columns) == 1:
        return UserError(
            f"{path}: the header {frame.columns[0]!r} is one column; separate columns by comma, "
            "semicolon, tab or |"
        )
    meant = did_you_mean(column, frame.columns)
    columns = ", ".join(frame.columns)
    return UserError(f"{key}={column}: {path} has no such column. {meant}Its columns: {columns}")


def _numbers(
    column: Column,
    path: str,
    *,
    impute: bool = False,
    role: Literal["feature", "target", "weight"] = "feature",
) -> NDArray[np.float64]:
    """The column as usable numbers, or an error that names the first cell that is none."""
    plain = not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(column.dtype)
    converted: Column = column if plain else pd.to_numeric(column, errors="coerce")
    numbers: NDArray[np.float64] = converted.to_numpy(dtype=np.float64, na_value=np.nan)
    usable = np.abs(numbers) < _LARGEST
    empty = column.isna().to_numpy() if not usable.all() else ~usable
    bad = np.flatnonzero(~usable & ~empty if impute else ~usable)
    if not len(bad):
        return numbers
    first = int(bad[0])
    place = where(path, first, column)
    more = f" (and {len(bad) - 1} more in this column)" if len(bad) > 1 else ""
    exclude = f"leave the column out by data.exclude=[{column.name}]"
    if empty[first]:
        hint = "fill it, or remove the row"
        if role == "feature":
            hint = f"fill it, remove the row, set data.missing=mean, or {exclude}"
        raise UserError(f"{place}: the cell is empty{more}; {hint}")
    hint = {
        "feature": f"leave the cell empty if it means missing, or {exclude}",
        "target": "or, if these are classes, choose a loss for them, as loss=sparse_categorical_crossentropy",
        "weight": "or leave data.weight out",
    }[role]
    raise UserError(
        f"{place}: '{column.iloc[first]}' is not a usable number{more}; write it as one (1234.5), {hint}"
    )


def _refuse_gaps(column: Column, path: str, hint: str) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise UserError(f"{where(path, int(missing[0]), column)}: the cell is empty; {hint}")


def _check_domain(targets: NDArray[np.float64], column: Column, task: Task, path: str) -> None:
    allowed = {
        "positive": (targets > 0, "a positive number"),
        "distribution": (targets >= 0, "a share, at least 0"),
        "mask": ((targets == 0) | (targets == 1), "0 or 1"),
        "count": ((targets >= 0) & (targets == targets.round()), "a count (0, 1, 2, ...)"),
    }
    if task not in allowed:
        return
    fits, wanted = allowed[task]
    if not fits.all():
        first = int((~fits).argmax())
        raise UserError(
            f"{where(path, first, column)}: {targets[first]:g} is not {wanted}, "
            f"as a {task} target must be; choose a loss for real targets, as loss=huber, or data.task"
        )


def _classes(column: Column, task: Task, path: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class indices and their labels, in sorted order."""
    _refuse_gaps(column, path, "fill it, or remove the row")
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    cells = column if numeric else _as_texts(column)
    labels, indices = np.unique(cells.to_numpy(), return_inverse=True)
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
