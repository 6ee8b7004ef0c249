"""Summarise scores over seeds: mean and median, each with its interval. This module imports no torch."""

from collections.abc import Sequence

import numpy as np

from lossbench.comparison import inference
from lossbench.comparison.model import Summary


def summarised(scores: Sequence[float], diverged: int) -> Summary:
    """Return the summary of the finite scores of some seeds.

    Args:
        scores: one for each seed that has one.
        diverged: the number of seeds without one.

    >>> summarised([1.0, 2.0, 3.0], 1).mean
    2.0
    """
    values = np.array(scores)
    if not len(values):
        return Summary(0, diverged)
    mean, *mean_ends = inference.mean_interval(values)
    median, *median_ends = inference.median_interval(values)
    return Summary(
        n=len(values),
        diverged=diverged,
        mean=mean,
        mean_ci95=(mean_ends[0], mean_ends[1]),
        median=median,
        median_ci95=(median_ends[0], median_ends[1]),
    )
