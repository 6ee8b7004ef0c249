"""The learning rate of every step of a run."""

from collections.abc import Callable


def learning_rate(
    schedule: Callable[..., float], *, base: float, total: int, warmup: int
) -> Callable[[int], float]:
    """Return the learning rate by step (from 0): a linear rise over the warm-up, then the schedule.

    Args:
        schedule: takes ``step`` and ``total``, and gives a factor.
        base: the learning rate that the factor multiplies.
        total: the number of steps of the run.
        warmup: the number of steps of the rise.

    >>> from lossbench.training.schedules import linear
    >>> rate = learning_rate(linear, base=0.1, total=13, warmup=2)
    >>> rate(0), rate(2), rate(12)
    (0.05, 0.1, 0.0)
    """

    def rate(step: int) -> float:
        rises = step < warmup
        factor = (step + 1) / warmup if rises else schedule(step - warmup, total=total - warmup)
        return float(base * factor)

    return rate
