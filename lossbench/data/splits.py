"""Which rows train, validate and test: as the table says, by time, by groups, or by the seed alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from lossbench.data.dataset import Dataset, Target
from lossbench.errors import UserError


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts; every row is in exactly one."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(dataset: Dataset, *, seed: int, validation: float, test: float, stratify: bool) -> Split:
    """Split a data set's rows; the sizes never depend on the seed, and where the data decides, nothing does.

    A given part, an order in time or groups make one split for all seeds: groups differ in size, and the
    replicates' parts must not.

    Args:
        dataset: what to split.
        seed: of this purpose (see :func:`lossbench.seeds.derive`).
        validation: the share of all rows that validate.
        test: the share of all rows that test.
        stratify: keep the classes' shares in every part; of a target without classes it changes nothing.

    Raises:
        UserError: too few rows, or a class too rare to be in every part.
    """
    count = len(dataset.features)
    if dataset.parts is not None:
        return Split(*(np.flatnonzero(dataset.parts == part) for part in range(3)))
    if dataset.groups is not None:
        return _by_group(dataset.groups, validation, test)
    sizes = {"test": round(count * test), "validation": round(count * validation)}
    rest = count - sum(sizes.values())
    if min(rest, *sizes.values()) < 2:
        raise UserError(
            f"{count} rows give {rest} to train, {sizes['validation']} to validate and {sizes['test']} "
            "to test; at least 2 are needed in each: change data.validation or data.test, or add rows"
        )
    if dataset.order is not None:
        in_time = np.argsort(dataset.order)
        earliest, middle = rest, rest + sizes["validation"]
        return Split(in_time[:earliest], in_time[earliest:middle], in_time[middle:])
    with_classes = [target for target in dataset.targets if target.values.ndim == 1]
    stratified = with_classes[0] if stratify and with_classes else None
    classes = None if stratified is None else stratified.values
    random = np.random.RandomState(seed)  # what scikit-learn takes; never the global one
    try:
        others, test_rows = train_test_split(
            np.arange(count), test_size=sizes["test"], random_state=random, stratify=classes
        )
        train_rows, validation_rows = train_test_split(
            others,
            test_size=sizes["validation"],
            random_state=random,
            stratify=None if classes is None else classes[others],
        )
    except ValueError as error:  # scikit-learn's words: a class of one row, fewer rows than classes
        if stratified is None:
            raise
        raise _rare_class(stratified) from error
    parts = (train_rows, validation_rows, test_rows)
    if stratified is not None and any(
        len(np.unique(stratified.values[rows])) < len(stratified.classes) for rows in parts
    ):
        raise _rare_class(stratified)
    return Split(*parts)


def _by_group(groups: NDArray[np.int64], validation: float, test: float) -> Split:
    """Whole groups, from a seed of their own."""
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


def _rare_class(target: Target) -> UserError:
    counts = np.bincount(target.values.astype(np.int64))
    rarest = int(counts.argmin())
    return UserError(
        f"class {target.classes[rarest]!r} has {counts[rarest]} row(s), too few to be in every part; add "
        "rows, merge classes, or set data.stratify=false"
    )
