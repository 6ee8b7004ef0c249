"""Each statistic against an independent package or brute force, at its extremes, and on simulated scores."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.descriptivestats import sign_test
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from lossbench.comparison import inference as s

RANDOM = np.random.default_rng(7)
SAMPLES = {
    "normal": RANDOM.normal(0.4, 1, 10),
    "ties": np.array([1.0, 1, 2, -1, 0, 0, 3, -2, 1]),
    "decimals": np.array([0.1, 0.2, 0.3, -0.3, 0.6, -0.1, 0.7, 0.2]),  # whose sums differ by rounding only
    "small": RANDOM.lognormal(size=8) * 1e-200,
    "large": RANDOM.lognormal(size=8) * 1e300,
    "six": np.arange(1.0, 7),
}
NO_NUMBER = r"finite|at least one"
each_sample = pytest.mark.parametrize("x", SAMPLES.values(), ids=SAMPLES)


def every_sign(n):
    return np.array(list(itertools.product([1, -1], repeat=n)))


def brute_p(x, shift=0.0):
    x = (x - shift) / np.abs(x).max()
    sums = np.abs(every_sign(len(x)) @ x)
    return float((sums >= sums[0] - 1e-12 * np.abs(x).sum()).mean())


def fine(x):
    return isinstance(x, float) and math.isfinite(x)


@each_sample
def test_sign_flip_is_scipys_permutation_test(x):
    scipys = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert s.sign_flip_p(x) == pytest.approx(scipys.pvalue, abs=1e-12)
    assert s.sign_flip_p(x) == s.sign_flip_p(-x) == s.sign_flip_p(x[::-1]) == brute_p(x)


def test_sign_flip_at_twenty_pairs_is_exact():
    x = RANDOM.normal(0.5, 1, 20)
    bits = np.arange(2**20)[:, None] >> np.arange(20) & 1
    sums = np.abs((1 - 2 * bits) @ x)
    assert s.sign_flip_p(x) == (sums >= sums[0] * (1 - 1e-12)).mean()


def test_sign_flip_above_twenty_pairs_is_near_scipys_and_repeats():
    x = RANDOM.normal(0.3, 1, 30)
    scipys = stats.permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=99_999, rng=np.random.default_rng(1)
    ).pvalue
    assert s.sign_flip_p(x) == s.sign_flip_p(x) == s.sign_flip_p(-x)
    assert s.sign_flip_p(x) == pytest.approx(scipys, abs=4 * math.sqrt(2 * scipys / 100_000))
    assert s.sign_flip_p(np.ones(50)) == 1 / 100_001


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99])
@each_sample
def test_difference_interval_holds_what_the_test_does_not_reject(x, level):
    mean, low, high = s.difference_interval(x, level)
    assert mean == pytest.approx(x.mean())
    if low is None:
        assert high is None
        assert 2 / 2 ** len(x) > 1 - level
        return
    assert 2 / 2 ** len(x) <= 1 - level
    step = 1e-6 * np.abs(x).max()
    for end, outward in ((low, -step), (high, step)):
        assert brute_p(x, end) > 1 - level  # its ends belong to it
        assert brute_p(x, end + outward) <= 1 - level
    assert (low <= 0 <= high) == (s.sign_flip_p(x) > 1 - level)


@pytest.mark.parametrize("n", [21, 40])
def test_interval_and_test_agree_above_twenty_pairs(n):
    for offset in np.linspace(-1, 1, 41):
        x = RANDOM.normal(offset, 1, n)
        _, low, high = s.difference_interval(x)
        assert (low <= 0 <= high) == (s.sign_flip_p(x) > 1 - 0.95)
        assert low == pytest.approx(stats.ttest_1samp(x, 0).confidence_interval().low, abs=0.15)


@each_sample
def test_wilcoxon_is_every_sign_of_the_ranks(x):
    nonzero = x[x != 0]
    ranks = stats.rankdata(np.abs(nonzero)) * np.sign(nonzero)
    assert s.wilcoxon_p(x) == brute_p(ranks)


@pytest.mark.parametrize("n", [1, 6, 20, 21, 50, 60])
def test_wilcoxon_is_scipys(n):
    x = RANDOM.normal(0.3, 1, n)
    method = "exact" if n <= 50 else "asymptotic"
    assert s.wilcoxon_p(x) == pytest.approx(stats.wilcoxon(x, method=method).pvalue, abs=1e-12)


@each_sample
def test_mean_interval_is_statsmodels(x):
    x = x / np.abs(x).max()
    low, high = DescrStatsW(x).tconfint_mean(alpha=0.1)
    assert s.mean_interval(x, 0.9) == pytest.approx((x.mean(), low, high))


@pytest.mark.parametrize("level", [0.5, 0.9375, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 4, 5, 6, 9, 20, 101])
def test_median_interval_is_the_shortest_that_covers(n, level):
    x = np.sort(RANDOM.normal(size=n))
    median, low, high = s.median_interval(RANDOM.permutation(x), level)

    def coverage(k):  # of the k-th from either end, in whole numbers
        return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n

    good = [k for k in range(1, (n + 1) // 2 + 1) if coverage(k) >= level]
    assert median == np.median(x)
    assert (low, high) == ((x[good[-1] - 1], x[-good[-1]]) if good else (None, None))
    if low is not None:  # it inverts the sign test, which is statsmodels'
        assert sign_test(x, low - 1e-9)[1] <= 1 - level + 1e-12


@pytest.mark.parametrize("n", [1, 2, 10, 45])
def test_holm_is_statsmodels(n):
    for p in (RANDOM.uniform(0, 0.1, n), RANDOM.integers(0, 4, n) / 40, np.ones(n)):
        assert s.holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)
    assert s.holm([]) == []


@pytest.mark.parametrize(("wins", "n"), [(0, 1), (3, 3), (3, 10), (10, 10), (50, 100)])
def test_probability_better_is_clopper_pearson_but_for_ties(wins, n):
    """Without ties it may be wider, never narrower: how many ties there might have been is not known."""
    a = np.repeat([1.0, -1.0], [wins, n - wins])
    p, low, high = s.probability_better(a, np.zeros(n), higher_is_better=True)
    exact = proportion_confint(wins, n, method="beta")
    assert p == wins / n
    assert exact[0] - 0.003 <= low <= exact[0] + 1e-6
    assert exact[1] - 1e-6 <= high <= exact[1] + 0.003
    lower = s.probability_better(a, np.zeros(n), higher_is_better=False)
    assert lower == pytest.approx((1 - p, 1 - high, 1 - low))


@pytest.mark.parametrize("n", [1, 5, 12])
def test_probability_better_covers_whatever_the_share_of_ties(n):
    """Summed over every outcome, by chance of winning and of a tie."""
    outcomes = [(w, t) for w in range(n + 1) for t in range(n + 1 - w)]
    by_points = {}
    for w, t in outcomes:
        a = np.repeat([1.0, 0.0, -1.0], [w, t, n - w - t])
        by_points[2 * w + t] = s.probability_better(a, np.zeros(n), higher_is_better=True)[1:]
    for win, tie in itertools.product(np.linspace(0, 1, 21), repeat=2):
        if win + tie > 1:
            continue
        truth, covered = win + tie / 2, 0.0
        for w, t in outcomes:
            low, high = by_points[2 * w + t]
            chance = stats.multinomial.pmf([w, t, n - w - t], n, [win, tie, max(0, 1 - win - tie)])
            covered += chance * (low - 1e-9 <= truth <= high + 1e-9)
        assert covered >= 0.95 - 1e-4


def test_fewest_seeds_is_where_equal_signs_first_pass():
    for comparisons, expected in {1: 6, 3: 7, 9: 9, 10: 9, 13: 10, 45: 11, 91: 12}.items():
        n = s.fewest_seeds(comparisons)
        assert n == expected
        others = [1.0] * (comparisons - 1)
        assert s.holm([s.sign_flip_p(np.ones(n)), *others])[0] <= 0.05
        assert s.holm([s.sign_flip_p(np.ones(n - 1)), *others])[0] > 0.05


@pytest.mark.parametrize(
    ("effect", "n", "comparisons"),
    [(1, 6, 1), (1, 10, 1), (1, 20, 10), (0.5, 20, 1), (1.5, 9, 10), (1.5, 12, 10)],
)
def test_power_is_near_what_the_test_does(effect, n, comparisons):
    detected = [s.sign_flip_p(x) <= 0.05 / comparisons for x in RANDOM.normal(effect, 1, (1500, n))]
    assert s.power(effect, n, comparisons) == pytest.approx(np.mean(detected), abs=0.05)


def test_power_is_statsmodels_where_signs_are_many():
    cases = list(itertools.product((0.1, 0.3), (40, 200), (1, 10)))
    ours = [s.power(effect, n, m) for effect, n, m in cases]
    theirs = [TTestPower().power(effect, n, 0.025 / m, alternative="larger") for effect, n, m in cases]
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert s.power(-0.5, 40) == s.power(0.5, 40)
    assert s.power(1e9, 20) == 1
    assert s.power(1e9, 5) == s.power(1, 1) == 0


def test_seeds_needed_is_the_first_n_with_that_power():
    x = RANDOM.normal(0.5, 1, 10)
    effect = x.mean() / x.std(ddof=1)
    for comparisons, power in ((1, 0.8), (10, 0.9)):
        n = s.seeds_needed(x, comparisons, power)
        assert s.power(effect, n, comparisons) >= power > s.power(effect, n - 1, comparisons)
        assert s.seeds_needed(-1e6 * x, comparisons, power) == n
    assert s.seeds_needed([2.0, 2.0, 2.0], 10) == s.fewest_seeds(10)
    assert s.seeds_needed([0.1, 0.1, 0.1]) == 6
    assert s.seeds_needed([1.0, 1.03] + [-1.0] * 2) is None  # beyond 10,000
    assert s.seeds_needed([0.0, 0.0]) is s.seeds_needed([3.0]) is s.seeds_needed([0.1, 0.2, -0.3]) is None


def test_friedman_is_scipys():
    for scores in (RANDOM.normal(size=(8, 4)), RANDOM.integers(0, 3, (9, 5)).astype(float)):
        statistic, p, ranks = s.friedman(scores)
        assert (statistic, p) == pytest.approx(tuple(stats.friedmanchisquare(*scores.T)))
        assert ranks == pytest.approx(stats.rankdata(scores, axis=1).mean(0))
    assert s.friedman(np.ones((4, 3))) == (0.0, 1.0, [2.0, 2.0, 2.0])
    two = RANDOM.normal(size=(12, 2))  # with two losses, the sign test without correction
    wins = (two[:, 0] < two[:, 1]).sum()
    assert s.friedman(two)[0] == pytest.approx((2 * wins - 12) ** 2 / 12)


def test_across_tests_each_pair_by_itself():
    scores = RANDOM.normal([0, 0, 2], 1, (12, 3))
    across = s.across(scores, ["a", "b", "c"])
    pairs = {(pair.a, pair.b): pair for pair in across.pairs}
    assert list(pairs) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs["a", "c"].p_value == pytest.approx(stats.wilcoxon(scores[:, 0], scores[:, 2]).pvalue)
    assert pairs["a", "c"].median_difference == np.median(scores[:, 0] - scores[:, 2])
    raw = [pair.p_value for pair in pairs.values()]
    assert [pair.p_adjusted for pair in pairs.values()] == s.holm(raw)
    assert (across.n, across.statistic, across.p_value) == (12, *s.friedman(scores)[:2])
    fewer = s.across(scores[:, [0, 2]], ["a", "c"])
    assert fewer.pairs[0].p_value == pairs["a", "c"].p_value


def test_nothing_differs():
    zeros = np.zeros(10)
    assert s.sign_flip_p(zeros) == s.wilcoxon_p(zeros) == s.sign_flip_p(np.zeros(40)) == 1
    for interval in (s.mean_interval, s.median_interval, s.difference_interval):
        assert interval(zeros) == (0, 0, 0)
    p, low, high = s.probability_better(zeros, zeros, higher_is_better=True)
    assert p == 0.5
    assert low == pytest.approx(1 - high)


def test_one_seed_decides_nothing():
    assert s.sign_flip_p([3.0]) == s.wilcoxon_p([3.0]) == 1
    for interval in (s.mean_interval, s.median_interval, s.difference_interval):
        assert interval([3.0]) == (3, None, None)
    p, low, high = s.probability_better([1.0], [0.0], higher_is_better=True)
    assert (p, high) == (1, 1)
    assert low <= 0.0251


def test_results_are_plain_numbers():
    x = SAMPLES["normal"]
    for interval in (s.mean_interval(x), s.median_interval(x), s.difference_interval(x)):
        assert all(map(fine, interval))
    assert all(map(fine, (s.sign_flip_p(x), s.wilcoxon_p(x), s.power(1, 10), *s.holm([0.1, 0.2]))))
    assert type(s.seeds_needed(x)) is type(s.fewest_seeds(3)) is int


@pytest.mark.parametrize("bad", [[1.0, math.nan], [1.0, None], [math.inf, 1.0], []])
def test_what_is_no_number_is_refused(bad):
    for function in (
        s.mean_interval,
        s.median_interval,
        s.sign_flip_p,
        s.difference_interval,
        s.wilcoxon_p,
        s.seeds_needed,
    ):
        with pytest.raises(ValueError, match=NO_NUMBER):
            function(bad)
    with pytest.raises(ValueError, match=NO_NUMBER):
        s.probability_better([1.0] * len(bad), bad, higher_is_better=True)
    with pytest.raises(ValueError, match=NO_NUMBER):
        s.friedman([bad, bad])
    with pytest.raises(ValueError, match=NO_NUMBER):
        s.across([bad, bad], ["a", "b"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: s.mean_interval([1, 2], 95),
        lambda: s.difference_interval([1, 2], 1.0),
        lambda: s.holm([0.5, 1.5]),
        lambda: s.holm([0.5, math.nan]),
        lambda: s.fewest_seeds(0),
        lambda: s.fewest_seeds(1, 0),
        lambda: s.power(math.nan, 10),
        lambda: s.power(1, 0),
        lambda: s.power(1, 10, 0),
        lambda: s.seeds_needed([1, 2], power=1.0),
        lambda: s.probability_better([1, 2], [1], higher_is_better=True),
        lambda: s.mean_interval([[1, 2], [3, 4]]),
        lambda: s.friedman([[1], [2]]),
        lambda: s.across([[1, 2], [3, 4]], ["a"]),
    ],
)
def test_senseless_arguments_are_refused(call):
    with pytest.raises(ValueError, match=r"\w"):
        call()


def draws(kind, shape, random):
    """Scores and their median and mean."""
    if kind == "lognormal":
        return random.lognormal(size=shape), 1.0, math.exp(0.5)
    return (random.normal(size=shape) if kind == "normal" else random.standard_t(3, shape)), 0.0, 0.0


@pytest.mark.parametrize("kind", ["normal", "lognormal", "t3"])
def test_intervals_cover_and_the_test_keeps_its_size(kind):
    """1,500 samples: four standard errors are 0.0225."""
    random, n, many = np.random.default_rng(11), 10, 1500
    scores, median, mean = draws(kind, (many, n), random)
    differences = scores - draws(kind, (many, n), random)[0]

    def share(interval, samples, truth):
        return np.mean([low <= truth <= high for _, low, high in map(interval, samples)])

    assert share(s.median_interval, scores, median) == pytest.approx(1 - 22 / 1024, abs=0.0225)
    assert share(s.difference_interval, differences, 0) == pytest.approx(1 - 25 / 512, abs=0.0225)
    if kind == "normal":
        assert share(s.mean_interval, scores, mean) == pytest.approx(0.95, abs=0.0225)


def test_equal_losses_are_seldom_declared_different():
    """Five, ten seeds, all pairs with Holm: 500 comparisons, at most 5 % and four standard errors."""
    random, wrong = np.random.default_rng(12), 0
    for _ in range(500):
        scores = random.normal(size=(5, 10)) + random.normal(size=10)
        p = [s.sign_flip_p(scores[i] - scores[j]) for i, j in itertools.combinations(range(5), 2)]
        wrong += min(s.holm(p)) <= 0.05
    assert wrong / 500 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 500)
