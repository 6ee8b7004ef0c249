"""Describe the target of a table in sentences: its values, and the kinds for which no loss exists yet."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lossbench import tasks
from lossbench.data.target_reading import TargetReading
from lossbench.data.target_words import Meaning, meaning_of, words_of

_FAR = 5  # robust deviations from the median, beyond which a value is called an outlier
# Words in the names of columns
_SHARES = "percent percentage pct perc share proportion fraction ratio rate prozent"
_EVENTS = (
    "status event cens censor censored censoring uncensored delta dead death died fail failed observed "
    "fustat churn spell"
)
_EXPOSURES = "exposure population pop offset insured pyears personyears holders service risk"
# Labels in their order; a column whose labels all stand in one of these lists is ordered
_ORDERS = (
    "lowest very_low low lower medium_low medium moderate middle mid medium_high high higher very_high "
    "highest",
    "tiny xs small s medium m large l extra_large xl huge xxl",
    "none never no_risk slight rarely mild seldom minor sometimes moderate often marked usually severe "
    "always extreme",
    "very_poor very_bad poor bad fair average ok okay good very_good great excellent ideal",
    "strongly_disagree disagree somewhat_disagree neither neutral undecided somewhat_agree agree "
    "strongly_agree",
    "very_dissatisfied dissatisfied neutral satisfied very_satisfied",
    "unlikely somewhat_likely likely very_likely",
    "worse same better best",
    "first second third fourth fifth",
    "i ii iii iv v",
    "young adult old child elderly",
    "none some much lots",
    "primary secondary tertiary bachelor master doctorate phd",
)
_RANGE = re.compile(
    r"[<>≤≥]=?\s*[$€£]?\d.*|[$€£]?[\d.,]+\s*k?\s*(?:-|\u2013|to)\s*[$€£]?[\d.,]+.*|[$€£]?[\d.,]+\s*k?\s*\+"
)


def observations(reading: TargetReading, frame: pd.DataFrame) -> tuple[str, ...]:
    """Return sentences about the values of a target, and about what an expert would ask of them.

    Args:
        reading: the reading of the target.
        frame: the whole table, whose other columns may belong to the target, such as a status or an exposure.
    """
    target = reading.target
    sentences = list(reading.notes)
    if reading.task.has_classes:
        sentences += _of_classes(target.values.astype(np.int64), target.classes)
        return tuple(sentences)
    numbers = target.values[:, 0].astype(np.float64)
    others = [str(column) for column in frame.columns if column != target.name]
    sentences += _of_numbers(numbers)
    sentences += _of_kind(reading, numbers)
    sentences += _of_other_columns(reading, others, frame)
    return tuple(sentences)


def _has_word(name: str, words: str) -> bool:
    """Return whether the name of a column has one of the words."""
    return not set(words.split()).isdisjoint(words_of(name))


def _share_of_outliers(values: NDArray[np.float64]) -> float:
    """Return the share of values far from the median, by the median absolute deviation."""
    spread = float(stats.median_abs_deviation(values, scale="normal"))
    distance = np.abs(values - np.median(values))
    return float((distance > _FAR * spread).mean())


def _of_classes(indices: NDArray[np.int64], labels: Sequence[str]) -> list[str]:
    counts = np.bincount(indices, minlength=len(labels))
    rarest, share = labels[int(counts.argmin())], counts.min() / counts.sum()
    if len(labels) == 2:
        return [f"{rarest} is {share:.1%} of the rows."]
    sentences = [f"The rarest of the {len(labels)} classes, {rarest}, is {share:.1%} of the rows."]
    if _are_ordered(labels):
        sentences.append(
            "The labels have an order. No loss uses it yet: classes fit best, or write the labels as numbers "
            f"and use data.task={tasks.REGRESSION}."
        )
    return sentences


def _are_ordered(labels: Sequence[str]) -> bool:
    """Return whether labels belong to one of the known orders, or are ranges of numbers.

    >>> _are_ordered(["low", "medium", "high"]), _are_ordered(["18-24", "25-39", "40+"])
    (True, True)
    >>> _are_ordered(["red", "green", "blue"])
    False
    """
    if all(_RANGE.fullmatch(label.strip()) for label in labels):
        return True
    plain = {re.sub(r"[\W_]+", "_", label.strip().lower()).strip("_") for label in labels}
    return any(plain <= set(order.split()) for order in _ORDERS)


def _of_numbers(values: NDArray[np.float64]) -> list[str]:
    skew, zeros = float(stats.skew(values)), float((values == 0).mean())
    return [
        f"From {values.min():g} to {values.max():g}, median {np.median(values):g}; skewness {skew:.1f}.",
        f"{zeros:.1%} are zero; {_share_of_outliers(values):.1%} are more than {_FAR} robust deviations "
        "from the median.",
    ]


def _of_kind(reading: TargetReading, values: NDArray[np.float64]) -> list[str]:
    """Return sentences about kinds of numbers that the tasks do not tell apart."""
    sentences, name = [], reading.target.name
    is_share = _has_word(name, _SHARES) or any("%" in text for text in (name, *reading.notes))
    between = values.min() >= 0 and values.max() <= 1
    if between or (is_share and values.min() >= 0 and values.max() <= 100):
        kind = "shares from 0 to 1" if between else "percentages"
        sentences.append(
            f"The values may be {kind}. No loss for shares exists yet: mean_squared_error fits best, and "
            "predictions may lie outside."
        )
    if reading.is_ordered:
        sentences.append(
            "They are few and ordered, such as ratings. No loss for ordered classes exists yet: "
            "mean_squared_error and mean_absolute_error use the order, classes do not."
        )
    if reading.task is tasks.COUNT and values.mean() > 0:
        sentences.append(
            f"Their variance is {values.var() / values.mean():.1f} times their mean; of Poisson counts, 1."
        )
    if len(values) > 2 and bool((values == values[0] + np.arange(len(values))).all()):
        sentences.append("They follow each other row by row: is the column a number of the row?")
    if len(values) > 2 and values[-1] and np.isclose(values[-1], values[:-1].sum(), rtol=1e-9):
        sentences.append("The last row holds the sum of all others: remove it if it is a row of totals.")
    return sentences


def _of_other_columns(reading: TargetReading, others: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """Return sentences about columns that may say which times are censored, or how much was exposed."""
    sentences = []
    if reading.meaning is Meaning.DURATION:
        events = [name for name in others if _has_word(name, _EVENTS) and frame[name].nunique() <= 3]
        if events:
            sentences.append(
                f"The column {events[0]} may say which times are censored. No loss for them exists yet: "
                "a censored time is trained as if it were complete. Leave the column out of the features, "
                "and train on the rows with an event only if few are censored."
            )
    if reading.task is tasks.COUNT:
        exposures = [
            name
            for name in others
            if _has_word(name, _EXPOSURES) and pd.api.types.is_numeric_dtype(frame[name].dtype)
        ]
        if exposures and meaning_of(exposures[0]) is not Meaning.COUNT:
            sentences.append(
                f"The column {exposures[0]} may be an exposure, to which counts are proportional. No loss "
                "reads it yet: keep its logarithm among the features."
            )
    return sentences
