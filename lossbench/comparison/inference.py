"""Tests and intervals for paired scores, exact for small numbers of seeds. This module imports no torch.

The decision follows one test, the sign-flip test of the mean difference. The interval of a difference
inverts it: 0 lies outside exactly where the test rejects. The test is exact if the differences are symmetric
about their mean, which holds for two losses whose scores are spread alike. Where one of them is far more
skewed, the 95% interval may cover only 85% (``scripts/validate_statistics.py`` measures it).

Seeds that split one data set differently are a sample of the runs on it, not of data sets: the results hold
for this data set. Scores that are not finite are refused, because leaving out runs that diverged is a choice
that no statistic may make.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from lossbench.comparison.model import AcrossData, DataSetPair, Decision

Array = NDArray[np.float64]
Interval = tuple[float, float | None, float | None]

ALPHA = 0.05  # the probability of any false decision among the pairs of one data set
_EXACT = 20  # the largest number of pairs for which all sign vectors are enumerated
_DRAWS = 100_000
_TINY = 1e-12  # relative; sums that differ by rounding alone are ties
_MOST_SEEDS = 10_000


def _finite(x: ArrayLike, dimensions: int = 1) -> Array:
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != dimensions or not values.size:
        raise ValueError(f"expected {dimensions} dimension(s) with at least one number, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.sum(~np.isfinite(values))} of {values.size} numbers are not finite")
    return values


def _share(value: float, name: str) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    return value


def _count(comparisons: int) -> int:
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, got {comparisons}")
    return comparisons


def mean_interval(x: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean and Student's interval: right for normal scores, too short for skewed ones.

    >>> [round(v, 3) for v in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    values, tail = _finite(x), (1 - _share(level, "level")) / 2
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, None, None
    half = float(stats.t.isf(tail, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


def median_interval(x: ArrayLike, level: float = 0.95) -> Interval:
    """Return the median and the shortest symmetric pair of order statistics that covers it.

    The interval is valid for any distribution.

    >>> median_interval([1, 2, 3, 4, 5, 6]), median_interval([1, 2, 3, 4, 5])
    ((3.5, 1.0, 6.0), (3.0, None, None))
    """
    values, tail = np.sort(_finite(x)), (1 - _share(level, "level")) / 2
    median, n = float(np.median(values)), len(values)
    k = int(stats.binom.ppf(tail, n, 0.5))
    k += bool(stats.binom.cdf(k, n, 0.5) <= tail)
    return (median, float(values[k - 1]), float(values[n - k])) if k else (median, None, None)


def _scale(values: Array) -> float:
    """Return the power of two below the largest value: division by it is exact, and no sum overflows."""
    return math.ldexp(1.0, math.frexp(float(np.abs(values).max()))[1] - 1)


def _signed_sums(values: Array) -> Array:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _subsets(values: Array) -> tuple[Array, Array]:
    """Return the sums and sizes of the subsets whose signs are flipped.

    Up to 20 values, these are all subsets without the first value, as a subset and its complement are
    equivalent. Above, these are the empty subset, which is the observation, and a fixed random sample.
    """
    return _subsets_of(values.tobytes())


@lru_cache(maxsize=8)  # a pair's p-value and its interval need the same subsets
def _subsets_of(numbers: bytes) -> tuple[Array, Array]:
    values = np.frombuffer(numbers)
    n = len(values)
    if n <= _EXACT:
        sums, sizes = np.zeros(1), np.zeros(1)
        for value in values[1:]:
            sums, sizes = np.concatenate([sums, sums + value]), np.concatenate([sizes, sizes + 1])
        return sums, sizes
    random, sums, sizes = np.random.default_rng(0), np.zeros(_DRAWS + 1), np.zeros(_DRAWS + 1)
    signs = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    for start in range(0, n, 8):  # eight signs are one byte; their 256 sums are a table
        eight = values[start : start + 8]
        flipped, drawn = signs[:, : len(eight)], random.integers(0, 256, _DRAWS, dtype=np.uint8)
        sums[1:] += (flipped @ eight)[drawn]
        sizes[1:] += flipped.sum(1)[drawn]
    return sums, sizes


def sign_flip_p(differences: ArrayLike) -> float:
    """Return the two-sided p-value of the mean: the share of sign vectors whose mean is as far from 0.

    It is exact up to 20 pairs (by meeting in the middle). Above, it is estimated from 100,000 draws with a
    fixed seed; the observation is counted among them, so it is never 0.

    >>> sign_flip_p([1, 2, 3, 4, 5, 6]), sign_flip_p([0, 0]), sign_flip_p([3])
    (0.03125, 1.0, 1.0)
    """
    values = _finite(differences)
    values = values / _scale(values)
    total, n = abs(float(values.sum())), len(values)
    threshold = total - _TINY * float(np.abs(values).sum())
    if threshold <= 0:
        return 1.0
    if n > _EXACT:
        sums, _ = _subsets(values)
        return float((np.abs(values.sum() - 2 * sums) >= threshold).mean())
    left, right = _signed_sums(values[: n // 2]), np.sort(_signed_sums(values[n // 2 :]))
    fewer = int(np.searchsorted(right, threshold - left).sum())
    return float(2 * (2**n - fewer) / 2**n)


def difference_interval(differences: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean difference and the interval of all shifts that the sign-flip test does not reject.

    A sign vector counts against a shift below the mean unless the mean of the flipped values, or that of the
    others, reaches down to the shift. The ends are therefore order statistics of such means, and no search is
    needed. They are None where no shift can be rejected, ``2 / 2**n > 1 - level``.

    >>> difference_interval([1, 2, 3, 4, 5, 6]), difference_interval([1, 2, 3, 4, 5])
    ((3.5, 1.0, 6.0), (3.0, None, None))
    """
    values, alpha = _finite(differences), 1 - _share(level, "level")
    mean, n, scale = float(values.mean()), len(values), _scale(values)
    values = values / scale
    sums, sizes = _subsets(values)
    flipped = sums / np.maximum(sizes, 1)
    others = (values.sum() - sums) / np.maximum(n - sizes, 1)
    whole = (sizes == 0) | (sizes == n)  # these flips leave the distance from any shift unchanged
    lows, highs = np.minimum(flipped, others), np.maximum(flipped, others)
    lows[whole], highs[whole] = -np.inf, np.inf
    k = math.floor(alpha * len(sums))
    ends = np.partition(lows, k)[k], np.partition(highs, len(sums) - 1 - k)[len(sums) - 1 - k]
    if not np.isfinite(ends).all():
        return mean, None, None
    tie = _TINY * float(np.abs(values).sum())
    low, high = (0.0 if abs(end) <= tie else float(end) * scale for end in ends)
    return mean, low, high


