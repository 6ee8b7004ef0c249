"""Medians, means and deviations of columns with gaps, block by block."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossbench.data.dataset import row_blocks

Floats = NDArray[np.float64]


class _Moments(NamedTuple):
    """Mean, variance and number of the values of each column, gaps left out."""

    mean: Floats
    variance: Floats
    size: Floats


def medians(rows: Floats, skip: list[int]) -> Floats:
    """Return the median of each column, gaps left out; 0 for an empty column and for those to skip."""
    result = np.zeros(rows.shape[1])
    for index, column in enumerate(rows.T):
        present = column[~np.isnan(column)]
        if len(present) and index not in skip:
            result[index] = np.median(present, overwrite_input=True)
    return result


def mean_and_deviation(
    rows: Floats, skip: list[int], offset: Any = 0.0, factor: Any = 1.0
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column of ``(rows - offset) / factor``.

    Args:
        rows: ``(n, C)``, NaN where a value is missing.
        skip: columns that get mean 0 and deviation 1.
        offset: a number or one per column.
        factor: a number or one per column.

    Returns:
        ``(C,)`` each. The deviation of a constant column is ``1 / factor``, which is 1 unit of ``rows``.
    """
    columns = rows.shape[1]
    moments = _Moments(np.zeros(columns), np.zeros(columns), np.zeros(columns))
    least, most = np.full(columns, np.inf), np.full(columns, -np.inf)
    for block in row_blocks(rows):
        part = (rows[block] - offset) / factor
        moments = _updated(moments, part)
        least, most = np.fmin(least, np.fmin.reduce(part)), np.fmax(most, np.fmax.reduce(part))
    mean, deviation = moments.mean, np.where(_is_constant(moments), 1.0, np.sqrt(moments.variance))
    # A column that is constant in the training part must not get the deviation of the whole table
    deviation = np.where(most > least, deviation, 1 / np.broadcast_to(factor, deviation.shape))
    mean[skip], deviation[skip] = 0.0, 1.0
    return mean, deviation


def _updated(moments: _Moments, part: Floats) -> _Moments:
    """Add rows to moments by the corrected two-pass algorithm (Chan, Golub and LeVeque 1983).

    Each operation is that of scikit-learn's ``StandardScaler.partial_fit``, whose import imports pandas too.
    """
    gaps = np.isnan(part)
    total = np.nansum if gaps.any() else np.sum
    added = len(part) - gaps.sum(0).astype(np.float64)
    size = moments.size + added
    before, now = moments.mean * moments.size, total(part, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # of columns without values in this block or before
        mean = (before + now) / size
        distance = part - now / added
        correction = total(distance, axis=0)
        squares = total(np.square(distance, out=distance), axis=0) - correction**2 / added
        ratio = moments.size / added
        between = ratio / size * (before / ratio - now) ** 2
        squares = np.where(moments.size == 0, squares, moments.variance * moments.size + squares + between)
        variance = squares / size
    present = added > 0
    return _Moments(
        np.where(present, mean, moments.mean), np.where(present, variance, moments.variance), size
    )


def _is_constant(moments: _Moments) -> NDArray[np.bool_]:
    """Return which variances are not larger than the rounding errors of their computation."""
    mean, variance, size = moments
    epsilon = np.finfo(np.float64).eps
    result: NDArray[np.bool_] = variance <= size * epsilon * variance + (size * mean * epsilon) ** 2
    return result
