"""What the comparison's statistics promise, in simulated truth: ``python scripts/validate_statistics.py``.

Each figure stands with its standard error. Those without a bar show where a method ends. Exits 1 if a bar
is missed; takes a minute or two. ``--trained`` asks the same of 4,000 trained networks instead.
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
# Of each distribution: draws, median, mean
KINDS: dict[str, tuple[Draw, float, float]] = {
    "normal": (lambda *shape: RANDOM.normal(size=shape), 0.0, 0.0),
    "lognormal": (lambda *shape: RANDOM.lognormal(size=shape), 1.0, math.exp(0.5)),
    "t3": (lambda *shape: RANDOM.standard_t(3, size=shape), 0.0, 0.0),
}
ALPHA = 0.05
failures = 0


def report(what: str, hits: Array | Sequence[float], bar: float | None = None, at_least: bool = True) -> None:
    global failures
    values = np.asarray(hits, dtype=np.float64)
    share, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    verdict = ""
    if bar is not None:
        met = share >= bar if at_least else share <= bar
        failures += not met
        verdict = f"bar {'>=' if at_least else '<='} {bar:.0%}: {'met' if met else 'MISSED'}"
    print(f"{what:<78} {100 * share:6.2f} % +- {100 * error:.2f}   {verdict}", flush=True)


def covered(interval: Callable[[Array], inference.Interval], samples: Array, truth: float) -> list[bool]:
    found = [interval(sample)[1:] for sample in samples]
    return [low is not None and high is not None and low <= truth <= high for low, high in found]


def not_rejected(differences: Array, truth: float) -> list[bool]:
    """Whether their intervals cover, asked of the test that they invert, which is faster at 20 seeds."""
    found = [inference.sign_flip_p(sample - truth) > ALPHA for sample in differences]
    if covered(inference.difference_interval, differences[:100], truth) != found[:100]:
        raise AssertionError("the interval is not the test's inversion")
    return found


def raw_p(scores: Array) -> tuple[list[tuple[int, int]], list[float]]:
    """The pairs of losses of one comparison, and their p-values; scores ``(losses, seeds)``."""
    pairs = list(itertools.combinations(range(len(scores)), 2))
    return pairs, [inference.sign_flip_p(scores[i] - scores[j]) for i, j in pairs]


def null_truth(comparisons: int = 5_000) -> None:
    print("\nFive equal losses, 10 seeds, all 10 pairs: share of comparisons that call any pair different")
    for kind, (draw, _, _) in KINDS.items():
        decided, contradicted, naive = [], [], []
        for _ in range(comparisons):
            scores = draw(5, 10) + draw(1, 10)  # a seed's own luck is common to all losses
            pairs, p = raw_p(scores)
            adjusted = inference.holm(p)
            excluded = [value <= ALPHA for value in adjusted]
            decided.append(any(excluded))
            naive.append(min(p) <= ALPHA)
            for (i, j), apart in zip(pairs, excluded, strict=True):
                if apart:
                    _, low, high = inference.difference_interval(scores[i] - scores[j])
                    contradicted.append(low is None or high is None or low <= 0 <= high)
        report(f"{kind}: decided after Holm, its interval excluding 0", decided, 0.05, at_least=False)
        report(f"{kind}: decided, yet 0 in the pair's interval", contradicted or [False], 0.0, at_least=False)
        report(f"{kind}: any single 95 % interval excludes 0 (no Holm, so no verdict)", naive)


def coverage(many: int = 10_000) -> None:
    print("\nCoverage of 95 % intervals")
    for (kind, (draw, median, mean)), n in itertools.product(KINDS.items(), (10, 20)):
        scores = draw(many, n)
        report(f"{kind}, {n} seeds: median", covered(inference.median_interval, scores, median), 0.94)
        differences = scores - draw(many, n)
        report(f"{kind}, {n} seeds: difference", not_rejected(differences, 0), 0.94)
        bar = 0.94 if kind == "normal" else None
        report(f"{kind}, {n} seeds: mean", covered(inference.mean_interval, scores, mean), bar)
    # Two losses of different skew, whose difference is not symmetric: where the method ends
    for n in (10, 20):
        skewed, even = KINDS["lognormal"][0](many, n), KINDS["normal"][0](many, n)
        for name, scale in (("as widely", math.sqrt(math.e * (math.e - 1))), ("a tenth as widely", 0.2161)):
            hits = not_rejected(skewed - scale * even, math.exp(0.5))
            report(f"lognormal less normal spread {name}, {n} seeds: difference", hits)


def chances(comparisons: int = 4_000) -> None:
    print("\nPower at 20 seeds; an effect is one sd of the paired difference")
    single = [inference.sign_flip_p(x) for x in RANDOM.normal(1, 1, (comparisons, 20))]
    report("two losses", [p <= ALPHA for p in single], 0.95)
    report(
        "one pair at Holm's first step of ten (the other nine say nothing)",
        [p <= ALPHA / 10 for p in single],
        0.85,
    )
    one, all_of_one = [], []
    for _ in range(comparisons):
        scores = RANDOM.normal(size=(5, 20)) + RANDOM.normal(size=20)
        scores[0] += math.sqrt(2)  # the paired difference of two independent losses has this sd
        pairs, p = raw_p(scores)
        found = [value <= ALPHA for (i, _), value in zip(pairs, inference.holm(p), strict=True) if i == 0]
        one.append(float(np.mean(found)))
        all_of_one.append(all(found))
    report("five losses, one apart: each of its four pairs, with Holm", one, 0.85)
    report("five losses, one apart: all four of its pairs at once", all_of_one)
    for n, pairs_tested in ((20, 1), (20, 10)):
        foretold = 100 * inference.power(1, n, pairs_tested)
        print(f"power(1, {n}, comparisons={pairs_tested}) foretells {foretold:.2f} %")
    report(
        "two losses, effect one sd of the score itself",
        [inference.sign_flip_p(x) <= ALPHA for x in RANDOM.normal(1 / math.sqrt(2), 1, (comparisons, 20))],
    )


def trained_null(comparisons: int = 200, seeds: int = 10, epochs: int = 30, together: int = 500) -> None:
    """One loss against itself: twice ten seeds of their own, paired in the order in which they were drawn."""
    many = 2 * seeds * comparisons
    print(
        f"\n{many:,} networks, mse on diabetes, {epochs} epochs: {comparisons} comparisons of it with itself"
    )
    scores: list[float] = []
    for first in range(0, many, together):
        with tempfile.TemporaryDirectory() as folder:
            result = lossbench.run(
                *("loss=mse", "data=diabetes", f"seed={first}", f"replicates={together}"),
                *(f"trainer.max_epochs={epochs}", f"hydra.run.dir={folder}"),
            )
            scores += result.table["test/rmse"].tolist()
    cut = np.array(scores).reshape(comparisons, 2, seeds)
    p_values = [inference.sign_flip_p(one - other) for one, other in cut]
    wrong = sum(p <= ALPHA for p in p_values)
    low, high = stats.binomtest(wrong, comparisons).proportion_ci(method="exact")
    report("declared different", [p <= ALPHA for p in p_values])
    print(f"{wrong} of {comparisons}; Clopper and Pearson's 95 % interval {low:.2%} to {high:.2%}")
    global failures
    failures += low > ALPHA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", action="store_true", help="on 4,000 trained networks, some minutes")
    if parser.parse_args().trained:
        trained_null()
    else:
        null_truth()
        coverage()
        chances()
    print(f"\n{failures} figure(s) missed the bar")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
