"""Measure error rates, coverage and power of the comparison's statistics on simulated scores.

Run it with ``python scripts/validate_statistics.py``; it takes a minute or two. Each rate is printed with its
standard error. Most rates have a limit, and the script exits with status 1 if a rate misses it. Rates without
a limit show where a method stops being valid. ``--trained`` measures the error rate on trained networks.
"""

import argparse
import itertools
import math
import sys
import tempfile
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import lossbench
from lossbench.comparison import inference

Array = NDArray[np.float64]
Draw = Callable[..., Array]
RANDOM = np.random.default_rng(20_260_101)
# For each distribution: how to draw from it, its median, its mean
KINDS: dict[str, tuple[Draw, float, float]] = {
    "normal": (lambda *shape: RANDOM.normal(size=shape), 0.0, 0.0),
    "lognormal": (lambda *shape: RANDOM.lognormal(size=shape), 1.0, math.exp(0.5)),
    "t3": (lambda *shape: RANDOM.standard_t(3, size=shape), 0.0, 0.0),
}
ALPHA = 0.05
# Two losses whose scores are lognormal and normal: the spread of the normal one
SPREADS = {"as widely": math.sqrt(math.e * (math.e - 1)), "a tenth as widely": 0.2161}
failures = 0


def report(
    name: str, hits: Array | Sequence[float], limit: float | None = None, at_least: bool = True
) -> None:
    """Print a rate with its standard error, and whether it keeps its limit."""
    global failures
    values = np.asarray(hits, dtype=np.float64)
    rate, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    outcome = ""
    if limit is not None:
        met = rate >= limit if at_least else rate <= limit
        failures += not met
        outcome = f"limit {'>=' if at_least else '<='} {limit:.0%}: {'met' if met else 'MISSED'}"
    print(f"{name:<78} {100 * rate:6.2f} % +- {100 * error:.2f}   {outcome}", flush=True)


def covers(interval: Callable[[Array], inference.Interval], samples: Array, truth: float) -> list[bool]:
    """Return whether the interval of each sample covers the truth."""
    ends = [interval(sample)[1:] for sample in samples]
    return [low is not None and high is not None and low <= truth <= high for low, high in ends]


def not_rejected(differences: Array, truth: float) -> list[bool]:
    """Return whether the intervals of differences cover the truth; the test that they invert is faster."""
    kept = [inference.sign_flip_p(sample - truth) > ALPHA for sample in differences]
    if covers(inference.difference_interval, differences[:100], truth) != kept[:100]:
        raise AssertionError("the interval does not invert the test")
    return kept


def raw_p(scores: Array) -> tuple[list[tuple[int, int]], list[float]]:
    """Return the pairs of losses of one comparison, and their p-values; scores ``(losses, seeds)``."""
    pairs = list(itertools.combinations(range(len(scores)), 2))
    return pairs, [inference.sign_flip_p(scores[i] - scores[j]) for i, j in pairs]


def null_truth(comparisons: int = 5_000) -> None:
    """Measure how often losses that are equal are declared different."""
    print("\nFive equal losses, 10 seeds, all 10 pairs: share of comparisons that call any pair different")
    for kind, (draw, _, _) in KINDS.items():
        decided, contradicted, naive = [], [], []
        for _ in range(comparisons):
            scores = draw(5, 10) + draw(1, 10)  # a seed's effect is common to all losses
            pairs, p = raw_p(scores)
            adjusted = inference.holm(p)
            rejected = [value <= ALPHA for value in adjusted]
            decided.append(any(rejected))
            naive.append(min(p) <= ALPHA)
            for (i, j), is_rejected in zip(pairs, rejected, strict=True):
                if is_rejected:
                    _, low, high = inference.difference_interval(scores[i] - scores[j])
                    contradicted.append(low is None or high is None or low <= 0 <= high)
        report(f"{kind}: decided after Holm, its interval excluding 0", decided, 0.05, at_least=False)
        report(
            f"{kind}: decided, but 0 lies in the pair's interval",
            contradicted or [False],
            0.0,
            at_least=False,
        )
        report(f"{kind}: any single 95 % interval excludes 0 (without Holm)", naive)


