"""Recommend losses for a target: what its values look like, which losses fit them, and why."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lossbench import tasks
from lossbench.errors import UserError

_FEW_CLASSES = 10  # whole numbers with more different values are read as counts
_RARE = 0.2  # the share of rows below which a class is called rare
_FEW_ROWS = 10  # with fewer rows of a class, a stratified split may fail
_FAR = 5  # robust deviations from the median, beyond which a value is called an outlier
_SOME_OUTLIERS = 0.001  # the share of outliers from which robustness matters


@dataclass(frozen=True)
class Recommendation:
    """The losses that fit a target.

    Attributes:
        task: the task that the target is read as.
        observations: sentences about its values.
        losses: the reason for each loss, by its name.
        overrides: further overrides that a sweep of these losses needs.
    """

    task: tasks.Task
    observations: tuple[str, ...]
    losses: dict[str, str]
    overrides: tuple[str, ...] = ()


def recommend(values: NDArray[Any]) -> Recommendation:
    """Recommend losses for a target column.

    Args:
        values: numbers or texts, without gaps.

    Raises:
        UserError: the column cannot be predicted.

    >>> recommend(np.array(["a", "b", "a"])).task.name
    'binary'
    """
    labels, counts = np.unique(values, return_counts=True)
    if len(labels) < 2:
        raise UserError(f"every row holds {labels[0]}; there is nothing to predict")
    numeric = np.issubdtype(values.dtype, np.number)
    whole = numeric and bool((values == np.round(values)).all())
    if not numeric and len(labels) > max(len(values) // 2, 2):
        raise UserError(
            f"{len(labels)} different texts in {len(values)} rows are too many for classes; is the column an "
            "identifier?"
        )
    if len(labels) == 2:
        return _stratified(_for_two_classes(labels, counts), labels, counts)
    if not numeric or (whole and len(labels) <= _FEW_CLASSES):
        return _stratified(_for_classes(labels, counts, whole), labels, counts)
    return _for_numbers(values.astype(np.float64), whole)


def _stratified(
    recommendation: Recommendation, labels: NDArray[Any], counts: NDArray[np.int64]
) -> Recommendation:
    """Add advice if a class has too few rows to be in every part of the data."""
    if counts.min() >= _FEW_ROWS:
        return recommendation
    rare = f"{labels[counts.argmin()]} has only {counts.min()} rows: some parts of the data may have none."
    observations = (*recommendation.observations, rare)
    return replace(recommendation, observations=observations, overrides=("data.stratify=false",))


def _for_two_classes(labels: NDArray[Any], counts: NDArray[np.int64]) -> Recommendation:
    share = counts.min() / counts.sum()
    rare = labels[counts.argmin()]
    losses = {
        "binary_crossentropy": "gives calibrated probabilities",
        "hinge": "gives decisions only, with a margin",
    }
    if share < _RARE:
        losses["focal"] = f"{rare} is rare, and focal reduces the weight of the easy majority"
    return Recommendation(tasks.BINARY, (f"Two values; {rare} is {share:.1%} of the rows.",), losses)


def _for_classes(labels: NDArray[Any], counts: NDArray[np.int64], whole: bool) -> Recommendation:
    share = counts.min() / counts.sum()
    rarest = labels[counts.argmin()]
    observations = [f"{len(labels)} classes; the rarest, {rarest}, is {share:.1%} of the rows."]
    if whole:
        observations.append(
            f"They are whole numbers: if they are counts, use data.task={tasks.COUNT} and loss=poisson."
        )
    losses = {
        "sparse_categorical_crossentropy": "gives calibrated probabilities",
        "categorical_generalized_cross_entropy": "is robust to wrong labels",
    }
    if share < _RARE / len(labels) * 2:
        losses["categorical_focal_crossentropy"] = (
            "the classes are unequal; it reduces the weight of easy examples"
        )
    return Recommendation(tasks.MULTICLASS, tuple(observations), losses)


def _for_numbers(values: NDArray[np.float64], whole: bool) -> Recommendation:
    skew = float(stats.skew(values))
    outliers = _share_of_outliers(values)
    zeros = float((values == 0).mean())
    observations = (
        f"From {values.min():g} to {values.max():g}, median {np.median(values):g}; skewness {skew:.1f}.",
        f"{zeros:.1%} are zero; {outliers:.1%} are more than {_FAR} robust deviations from the median.",
    )
    losses = {
        "mean_squared_error": "predicts the mean; the usual reference",
        "huber": "is between mean and median, robust to outliers",
    }
    if outliers > _SOME_OUTLIERS:
        losses["mean_absolute_error"] = "predicts the median, which outliers do not move"
    if whole and values.min() >= 0:
        losses = {"poisson": "is the likelihood of counts", **losses}
        return Recommendation(tasks.COUNT, observations, losses)
    if values.min() > 0 and skew > 1:
        losses["mean_squared_logarithmic_error"] = "the values are positive and skewed: it judges ratios"
        losses["mean_absolute_percentage_error"] = "judges errors in percent of the target"
        return Recommendation(tasks.POSITIVE, observations, losses)
    losses["log_cosh"] = "is like huber, but smooth everywhere"
    return Recommendation(tasks.REGRESSION, observations, losses)


def _share_of_outliers(values: NDArray[np.float64]) -> float:
    """Return the share of values far from the median, by the median absolute deviation."""
    spread = float(stats.median_abs_deviation(values, scale="normal"))
    distance = np.abs(values - np.median(values))
    return float((distance > _FAR * spread).mean())