def wilcoxon_p(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test without zeros.

    It is exact up to 20 differences, with or without ties. Above, it is scipy's: exact up to 50 without ties,
    otherwise the normal approximation.

    >>> wilcoxon_p([1, 2, 3, 4, 5, -6]), wilcoxon_p([0, 0])
    (0.4375, 1.0)
    """
    values = _finite(differences)
    values = values[values != 0]
    if not len(values):
        return 1.0
    if len(values) <= _EXACT:
        return sign_flip_p(np.sign(values) * stats.rankdata(np.abs(values)))
    return float(stats.wilcoxon(values).pvalue)


def is_significant(p_adjusted: float) -> bool:
    """Return whether an adjusted p-value decides a pair."""
    return p_adjusted <= ALPHA


def holm(p_values: ArrayLike) -> list[float]:
    """Return the p-values after Holm's step-down adjustment.

    If the hypotheses with values of at most alpha are rejected, the probability of any false rejection is at
    most alpha.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if not np.size(p_values):
        return []
    p = _finite(p_values)
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p-values must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def probability_better(
    a: ArrayLike, b: ArrayLike, higher_is_better: bool, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the probability that A beats B with the same seed, a tie counting half, and its interval.

    The interval is Clopper and Pearson's, extended to ties: at each end, the least favorable share of ties
    gives the observed count, or a more extreme one, with probability ``(1 - level) / 2``. It is valid for
    paired scores of any distribution.

    >>> [round(v, 3) for v in probability_better([1, 2, 3, 4], [2, 3, 4, 4], higher_is_better=False)]
    [0.875, 0.375, 0.997]
    """
    first, second = _finite(a), _finite(b)
    if len(first) != len(second):
        raise ValueError(f"paired scores must be equally many, got {len(first)} and {len(second)}")
    n, tail = len(first), (1 - _share(level, "level")) / 2
    wins = np.sign(first - second) if higher_is_better else np.sign(second - first)
    points = n + int(wins.sum())  # 2 for a win, 1 for a tie
    return points / (2 * n), _least_chance(points, n, tail), 1 - _least_chance(2 * n - points, n, tail)


@lru_cache(maxsize=1024)  # many pairs share the few counts that a number of seeds allows
def _least_chance(points: int, n: int, tail: float) -> float:
    if not points:
        return 0.0

    def excess(chance: float) -> float:
        ties = 2 * min(chance, 1 - chance) * np.linspace(0, 1, 65) ** 2
        seed = np.zeros((len(ties), 2 * n + 1))  # the distribution of a single seed's points
        seed[:, 0], seed[:, 1], seed[:, 2] = 1 - chance - ties / 2, ties, chance - ties / 2
        summed = np.fft.irfft(np.fft.rfft(seed) ** n, 2 * n + 1)
        return float(summed[:, points:].sum(1).max()) - tail

    return float(optimize.brentq(excess, 0, 1, xtol=1e-9))


def fewest_seeds(comparisons: int, alpha: float = ALPHA) -> int:
    """Return the fewest seeds at which the exact sign-flip test can pass Holm's first step.

    >>> [fewest_seeds(m) for m in (1, 3, 10, 45)]
    [6, 7, 9, 11]
    """
    n, least = 1, _share(alpha, "alpha") / _count(comparisons)
    while 2 / 2**n > least:
        n += 1
    return n


def power(effect: float, n: int, comparisons: int = 1) -> float:
    """Return the probability that the sign-flip test detects an effect at Holm's first step, alpha 0.05.

    The differences are assumed normal. The value is exact where only equal signs reject. Otherwise it is the
    power of Student's test at the level that n signs can attain. This is up to 0.1 too high for the next
    one or two seeds, and close for more seeds.

    Args:
        effect: the mean of the paired differences in their own standard deviations, not in the scores'.
        n: the number of seeds.
        comparisons: the number of pairs that are tested together.

    >>> round(power(1, 20), 2), round(power(1, 20, comparisons=10), 2), power(1, 5)
    (0.99, 0.88, 0.0)
    """
    if not math.isfinite(effect) or n < 1:
        raise ValueError(f"expected a finite effect and at least one seed, got {effect} and {n}")
    flips = 2 ** min(n - 1, 50)
    rejecting = math.floor(ALPHA / _count(comparisons) * flips)
    if rejecting == 0:
        return 0.0
    if rejecting == 1:
        return float(stats.norm.cdf(abs(effect)) ** n)
    tail = rejecting / flips / 2
    shift = min(abs(effect) * math.sqrt(n), 1e4)
    return float(stats.nct.sf(stats.t.isf(tail, n - 1), n - 1, shift))


def seeds_needed(differences: ArrayLike, comparisons: int = 1, power: float = 0.8) -> int | None:
    """Return the number of seeds at which an effect as large as the observed one is detected with this power.

    It uses the approximation of :func:`power`. The observed effect is itself an estimate, and mostly too
    large where it was selected for its size. The result is None if the effect is 0, if there is one pair
    only, or if more than 10,000 seeds would be needed.

    >>> seeds_needed([1, 2, 3, -1]), seeds_needed([1, -1]), seeds_needed([1, 1])
    (17, None, 6)
    """
    values = _finite(differences)
    _share(power, "power")
    fewest, mean = fewest_seeds(comparisons), abs(float(values.mean()))
    largest = float(np.abs(values).max())
    if len(values) < 2 or mean <= _TINY * largest:
        return None
    spread = float(values.std(ddof=1))
    if spread <= _TINY * largest:
        return fewest
    low, high = fewest, _MOST_SEEDS
    if _power(mean / spread, high, comparisons) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if _power(mean / spread, middle, comparisons) >= power:
            high = middle
        else:
            low = middle + 1
    return low


_power = power  # seeds_needed has an argument of the same name


def friedman(scores: ArrayLike) -> tuple[float, float, list[float]]:
    """Return statistic, p-value and mean ranks of Friedman's test that all losses rank alike over data sets.

    The p-value is the chi-square approximation, which is rough below about ten data sets.

    Args:
        scores: ``(data sets, losses)``, averaged over the seeds; rank 1 is the lowest, so negate scores of
            which higher is better.

    >>> friedman([[1, 2, 3], [1, 2, 3], [1, 3, 2]])[2]
    [1.0, 2.3333333333333335, 2.6666666666666665]
    """
    values = _finite(scores, 2)
    n, k = values.shape
    if k < 2:
        raise ValueError("ranks need at least two losses")
    ranks = stats.rankdata(values, axis=1)
    spread = float(((ranks - (k + 1) / 2) ** 2).sum())
    between = float(((ranks.sum(0) - n * (k + 1) / 2) ** 2).sum())
    statistic = (k - 1) * between / spread if spread else 0.0
    return statistic, float(stats.chi2.sf(statistic, k - 1)), [float(rank) for rank in ranks.mean(0)]


def across(scores: ArrayLike, names: Sequence[str], higher_is_better: bool = False) -> AcrossData:
    """Compare losses over data sets: Friedman's test, and Wilcoxon's for each pair after Holm's correction.

    Each pair is tested by itself and not by mean ranks, so that no decision depends on which other losses are
    compared.

    Args:
        scores: ``(data sets, losses)``, averaged over the seeds.
        names: the names of the losses.
        higher_is_better: the direction; rank 1 is the best.

    >>> across([[1, 2], [3, 5], [4, 7]], ["mae", "mse"]).pairs[0].decision
    'too_few_data_sets'
    """
    values = _finite(scores, 2)
    if len(names) != values.shape[1]:
        raise ValueError(f"{len(names)} names for {values.shape[1]} losses")
    statistic, p_value, ranks = friedman(-values if higher_is_better else values)
    pairs = list(itertools.combinations(range(len(names)), 2))
    differences = [values[:, i] - values[:, j] for i, j in pairs]
    p_values = [wilcoxon_p(difference) for difference in differences]
    enough = bool(pairs) and len(values) >= fewest_seeds(len(pairs))
    compared = [
        DataSetPair(
            a=names[i],
            b=names[j],
            n=len(values),
            median_difference=float(np.median(difference)),
            p_value=p,
            p_adjusted=adjusted,
            decision=_decision(difference, adjusted, higher_is_better) if enough else "too_few_data_sets",
        )
        for (i, j), difference, p, adjusted in zip(pairs, differences, p_values, holm(p_values), strict=True)
    ]
    mean_ranks = dict(zip(names, ranks, strict=True))
    return AcrossData(len(values), statistic, p_value, mean_ranks, tuple(compared))


def _decision(differences: Array, p_adjusted: float, higher_is_better: bool) -> Decision:
    """Return which of two losses Wilcoxon's signed-rank test favors, if it decides."""
    if not is_significant(p_adjusted):
        return "undecided"
    signed = float((np.sign(differences) * stats.rankdata(np.abs(differences))).sum())
    return "a_better" if (signed > 0) == higher_is_better else "b_better"
