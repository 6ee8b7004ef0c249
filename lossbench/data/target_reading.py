"""Decide what the target of a table is: a quantity, a count, two classes or several, and say why."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lossbench import tasks
from lossbench.data.cells import Cells, read_target_rows
from lossbench.data.dataset import Target
from lossbench.data.target_words import Meaning, meaning_of
from lossbench.data.targets import read_targets
from lossbench.tasks import Task

COLUMN_TASKS = (tasks.REGRESSION, tasks.POSITIVE, tasks.COUNT, tasks.BINARY, tasks.MULTICLASS)
_FEW_LEVELS = 10  # whole numbers with more different values are no classes, whatever their shape
_MOST_CODES = 30  # but for columns that are named as classes
_ROWS_PER_CLASS = 3  # the mean number of rows of a class, below which whole numbers are quantities
_TYPICAL_COUNT = 10  # the largest median at which the shape alone can tell counts
_FEWEST_ORDERED = 5  # fewer whole numbers from 0 or 1 are classes rather than ratings, if nothing says which
_ENDS = 0.02  # the share of rows at the largest of few values, from which these are a scale
_SKEWED = 1  # the skewness from which ratios matter more than differences


@dataclass(frozen=True, eq=False)
class TargetReading:
    """What the target of a table is read as.

    Attributes:
        target: the target of the rows that have one, exactly as training has it with ``data.task``.
        reason: a sentence that says why this task was decided.
        meaning: what the name of the column says; None if it says nothing known.
        present: for each row of the table, whether it has a target.
        notes: sentences about formatted numbers, words for gaps and rows that are left out.
        others: the names of the tasks that the values allow as well.
        is_ordered: whether the values are few, ordered and not counted, such as ratings.
    """

    target: Target
    reason: str
    meaning: Meaning | None
    present: NDArray[np.bool_]
    notes: tuple[str, ...]
    others: tuple[str, ...]
    is_ordered: bool = False

    @property
    def task(self) -> Task:
        """The task that was decided."""
        return self.target.task


@dataclass(frozen=True)
class _Decision:
    task: Task
    reason: str
    is_ordered: bool = False


def read_target(frame: pd.DataFrame, name: str, path: str, task: Task | None = None) -> TargetReading:
    """Read the target of a table, and decide its task.

    Args:
        frame: the table.
        name: the column to predict.
        path: the path of the file, for messages.
        task: the task to read it as; None decides.

    Raises:
        UserError: the column cannot be predicted, or not as this task.

    >>> frame = pd.DataFrame({"price": [200_000, 232_500, 265_000] * 20})
    >>> read_target(frame, "price", "my.csv").task.name
    'regression'
    """
    rows = read_target_rows(frame, [name], path)
    (cells,) = rows.cells
    if task is not None:
        decision = _Decision(task, f"It is read as {task} because you asked for that.")
    else:
        if cells.is_mostly_numeric:
            cells.check_numbers(path)
        decision = decide(cells, name)
    (target,) = read_targets([cells], decision.task, path)
    others = tuple(other.name for other in _allowed(cells) if other is not decision.task)
    return TargetReading(
        target, decision.reason, meaning_of(name), rows.present, rows.notes, others, decision.is_ordered
    )


def decide(cells: Cells, name: str) -> _Decision:
    """Decide the task of a target by its values and its name."""
    levels = len(cells.labels()[1])
    if levels <= 2:
        return _Decision(tasks.BINARY, "It has two different values.")
    if not cells.is_numeric:
        return _Decision(tasks.MULTICLASS, f"It has {levels} different texts.")
    values, meaning = cells.numbers, meaning_of(name)
    if not _are_whole(values):
        return _quantity(values, "It has numbers with decimals.")
    named = _by_name(values, meaning)
    return named or (_few_levels(values) if levels <= _FEW_LEVELS else _many_levels(values))


def _by_name(values: NDArray[np.float64], meaning: Meaning | None) -> _Decision | None:
    """Decide whole numbers by the name of their column, if it says something."""
    levels = len(np.unique(values))
    if meaning is Meaning.COUNT and values.min() >= 0:
        return _Decision(
            tasks.COUNT, "It has whole numbers from 0, and its name says that things are counted."
        )
    if meaning is Meaning.CLASS:
        if levels <= _MOST_CODES and len(values) >= _ROWS_PER_CLASS * levels:
            return _Decision(tasks.MULTICLASS, f"Its name says that its {levels} whole numbers are classes.")
        return None
    if meaning is Meaning.RATING:
        return _ratings(values, "Its name says that it is a rating or a score.")
    if meaning in (Meaning.QUANTITY, Meaning.DURATION, Meaning.YEAR):
        return _quantity(values, f"Its name says that it is {meaning.value}.")
    return None


def _few_levels(values: NDArray[np.float64]) -> _Decision:
    """Decide a few different whole numbers whose name says nothing."""
    levels, counts = np.unique(values, return_counts=True)
    steps = np.diff(levels)
    if _have_the_shape_of_counts(values):
        return _counts_by_shape()
    if len(values) < _ROWS_PER_CLASS * len(levels):
        return _quantity(values, "It has nearly as many different values as rows.")
    if np.gcd.reduce(levels.astype(np.int64)) > 1 or (steps.min() == steps.max() > 1):
        return _quantity(values, f"It has {len(levels)} levels with a common step.", is_ordered=True)
    if steps.max() > steps.min():
        return _Decision(
            tasks.MULTICLASS,
            f"It has only {len(levels)} different whole numbers, unevenly spaced, as codes are.",
        )
    if levels[0] > 1 or (len(levels) >= _FEWEST_ORDERED and _peaks(counts) == 1):
        return _ratings(values, "Its few whole numbers follow each other and have one peak, as ratings have.")
    return _Decision(
        tasks.MULTICLASS,
        f"It has only {len(levels)} different whole numbers, from {levels[0]:g} to {levels[-1]:g}, as codes "
        "of classes have. Their order is not used.",
    )


def _many_levels(values: NDArray[np.float64]) -> _Decision:
    """Decide many different whole numbers whose name says nothing."""
    if _have_the_shape_of_counts(values):
        return _counts_by_shape()
    return _quantity(values, "It has many different whole numbers, which alone are no sign of counts.")


def _have_the_shape_of_counts(values: NDArray[np.float64]) -> bool:
    """Return whether whole numbers begin at 0 or 1, without gaps, and have most rows at small values."""
    levels, counts = np.unique(values, return_counts=True)
    median = float(np.median(values))
    if levels[0] not in (0, 1) or len(levels) < 4 or median > _TYPICAL_COUNT:
        return False
    if levels[0] == 1 and len(levels) == levels[-1] <= _FEW_LEVELS and counts[-1] >= _ENDS * len(values):
        return False  # a scale that ends where many rows are, such as 1 to 5
    small = levels[levels <= max(median, levels[0] + 1)]
    no_gaps = bool((np.diff(small) == 1).all())
    few_are_large = float((values > (levels[0] + levels[-1]) / 2).mean()) <= 0.25
    return no_gaps and few_are_large and levels[counts.argmax()] <= median and float(stats.skew(values)) > 0.5


def _peaks(counts: NDArray[np.int64]) -> int:
    """Return how many levels are more frequent than those beside them."""
    rises = np.diff(np.r_[0, counts, 0])
    signs = np.sign(rises[rises != 0])
    return int(((signs[:-1] > 0) & (signs[1:] < 0)).sum())


def _counts_by_shape() -> _Decision:
    return _Decision(
        tasks.COUNT, "It has whole numbers without gaps from 0 or 1, most of them small, as counts have."
    )


def _ratings(values: NDArray[np.float64], reason: str) -> _Decision:
    return _quantity(values, reason, is_ordered=len(np.unique(values)) <= _FEW_LEVELS)


def _quantity(values: NDArray[np.float64], reason: str, *, is_ordered: bool = False) -> _Decision:
    """Return that values are quantities: positive ones if they are skewed, whatever their unit is."""
    if not is_ordered and values.min() > 0 and float(stats.skew(values)) > _SKEWED:
        return _Decision(
            tasks.POSITIVE, f"{reason} All values are above 0 and they are skewed, so that ratios matter."
        )
    return _Decision(tasks.REGRESSION, reason, is_ordered)


def _allowed(cells: Cells) -> list[Task]:
    """Return the tasks that the values allow."""
    indices, labels = cells.labels()
    allowed = []
    if cells.is_numeric:
        numeric = (tasks.REGRESSION, tasks.POSITIVE, tasks.COUNT)
        allowed = [
            task for task in numeric if task.domain is None or bool(task.domain.contains(cells.numbers).all())
        ]
    if len(labels) == 2:
        allowed.append(tasks.BINARY)
    most = _MOST_CODES if cells.is_numeric else len(indices)
    if 2 < len(labels) <= min(len(indices) // 2, most):
        allowed.append(tasks.MULTICLASS)
    return allowed


def _are_whole(values: NDArray[np.float64]) -> bool:
    """Return whether all values are whole numbers; beyond 2 to the power of 53 every float is, by chance."""
    return bool(((values == np.round(values)) & (np.abs(values) < 2**53)).all())
