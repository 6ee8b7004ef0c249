"""Turn the columns of a table into numbers: numeric ones as they are, categories as 0 and 1."""

import calendar
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.readers import where
from lossbench.errors import UserError

LARGEST = 1e100  # beyond it a variance overflows
_FEW_CATEGORIES = 20  # more different texts, in more than half of the rows, are not categories
_MANY_CATEGORIES = 1000  # each category is a column: more than this would fill the memory
NOTHING = {"", "?", "-", ".", "na", "n/a", "nan", "null", "none", "nil", "missing", "unknown", "#n/a"}
_MONTHS = "|".join([*calendar.month_name[1:], *calendar.month_abbr[1:], "Sept"])
# Texts that people read as numbers or dates but pandas does not, each with a hint
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
Floats = NDArray[np.float64]


def features(
    frame: pd.DataFrame, categorical: list[str], impute: bool, path: str
) -> tuple[Floats, tuple[str, ...], tuple[int, ...]]:
    """Return features, their names, and the indices of those that are categories.

    Args:
        frame: the columns; each is removed from it when it has been read, to free its memory.
        categorical: columns that are categories though they hold numbers.
        impute: whether cells may be empty.
        path: the path of the file, for messages.

    Raises:
        UserError: a cell or a column cannot be used.
    """
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
    rows = np.arange(len(frame))
    result = np.zeros((len(rows), len(names)), order="F")  # its memory is used column by column
    unscaled: list[int] = []
    index = 0
    for name in list(frame.columns):
        column = frame.pop(name)
        if name not in labels:
            result[:, index] = numbers(column, path, impute=impute)
            index += 1
            continue
        codes = pd.Index(labels[name]).get_indexer(as_texts(column))
        result[rows, index + codes] = 1
        unscaled += range(index, index + len(labels[name]))
        index += len(labels[name])
    return result, tuple(names), tuple(unscaled)


def _is_categorical(column: Column, path: str, named: bool) -> bool:
    """Return whether a column holds categories: it was named, or most of its cells hold no number."""
    if named or isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise UserError(
            f"{path}, column {column.name}: dates; leave it out by data.exclude, or use data.time"
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    present = column.dropna()
    # A column of numbers stays one though most of its cells say NA
    present = present[~present.astype(str).str.strip().str.lower().isin(NOTHING)]
    is_number = pd.to_numeric(present, errors="coerce").notna()
    if is_number.mean() >= 0.5 or present.empty:
        return False
    texts = present.astype(str).str.strip()
    for pattern, hint in _FORMATS.items():
        formatted = texts.str.fullmatch(pattern)
        if formatted.mean() >= 0.5:
            first = int(np.flatnonzero(column.index == texts.index[formatted.argmax()])[0])
            raise UserError(f"{where(path, first, column)}: '{column.iloc[first]}' {hint}")
    return True


def _categories(column: Column, path: str, impute: bool, *, named: bool) -> list[str]:
    """Return the sorted labels of a column of the whole table."""
    if not impute:
        refuse_gaps(column, path, "fill it, or set data.missing=mean, which makes it a category")
    labels = sorted(as_texts(column).unique())
    most = min(max(_FEW_CATEGORIES, len(column) / 2), _MANY_CATEGORIES)
    if len(labels) > most and not named:
        raise UserError(
            f"{path}, column {column.name}: {len(labels)} different texts in {len(column)} rows, as "
            f"'{labels[0]}'; an identifier? Leave it out by data.exclude=[{column.name}], or name it in "
            "data.categorical"
        )
    return labels


def as_texts(column: Column, empty: str = "(missing)") -> Column:
    """Return the cells as texts without surrounding blanks; an empty cell becomes ``empty``."""
    return column.astype(str).str.strip().where(column.notna(), empty)


def numbers(
    column: Column,
    path: str,
    *,
    impute: bool = False,
    role: Literal["feature", "weight"] = "feature",
) -> Floats:
    """Return the cells of a column as numbers.

    Args:
        column: the column of the table.
        path: the path of the file, for messages.
        impute: whether cells may be empty; they become NaN.
        role: the role of the column, for the hint in a message.

    Raises:
        UserError: a cell holds no usable number; the message names the first such cell.
    """
    plain = not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(column.dtype)
    converted: Column = column if plain else pd.to_numeric(column, errors="coerce")
    result: Floats = converted.to_numpy(dtype=np.float64, na_value=np.nan)
    usable = np.abs(result) < LARGEST
    empty = column.isna().to_numpy() if not usable.all() else ~usable
    bad = np.flatnonzero(~usable & ~empty if impute else ~usable)
    if len(bad):
        raise unusable_cell(column, path, bad, is_empty=bool(empty[bad[0]]), role=role)
    return result


def unusable_cell(
    column: Column, path: str, bad: NDArray[np.int64], *, is_empty: bool, role: str
) -> UserError:
    """Return the error for the cells of a column that hold no usable number; it names the first one.

    Args:
        column: the column of the table.
        path: the path of the file.
        bad: the positions of the cells.
        is_empty: whether the first of them is empty.
        role: ``feature``, ``target`` or ``weight``, for the hint.
    """
    first = int(bad[0])
    cell = where(path, first, column)
    more = f" (and {len(bad) - 1} more in this column)" if len(bad) > 1 else ""
    exclude = f"leave the column out by data.exclude=[{column.name}]"
    if is_empty:
        hint = "fill it, or remove the row"
        if role == "feature":
            hint = f"fill it, remove the row, set data.missing=mean, or {exclude}"
        return UserError(f"{cell}: the cell is empty{more}; {hint}")
    hint = {
        "feature": f"leave the cell empty if it means missing, or {exclude}",
        "target": "or, if these are classes, choose a loss for them, as loss=sparse_categorical_crossentropy",
        "weight": "or leave data.weight out",
    }[role]
    return UserError(
        f"{cell}: '{column.iloc[first]}' is not a usable number{more}; write it as one (1234.5), {hint}"
    )


def refuse_gaps(column: Column, path: str, hint: str) -> None:
    """Raise a UserError with a hint if a cell of a column is empty."""
    gaps = np.flatnonzero(column.isna())
    if len(gaps):
        raise UserError(f"{where(path, int(gaps[0]), column)}: the cell is empty; {hint}")
