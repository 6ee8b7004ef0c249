"""The definition of a converged replicate."""

import numpy as np
from numpy.typing import NDArray

_LAST_PART = 0.1  # of the learning of a run, measured by the sum of its learning rates
_SMALL_GAIN = 0.01  # of all that was gained

Floats = NDArray[np.float64]


def converged(
    values: Floats, start: Floats, last_epoch: NDArray[np.int64], stopped: NDArray[np.bool_], rates: Floats
) -> NDArray[np.bool_]:
    """Return which replicates have converged, ``(R,)``.

    A replicate has converged if it stopped because it made no progress, or if the last tenth of its learning
    gained less than a hundredth of all that it gained. Learning is measured by the sum of the learning rates,
    because a schedule that ends near 0 stands still whatever is left to learn. For the same reason a stop
    does not count while a schedule is between its highest rate and a tenth of it. A replicate that gained
    nothing has not converged unless it stopped: a longer training may yet learn something.

    Args:
        values: what training lowers on validation, after each epoch, ``(E, R)``.
        start: the same for the untrained networks, ``(R,)``.
        last_epoch: the number of epochs of each replicate.
        stopped: whether it stopped for lack of progress.
        rates: the mean learning rate of each epoch, ``(E,)``; any unit.

    >>> falling = np.array([[1.0], [0.5], [0.25], [0.125]])
    >>> converged(falling, np.array([2.0]), np.array([4]), np.array([False]), np.ones(4))
    array([False])
    >>> settled = falling.repeat(20).clip(0.4)[:, None]
    >>> converged(settled, np.array([2.0]), np.array([80]), np.array([False]), np.ones(80))
    array([ True])
    """
    result = np.zeros(len(start), dtype=bool)
    for replicate, epochs in enumerate(last_epoch):
        if epochs == 0:
            continue
        curve = np.concatenate([start[replicate : replicate + 1], values[:epochs, replicate]])
        if not np.isfinite(curve[1:]).all():
            continue
        learning = np.cumsum(rates[:epochs])
        last_rate = rates[epochs - 1] / rates[:epochs].max()
        if stopped[replicate] and not 0.1 < last_rate < 1:
            result[replicate] = True
            continue
        before = int(np.searchsorted(learning, (1 - _LAST_PART) * learning[-1]))
        best, best_before = np.nanmin(curve), np.nanmin(curve[: before + 1])
        first = curve[0] if np.isfinite(curve[0]) else curve[1]
        gained = first - best
        result[replicate] = gained > 0 and best_before - best <= _SMALL_GAIN * gained
    return result
