"""Choose the primary metric that fits a target: it is monitored, stops training, selects weights and decides.

The choice depends on the whole data set, not on a split, so that all seeds and losses agree on it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossbench import tasks
from lossbench.tasks import Task

Choice = tuple[str, str]  # the name of the metric, and the reason

# A class is rare below this part of an equal share. Of two classes that is 10 % of the rows: a network that
# never predicts the rare one has an accuracy above 0.9.
RARE = 0.2
FEWEST_TO_RANK = 100  # rows of a class: about 20 in a part; by fewer, average precision selects worse weights
FEWEST_FOR_R2 = 50  # rows: about 10 in a part; of fewer, the variance by which r2 divides is mostly chance
FAR_ROWS = 0.01  # the share of rows, those farthest from the mean, that must not decide r2
MOST_FROM_FAR_ROWS = 0.5  # of the squared deviations; normal numbers have 0.08, exponential ones 0.22


def choose(task: Task, names: Sequence[str], values: NDArray[Any], classes: Sequence[str]) -> Choice:
    """Return the name of the primary metric, and the reason.

    Args:
        task: how the target is read.
        names: the metrics that every prediction has, in the order of the task.
        values: the targets of all rows: class indices ``(N,)`` if the task has classes, else ``(N, U)``.
        classes: the label of each class.

    >>> choose(tasks.BINARY, ["accuracy", "log_loss"], np.array([0, 1]), ["no", "yes"])
    ('log_loss', 'it judges the probabilities of the classes')
    """
    if task in _RULES:
        return _RULES[task](names, values, classes)
    return names[0], f"the default for targets of the task {task}"


def _for_classes(names: Sequence[str], values: NDArray[Any], classes: Sequence[str]) -> Choice:
    """Judge probabilities by the log loss, and rare classes by a metric that a constant cannot win."""
    counts = np.bincount(values, minlength=len(classes))
    rarest = int(counts.argmin())
    share = counts[rarest] / counts.sum()
    is_rare = share * len(counts) < RARE
    of_rows = f"class {classes[rarest]} has {share:.1%} of the rows"
    if is_rare and rarest == 1 and counts[1] >= FEWEST_TO_RANK and "average_precision" in names:
        return "average_precision", f"{of_rows}, and accuracy could ignore it"
    if "log_loss" in names:
        return "log_loss", "it judges the probabilities of the classes"
    if is_rare:
        return "balanced_accuracy", f"{of_rows}, and the loss gives no probabilities"
    return "accuracy", "the loss gives no probabilities, and no class is rare"


def _for_distributions(names: Sequence[str], *_: object) -> Choice:
    if "kl" in names:
        return "kl", "it judges the probabilities of the classes"
    return "accuracy", "the loss gives no probabilities"


def _for_counts(names: Sequence[str], values: NDArray[Any], classes: Sequence[str]) -> Choice:
    if "poisson_deviance" in names:
        return "poisson_deviance", "the target is a count, whose variance grows with its mean"
    return _for_numbers(names, values, classes)


def _for_numbers(_: Sequence[str], values: NDArray[Any], __: Sequence[str]) -> Choice:
    """Judge numbers by r2, except where few rows would decide it or where it may be undefined."""
    most_frequent = max(np.unique(column, return_counts=True)[1].max() for column in values.T) / len(values)
    if most_frequent > 0.5:
        return "rmse", f"{most_frequent:.0%} of the rows have one value, so r2 may be undefined on a part"
    from_far_rows = max(_share_of_far_rows(column) for column in values.T)
    if from_far_rows > MOST_FROM_FAR_ROWS:
        return "mae", f"{FAR_ROWS:.0%} of rows have {from_far_rows:.0%} of the variance and would decide r2"
    if len(values) < FEWEST_FOR_R2:
        return "rmse", f"the data has {len(values)} rows, too few for r2"
    return "r2", "the target is a number, and r2 is the same in all units"


def _share_of_far_rows(column: NDArray[Any]) -> float:
    """Return the share of the squared deviations from the mean that the farthest rows have."""
    deviations = np.sort(np.square((column - column.mean()) / column.std()))
    return float(deviations[-int(np.ceil(FAR_ROWS * len(column))) :].sum() / deviations.sum())


_RULES: dict[Task, Callable[[Sequence[str], NDArray[Any], Sequence[str]], Choice]] = {
    tasks.REGRESSION: _for_numbers,
    tasks.POSITIVE: _for_numbers,
    tasks.COUNT: _for_counts,
    tasks.BINARY: _for_classes,
    tasks.MULTICLASS: _for_classes,
    tasks.DISTRIBUTION: _for_distributions,
}
