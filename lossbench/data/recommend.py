"""Recommend losses for the target of a table, and the overrides with which a sweep of them trains."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lossbench import tasks
from lossbench.data.columns import features
from lossbench.data.readers import read
from lossbench.data.table import no_such_column
from lossbench.data.target_observations import observations
from lossbench.data.target_reading import TargetReading, read_target
from lossbench.data.target_words import words_of
from lossbench.errors import UserError
from lossbench.tasks import Task

_RARE = 0.2  # the share of rows below which a class is called rare
_FEW_ROWS = 10  # with fewer rows of a class, a stratified split may fail
_ROW_NAMES = {"rownames", "rowname", "rownum", "index", "id", "obs", "row", "unnamed", "rowid"}


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The losses that fit a target.

    Attributes:
        reading: how the target is read.
        observations: sentences about its values.
        losses: the reason for each loss, by its name.
        exclude: the columns that training would refuse as features, or should not use.
        impute: whether features have gaps.
        stratify: whether every part of the data can have its share of every class.
    """

    reading: TargetReading
    observations: tuple[str, ...]
    losses: dict[str, str]
    exclude: tuple[str, ...]
    impute: bool
    stratify: bool


def recommend(path: str, target: str, task: Task | None = None) -> Recommendation:
    """Recommend losses for a column of a table.

    Args:
        path: the path of the file.
        target: the column to predict.
        task: the task to read it as; None decides.

    Raises:
        UserError: the file or the column cannot be used.
    """
    frame = read(path)
    if target not in frame.columns:
        raise no_such_column(frame, "data.target", target, path)
    reading = read_target(frame, target, path, task)
    sentences = list(observations(reading, frame))
    exclude, impute = _feature_overrides(frame[reading.present].drop(columns=target), path)
    if exclude:
        sentences.append(
            f"Left out of the features: {', '.join(exclude)}. They hold row numbers, identifiers, dates or "
            "texts that cannot be used as they are."
        )
    stratify = True
    if reading.task.has_classes:
        counts = np.bincount(reading.target.values)
        stratify = counts.min() >= _FEW_ROWS
        if not stratify:
            rarest = reading.target.classes[int(counts.argmin())]
            sentences.append(f"{rarest} has only {counts.min()} rows: some parts of the data may have none.")
    return Recommendation(reading, tuple(sentences), _losses(reading), tuple(exclude), impute, bool(stratify))


def _feature_overrides(others: pd.DataFrame, path: str) -> tuple[list[str], bool]:
    """Return the columns that cannot be features, and whether the others have gaps."""
    exclude, impute = [], False
    for name in others.columns:
        column = others[name]
        try:
            features(others[[name]].copy(), [], True, path)
            usable = not _numbers_rows(column)
        except UserError:
            usable = False
        if not usable:
            exclude.append(str(name))
        elif column.isna().any():
            impute = True
    if len(exclude) == len(others.columns):
        raise UserError(
            f"{path}: no column is left to predict from; a network needs numbers or categories as features"
        )
    return exclude, impute


def _numbers_rows(column: pd.Series) -> bool:
    """Return whether a column is named as the number of the row, and is it."""
    if not _ROW_NAMES & set(words_of(str(column.name))) or not pd.api.types.is_integer_dtype(column.dtype):
        return False
    return column.is_unique and int(column.max()) - int(column.min()) == len(column) - 1


def _losses(reading: TargetReading) -> dict[str, str]:
    """Return the losses that an expert would compare on such a target, each with its reason."""
    if reading.task.has_classes:
        counts = np.bincount(reading.target.values)
        labels = reading.target.classes
        return _for_two_classes(labels, counts) if len(labels) == 2 else _for_classes(counts)
    return _for_numbers(reading, reading.target.values[:, 0].astype(np.float64))


def _for_two_classes(labels: tuple[str, ...], counts: NDArray[np.int64]) -> dict[str, str]:
    losses = {"binary_crossentropy": "gives calibrated probabilities"}
    if counts.min() / counts.sum() < _RARE:
        rare = labels[int(counts.argmin())]
        losses["focal"] = f"{rare} is rare, and focal reduces the weight of the easy majority"
    losses["hinge"] = "gives decisions only, with a margin, and no probabilities"
    return losses


def _for_classes(counts: NDArray[np.int64]) -> dict[str, str]:
    losses = {
        "sparse_categorical_crossentropy": "gives calibrated probabilities",
        "categorical_generalized_cross_entropy": "is robust to wrong labels",
    }
    if counts.min() / counts.sum() < _RARE / len(counts) * 2:
        losses["categorical_focal_crossentropy"] = (
            "the classes are unequal; it reduces the weight of easy examples"
        )
    return losses


def _for_numbers(reading: TargetReading, values: NDArray[np.float64]) -> dict[str, str]:
    losses = {
        "mean_squared_error": "predicts the mean; the usual reference",
        "huber": "is between mean and median, robust to outliers",
        "mean_absolute_error": "predicts the median, which outliers do not move",
    }
    if reading.task is tasks.COUNT:
        return {
            "poisson": "is the likelihood of counts; predicts the mean, which is never negative",
            **losses,
        }
    if reading.task is tasks.POSITIVE:
        losses["mean_squared_logarithmic_error"] = (
            "judges ratios, as fits values that are positive and skewed"
        )
        if values.min() > float(np.median(values)) / 100:
            losses["mean_absolute_percentage_error"] = "judges errors in percent of the target"
    return losses
