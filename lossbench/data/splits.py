"""Split rows to train, validate and test: as the table says, by time, by groups, or by the seed alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import Dataset, Target
from lossbench.errors import UserError

Rows = NDArray[np.int64]
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts; every row is in exactly one part."""

    train: Rows
    validation: Rows
    test: Rows


def split(dataset: Dataset, *, seed: int, validation: float, test: float, stratify: bool) -> Split:
    """Split the rows of a data set; the sizes of the parts do not depend on the seed.

    If the table states the parts, an order in time or groups, the split is the same for all seeds: groups
    differ in size, and all replicates need parts of the same size.

    Args:
        dataset: what is split.
        seed: the seed for this purpose (see :func:`lossbench.seeds.derive`).
        validation: the share of all rows in the validation part.
        test: the share of all rows in the test part.
        stratify: whether every part keeps the shares of the classes, if the target has classes.

    Raises:
        UserError: there are too few rows, or a class is too rare to be in every part.
    """
    count = len(dataset.features)
    if dataset.parts is not None:
        return Split(*(np.flatnonzero(dataset.parts == part) for part in range(3)))
    if dataset.groups is not None:
        return _by_group(dataset.groups, validation, test)
    test_size, validation_size = round(count * test), round(count * validation)
    train_size = count - test_size - validation_size
    if min(train_size, validation_size, test_size) < 2:
        raise UserError(
            f"{count} rows give {train_size} to train, {validation_size} to validate and {test_size} "
            "to test; at least 2 are needed in each: change data.validation or data.test, or add rows"
        )
    if dataset.order is not None:
        return Split(*np.split(np.argsort(dataset.order), [train_size, train_size + validation_size]))
    random = np.random.RandomState(seed)  # its stream never changes between versions of NumPy
    target = next((target for target in dataset.targets if target.task.has_classes), None)
    if stratify and target is not None:
        return _stratified(target, validation_size, test_size, random)
    others, test_rows = _shuffled(np.arange(count), test_size, random)
    return Split(*_shuffled(others, validation_size, random), test_rows)


def _by_group(groups: NDArray[np.int64], validation: float, test: float) -> Split:
    """Split whole groups; the shuffle has a fixed seed."""
    names = np.unique(groups)
    sizes = round(len(names) * validation), round(len(names) * test)
    if min(len(names) - sum(sizes), *sizes) < 1:
        raise UserError(
            f"data.group has {len(names)} groups, too few for every part: take another column, or change "
            "data.validation or data.test"
        )
    shuffled = np.random.RandomState(0).permutation(names)
    validates, tests, trains = np.split(shuffled, np.cumsum(sizes))
    return Split(*(np.flatnonzero(np.isin(groups, part)) for part in (trains, validates, tests)))


def _shuffled(rows: Rows, size: int, random: np.random.RandomState) -> tuple[Rows, Rows]:
    """Return the rows in two shuffled parts, the second of the given size."""
    shuffled = rows[random.permutation(len(rows))]
    return shuffled[size:], shuffled[:size]


def _stratified(target: Target, validation: int, test: int, random: np.random.RandomState) -> Split:
    """Split so that every part has the shares of the classes."""
    labels = target.values.astype(np.int64)
    others, test_rows = _class_by_class(np.arange(len(labels)), labels, test, random)
    train, validation_rows = _class_by_class(others, labels, validation, random)
    parts = Split(train, validation_rows, test_rows)
    if any(
        len(np.unique(labels[rows])) < len(target.classes) for rows in (train, validation_rows, test_rows)
    ):
        raise _rare_class(target)
    return parts


def _class_by_class(
    rows: Rows, labels: NDArray[np.int64], size: int, random: np.random.RandomState
) -> tuple[Rows, Rows]:
    """Return the rows in two shuffled parts with equal shares of the classes, the second of the given size.

    The result is that of scikit-learn's ``train_test_split``, whose import also imports pandas.
    """
    members = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    counts = np.array([len(member) for member in members])
    kept = _proportional_counts(counts, len(rows) - size, random)
    taken = _proportional_counts(counts - kept, size, random)
    first, second = [], []
    for member, keep, take in zip(members, kept, taken, strict=True):
        shuffled = member[random.permutation(len(member))]
        first.append(shuffled[:keep])
        second.append(shuffled[keep : keep + take])
    kept_rows: Rows = random.permutation(np.concatenate(first))
    return kept_rows, random.permutation(np.concatenate(second))


def _proportional_counts(
    counts: NDArray[np.int64], size: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Return how many of each class make a part of the given size; ties in rounding are broken at random."""
    exact = counts / counts.sum() * size
    whole = np.floor(exact)
    remainder, missing = exact - whole, int(size - whole.sum())
    for value in np.unique(remainder)[::-1]:
        if missing == 0:
            break
        tied = np.flatnonzero(remainder == value)
        rounded_up = random.choice(tied, size=min(len(tied), missing), replace=False)
        whole[rounded_up] += 1
        missing -= len(rounded_up)
    result: NDArray[np.int64] = whole.astype(np.int64)
    return result


def _rare_class(target: Target) -> UserError:
    counts = np.bincount(target.values.astype(np.int64))
    rarest = int(counts.argmin())
    return UserError(
        f"class {target.classes[rarest]!r} has {counts[rarest]} row(s), too few to be in every part; add "
        "rows, merge classes, or set data.stratify=false"
    )
