"""Read the cells of a target column: which are numbers, which are texts, and which are empty."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench.data.columns import LARGEST, NOTHING, Column, as_texts, unusable_cell
from lossbench.data.number_formats import parse_numbers
from lossbench.errors import UserError

# Among texts, words such as "none" and "unknown" may be classes; these are not
_GAPS_AMONG_TEXTS = {"", "?", ".", "-", "--", "n/a", "#n/a", "nan", "null", "<na>", "na"}
_MOSTLY = 0.8  # the share of numbers from which a text among many different ones is a mistake
_MANY_VALUES = 20  # with fewer different cells, numbers and texts together are classes


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a target column.

    Attributes:
        column: the column as the file has it, for messages.
        present: for each row, whether it has a target.
        numbers: the cell as a number; NaN where it is none.
        is_boolean: whether the cells are true and false.
        conversions: sentences that say how formatted numbers and words for gaps were read.
    """

    column: Column
    present: NDArray[np.bool_]
    numbers: NDArray[np.float64]
    is_boolean: bool = False
    conversions: tuple[str, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether every cell that is not empty is a number."""
        return bool(np.isfinite(self.numbers[self.present]).all())

    def of(self, rows: NDArray[np.bool_]) -> "Cells":
        """Return the cells of some rows."""
        return replace(self, column=self.column[rows], present=self.present[rows], numbers=self.numbers[rows])

    def labels(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Return the class of each present cell as an index, and the sorted labels."""
        if self.is_numeric:
            values, indices = np.unique(self.numbers[self.present], return_inverse=True)
            if self.is_boolean:
                return indices.astype(np.int64), tuple(str(bool(value)) for value in values)
            return indices.astype(np.int64), tuple(_shown(value) for value in values.tolist())
        texts, indices = np.unique(as_texts(self.column[self.present]).to_numpy(), return_inverse=True)
        return indices.astype(np.int64), tuple(map(str, texts))

    def check_numbers(self, path: str) -> None:
        """Raise a UserError that names the first cell that is neither empty nor a number."""
        bad = np.flatnonzero(self.present & ~np.isfinite(self.numbers))
        if len(bad):
            raise unusable_cell(self.column, path, bad, is_empty=False, role="target")

    @property
    def is_mostly_numeric(self) -> bool:
        """Whether few of many different cells are no numbers: these are mistakes rather than classes."""
        numeric = np.isfinite(self.numbers[self.present])
        return bool(numeric.mean() >= _MOSTLY) and self.column.nunique() > _MANY_VALUES


@dataclass(frozen=True, eq=False)
class TargetRows:
    """The rows of a table that have a target.

    Attributes:
        cells: for each column to predict, the cells of these rows.
        present: for each row of the table, whether it is one of them.
        notes: sentences about formatted numbers, words for gaps and rows that are left out.
    """

    cells: tuple[Cells, ...]
    present: NDArray[np.bool_]
    notes: tuple[str, ...]

    @property
    def numbers(self) -> NDArray[np.int64] | None:
        """Their positions in the table; None if they are all its rows."""
        return None if self.present.all() else np.flatnonzero(self.present)


def read_cells(column: Column, path: str) -> Cells:
    """Read the cells of a target column.

    Args:
        column: the column of the table.
        path: the path of the file, for messages.

    Raises:
        UserError: the column holds dates.

    >>> read_cells(pd.Series(["f", "f ", "m", "NA"]), "my.csv").labels()
    (array([0, 0, 1]), ('f', 'm'))
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype if not column.hasnans else object)
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or column.dtype.kind == "m":
        raise UserError(
            f"data.target={column.name}: {path} holds dates there; write them as numbers, such as days"
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        present = column.notna().to_numpy()
        cells = Cells(column, present, _finite(values), pd.api.types.is_bool_dtype(column.dtype))
    elif pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        values = column.astype("boolean").to_numpy(dtype=np.float64, na_value=np.nan)
        cells = Cells(column, column.notna().to_numpy(), values, is_boolean=True)
    else:
        cells = _from_texts(column)
    return cells


def read_target_rows(frame: pd.DataFrame, names: Sequence[str], path: str) -> TargetRows:
    """Read the columns to predict, and leave out the rows in which one of them is empty.

    Args:
        frame: the table.
        names: the columns to predict.
        path: the path of the file, for messages.

    Raises:
        UserError: a column holds dates, or no row has all targets.

    >>> read_target_rows(pd.DataFrame({"y": ["1,5", "?", "2"]}), ["y"], "my.csv").notes
    ('Commas are decimal signs: `1,5` is read as 1.5.', 'Cells that read `?` are empty.', \
'1 of 3 rows has no target and is left out.')
    """
    columns = [read_cells(frame[name], path) for name in names]
    present = np.all([column.present for column in columns], axis=0)
    notes = [note for column in columns for note in column.conversions]
    left_out, total = int((~present).sum()), len(present)
    if left_out == total:
        raise UserError(f"data.target={','.join(names)}: no row of {path} has a target; nothing to predict")
    if left_out:
        verbs = ("has", "is") if left_out == 1 else ("have", "are")
        notes.append(f"{left_out} of {total} rows {verbs[0]} no target and {verbs[1]} left out.")
    cells = tuple(column.of(present) for column in columns)
    return TargetRows(cells, present, tuple(dict.fromkeys(notes)))


def _from_texts(column: Column) -> Cells:
    codes, uniques = pd.factorize(as_texts(column, empty=""))
    texts = [str(text) for text in uniques]
    numbers = parse_numbers(texts)
    counts = np.bincount(codes, minlength=len(texts))
    gaps = _gaps(texts, numbers.values, counts)
    words = [text for text, is_gap in zip(texts, gaps, strict=True) if is_gap and text]
    values = _finite(np.where(gaps, np.nan, numbers.values))
    is_numeric = bool(np.isfinite(values[~gaps]).all())
    conversions = numbers.conversions if is_numeric else ()
    if words:
        shown = ", ".join(f"`{word}`" for word in words)
        conversions += (f"Cells that read {shown} are empty.",)
    return Cells(column, ~gaps[codes], values[codes], conversions=conversions)


def _gaps(texts: list[str], numbers: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the different texts of a column stand for an empty cell.

    Among numbers every word for nothing does. Among texts ``NA`` is a class if all others are codes of two
    letters, such as regions, and a sign is a class if all others are signs.
    """
    words = np.array([text.lower() in NOTHING | _GAPS_AMONG_TEXTS for text in texts])
    others = counts[~words]
    if others.sum() and counts[np.isfinite(numbers) & ~words].sum() >= others.sum() / 2:
        return words
    gaps = np.array([text.lower() in _GAPS_AMONG_TEXTS for text in texts])
    rest = [text for text, is_gap in zip(texts, gaps, strict=True) if not is_gap]
    if rest and all(len(text) == 2 and text.isalpha() and text.isupper() for text in rest):
        gaps &= np.array([text != "NA" for text in texts])
    if rest and not any(character.isalnum() for character in "".join(rest)):
        gaps &= np.array([text not in ("-", "--", "?", ".") for text in texts])
    return gaps


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(values) < LARGEST, values, np.nan)


def _shown(value: Any) -> str:
    """Return a number that is a label: a whole one without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(value)
