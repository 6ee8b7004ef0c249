"""Which rows train, validate and test, decided by the seed alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from lossbench.data.dataset import Dataset
from lossbench.errors import UserError


@dataclass(frozen=True)
class Split:
    """Row indices of the three parts; every row is in exactly one."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(dataset: Dataset, *, seed: int, validation: float, test: float, stratify: bool) -> Split:
    """Split a data set's rows; the sizes depend on the number of rows alone, never on the seed.

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
    sizes = {"test": round(count * test), "validation": round(count * validation)}
    rest = count - sum(sizes.values())
    if min(rest, *sizes.values()) < 2:
        raise UserError(
            f"{count} rows give {rest} to train, {sizes['validation']} to validate and {sizes['test']} "
            "to test; at least 2 are needed in each: change data.validation or data.test, or add rows"
        )
    classes = dataset.targets if stratify and dataset.targets.ndim == 1 else None
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
        raise _rare_class(dataset) from error
    parts = (train_rows, validation_rows, test_rows)
    if classes is not None and any(len(np.unique(classes[rows])) < len(dataset.classes) for rows in parts):
        raise _rare_class(dataset)
    return Split(*parts)


def _rare_class(dataset: Dataset) -> UserError:
    counts = np.bincount(dataset.targets)
    rarest = int(counts.argmin())
    return UserError(
        f"class {dataset.classes[rarest]!r} has {counts[rarest]} row(s), too few to be in every part; add "
        "rows, merge classes, or set data.stratify=false"
    )