def coverage(samples: int = 10_000) -> None:
    """Measure how often 95 % intervals cover the truth."""
    print("\nCoverage of 95 % intervals")
    for (kind, (draw, median, mean)), n in itertools.product(KINDS.items(), (10, 20)):
        scores = draw(samples, n)
        report(f"{kind}, {n} seeds: median", covers(inference.median_interval, scores, median), 0.94)
        differences = scores - draw(samples, n)
        report(f"{kind}, {n} seeds: difference", not_rejected(differences, 0), 0.94)
        limit = 0.94 if kind == "normal" else None
        report(f"{kind}, {n} seeds: mean", covers(inference.mean_interval, scores, mean), limit)
    # Losses of different skew have differences that are not symmetric: here the method is not exact
    for n in (10, 20):
        skewed, normal = KINDS["lognormal"][0](samples, n), KINDS["normal"][0](samples, n)
        for name, spread in SPREADS.items():
            hits = not_rejected(skewed - spread * normal, math.exp(0.5))
            report(f"lognormal minus normal spread {name}, {n} seeds: difference", hits)


def powers(comparisons: int = 4_000) -> None:
    """Measure how often true differences are detected."""
    print("\nPower at 20 seeds; an effect is one sd of the paired difference")
    p_values = [inference.sign_flip_p(x) for x in RANDOM.normal(1, 1, (comparisons, 20))]
    report("two losses", [p <= ALPHA for p in p_values], 0.95)
    report(
        "one pair at Holm's first step of ten (the other nine are not significant)",
        [p <= ALPHA / 10 for p in p_values],
        0.85,
    )
    shares, all_four = [], []
    for _ in range(comparisons):
        scores = RANDOM.normal(size=(5, 20)) + RANDOM.normal(size=20)
        scores[0] += math.sqrt(2)  # the sd of the paired difference of two independent losses
        pairs, p = raw_p(scores)
        detected = [value <= ALPHA for (i, _), value in zip(pairs, inference.holm(p), strict=True) if i == 0]
        shares.append(float(np.mean(detected)))
        all_four.append(all(detected))
    report("five losses, one different: each of its four pairs, with Holm", shares, 0.85)
    report("five losses, one different: all four of its pairs at once", all_four)
    for n, pairs_tested in ((20, 1), (20, 10)):
        predicted = 100 * inference.power(1, n, pairs_tested)
        print(f"power(1, {n}, comparisons={pairs_tested}) predicts {predicted:.2f} %")
    differences = RANDOM.normal(1 / math.sqrt(2), 1, (comparisons, 20))
    report(
        "two losses, effect one sd of the score itself",
        [inference.sign_flip_p(x) <= ALPHA for x in differences],
    )


def trained_null(comparisons: int = 200, seeds: int = 10, epochs: int = 30, together: int = 500) -> None:
    """Compare one loss with itself: twice ten different seeds, paired in the order they were drawn in."""
    networks = 2 * seeds * comparisons
    print(f"\n{networks:,} networks, mse on diabetes, {epochs} epochs, {comparisons} comparisons with itself")
    scores: list[float] = []
    for first in range(0, networks, together):
        with tempfile.TemporaryDirectory() as folder:
            result = lossbench.run(
                *("loss=mse", "data=diabetes", f"seed={first}", f"replicates={together}"),
                *(f"trainer.max_epochs={epochs}", f"hydra.run.dir={folder}"),
            )
            scores += result.table["test/rmse"].tolist()
    pairs = np.array(scores).reshape(comparisons, 2, seeds)
    p_values = [inference.sign_flip_p(first - second) for first, second in pairs]
    wrong = sum(p <= ALPHA for p in p_values)
    low, high = stats.binomtest(wrong, comparisons).proportion_ci(method="exact")
    report("declared different", [p <= ALPHA for p in p_values])
    print(f"{wrong} of {comparisons}; Clopper and Pearson's 95 % interval {low:.2%} to {high:.2%}")
    global failures
    failures += low > ALPHA


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--trained", action="store_true", help="use 4,000 trained networks; this takes some minutes"
    )
    if parser.parse_args().trained:
        trained_null()
    else:
        null_truth()
        coverage()
        powers()
    print(f"\n{failures} rate(s) missed the limit")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
