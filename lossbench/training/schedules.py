"""Learning-rate schedules: a factor of ``optimizer.lr`` that depends on the step alone.

The factor is the same for every replicate and every loss, so that none is favoured. Each schedule takes the
``step`` (from 0, after any warm-up) and the run's ``total`` number of steps.
"""

import math

from lossbench.signatures import Count, Decay, Fraction


def constant(step: int, total: int) -> float:
    """Return a constant factor of 1.

    >>> constant(5, 10)
    1.0
    """
    return 1.0


def cosine(step: int, total: int, *, final: Fraction = 0.0) -> float:
    """Return a factor that falls from 1 to ``final`` along half a cosine (Loshchilov and Hutter 2017).

    It reaches ``final`` at the last step.

    >>> cosine(0, 11), cosine(10, 11, final=0.1)
    (1.0, 0.1)
    """
    return final + (1 - final) * (1 + math.cos(math.pi * _progress(step, total))) / 2


def linear(step: int, total: int, *, final: Fraction = 0.0) -> float:
    """Return a factor that falls linearly from 1 to ``final`` at the last step.

    >>> linear(5, 11)
    0.5
    """
    return 1 + (final - 1) * _progress(step, total)


def exponential(step: int, total: int, *, rate: Decay = 0.96, steps: Count = 1000) -> float:
    """Return ``rate ** (step / steps)``, a smooth decay (Keras's ``ExponentialDecay``).

    >>> exponential(2000, 9999, rate=0.5)
    0.25
    """
    return float(rate ** (step / steps))


def staircase(step: int, total: int, *, rate: Decay = 0.1, steps: Count = 1000) -> float:
    """Return ``rate ** (step // steps)``, a decay that jumps at every multiple of ``steps``.

    >>> staircase(999, 9999), staircase(1000, 9999)
    (1.0, 0.1)
    """
    return float(rate ** (step // steps))


def _progress(step: int, total: int) -> float:
    return min(step / max(total - 1, 1), 1.0)
