"""A loss that does not beat the constant is not called better, and the test of that is honest."""

import itertools
import json
import re

import numpy as np
import pytest
import yaml
from made_up import comparison as made_up_comparison
from made_up import learning_curves
from test_compare import write_run
from test_page import read, written

from lossbench.cli.comparison_table import print_comparison
from lossbench.comparison.baselines import corrected_t_test, with_baselines
from lossbench.comparison.compare import compare
from lossbench.comparison.figures import intervals
from lossbench.comparison.output import write

SIZES = {"train": 600, "validation": 200, "test": 200}
RATIO = 1 / 3


def write_job(folder, loss, scores, *, converged=None, **options):
    """Write the record of a run as one that knows its data."""
    write_run(folder, loss, scores, **options)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"data_fingerprint": "f"}))
    if converged is not None:
        result = json.loads((folder / "result.json").read_text())
        for replicate, answer in zip(result["replicates"], converged, strict=True):
            replicate["converged"] = answer
        (folder / "result.json").write_text(json.dumps(result))


def write_baseline(sweep, name, scores, *, seed=0, split="s", data="diabetes", metric="rmse", **keys):
    """Write as much of the record of a baseline as a comparison reads."""
    folder = sweep / "baselines" / f"{data}-{name}-{len(list(sweep.glob('baselines/*')))}"
    folder.mkdir(parents=True)
    seeds = list(range(seed, seed + len(scores)))
    result = {
        **{"schema_version": 1, "status": "completed", "baseline": True, "loss": name, "label": name},
        **{"data": data, "config_id": "b", "seeds": seeds, "yardstick": metric, "duration_s": 0.5},
        "replicates": [{"status": "completed", "epoch": 0, "best_epoch": None} for _ in seeds],
        "metrics": {f"{part}/{metric}": list(scores) for part in SIZES},
        "higher_is_better": {metric: metric == "accuracy"},
        **keys,
    }
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "config.yaml").write_text(yaml.safe_dump({"baseline": name, "data": {"name": data}}))
    hashes = {str(each): {"split": f"{split}{each}"} for each in seeds}
    manifest = {"data_fingerprint": "f", "seeds": hashes, "parts": SIZES}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def scores(mean, count=20, seed=0, spread=1.0):
    return np.random.default_rng(seed).normal(mean, spread, count).tolist()


def resampled_gains(random, losses, rows=300, seeds=20):
    """Gains of classifiers that know nothing over the constant, whose seeds re-split the same rows."""
    truth = random.integers(0, 2, rows)
    truth[: rows // 2], truth[rows // 2 :] = 0, 1  # a constant is right for half the rows
    hits = random.random((losses, rows)) < 0.5
    gains = np.empty((losses, seeds))
    for seed in range(seeds):
        test = random.permutation(rows)[: rows // 5]
        gains[:, seed] = hits[:, test].mean(1) - (truth[test] == 1).mean()
    return gains


def test_the_corrected_test_is_honest_where_the_seeds_share_rows():
    random, tries = np.random.default_rng(0), 1000
    naive = corrected = 0
    for _ in range(tries):
        (gains,) = resampled_gains(random, 1)
        corrected += corrected_t_test(gains, RATIO) <= 0.05
        naive += corrected_t_test(gains, 0.0) <= 0.05  # Student's test of independent seeds
    assert corrected / tries <= 0.05
    assert naive / tries > 0.15


def test_the_corrected_test_is_that_of_nadeau_and_bengio():
    gains = [0.3, 0.5, 0.1, 0.6]
    t = np.mean(gains) / np.sqrt((1 / 4 + RATIO) * np.var(gains, ddof=1))
    from scipy.integrate import quad
    from scipy.special import gamma

    density = lambda x: gamma(2) / (np.sqrt(3 * np.pi) * gamma(1.5)) * (1 + x * x / 3) ** -2  # noqa: E731
    assert corrected_t_test(gains, RATIO) == pytest.approx(quad(density, t, np.inf)[0], rel=1e-6)
    assert corrected_t_test([0.2, 0.2, 0.2], RATIO) == 0.0
    assert corrected_t_test([-0.2, -0.2, -0.2], RATIO) == corrected_t_test([0, 0, 0], RATIO) == 1.0


def test_at_most_a_twentieth_of_shuffled_targets_have_a_loss_that_beats_the_constant(tmp_path):
    random, wrong = np.random.default_rng(1), 0
    for attempt in range(60):
        sweep = tmp_path / str(attempt)
        constant = np.full(20, 0.5)
        for loss, gains in zip(("huber", "hinge", "focal"), resampled_gains(random, 3), strict=True):
            write_job(sweep / loss, loss, constant + gains, metric="accuracy")
        write_baseline(sweep, "constant", constant, metric="accuracy")
        comparison = compare(sweep)
        beats = any(group.against_constant.beats for group in comparison.groups)
        assert beats == (not comparison.verdict.startswith("On diabetes no loss beats the constant"))
        wrong += beats
    assert wrong <= 3


def test_no_loss_beats_the_constant_are_the_first_words(tmp_path):
    write_job(tmp_path / "a", "mean_squared_error", scores(20))
    write_job(tmp_path / "b", "huber", scores(15, seed=1))
    before = compare(tmp_path)
    assert "huber is better than all others" in before.verdict
    write_baseline(tmp_path, "constant", scores(10, seed=2))
    comparison = compare(tmp_path)
    assert comparison.verdict.startswith("On diabetes no loss beats the constant (rmse ")
    assert "huber has the best mean" in comparison.verdict
    assert "is better" not in comparison.verdict
    assert comparison.pairs == before.pairs  # no p-value and no decision changes
    assert [group.against_constant.beats for group in comparison.groups] == [False, False]


def test_the_constant_is_tested_in_a_family_of_its_own(tmp_path):
    values = {"a": scores(9.0, seed=1), "b": scores(9.2, seed=2), "c": scores(9.9, seed=3)}
    for loss, of_loss in values.items():
        write_job(tmp_path / loss, loss, of_loss)
    constant = scores(10, seed=4)
    write_baseline(tmp_path, "constant", constant)
    write_baseline(tmp_path, "linear", scores(1, seed=5))
    comparison = compare(tmp_path)
    raw = {loss: corrected_t_test(np.subtract(constant, of_loss), RATIO) for loss, of_loss in values.items()}
    ordered = sorted(raw.values())
    steps = [ordered[0] * 3, max(ordered[0] * 3, ordered[1] * 2)]
    steps.append(max(steps[1], ordered[2]))
    expected = dict(zip(sorted(raw, key=raw.get), steps, strict=True))
    for group in comparison.groups:
        assert group.against_constant.p_value == pytest.approx(raw[group.label])
        assert group.against_constant.p_adjusted == pytest.approx(min(1, expected[group.label]))


def test_a_loss_that_beats_the_constant_wins_over_one_that_does_not(tmp_path):
    """The best mean is that of a loss whose scores are too uneven to say that it beats the constant."""
    constant = np.full(20, 10.0)
    uneven = constant + np.where(np.arange(20) % 2, -8.0, 5.8)
    write_job(tmp_path / "a", "uneven", uneven)
    write_job(tmp_path / "b", "steady", constant - scores(1, spread=0.05))
    write_job(tmp_path / "c", "weak", constant + scores(2, spread=0.05))
    write_baseline(tmp_path, "constant", constant)
    comparison = compare(tmp_path)
    assert [group.label for group in comparison.groups] == ["uneven", "steady", "weak"]
    assert "steady (rmse 9.0" in comparison.verdict
    assert "is better than weak" in comparison.verdict
    assert "uneven and weak do not beat the constant (rmse 10)" in comparison.verdict
    assert not re.search(r"uneven[^.]* is better", comparison.verdict)


@pytest.mark.parametrize(
    ("count", "split", "reason"), [(2, "s", "fewer than 3 seeds"), (8, None, "all seeds have the same rows")]
)
def test_what_cannot_be_tested_is_said(tmp_path, count, split, reason):
    for loss, mean in (("huber", 7), ("mse", 12)):
        write_job(tmp_path / loss, loss, scores(mean, count, spread=0.1))
    write_baseline(tmp_path, "constant", scores(10, count))
    if split is None:
        for path in tmp_path.rglob("manifest.json"):
            manifest = json.loads(path.read_text())
            for hashes in manifest["seeds"].values():
                hashes["split"] = "same"
            path.write_text(json.dumps(manifest))
    comparison = compare(tmp_path)
    assert f"Whether a loss beats the constant was not tested: {reason}." in comparison.verdict
    huber, mse = (group.against_constant for group in comparison.groups)
    assert (huber.beats, huber.passes, huber.not_tested) == (None, True, reason)
    assert (mse.beats, mse.passes) == (None, False)


def test_a_better_baseline_is_named_with_its_score(tmp_path):
    write_job(tmp_path / "a", "huber", scores(10))
    write_job(tmp_path / "b", "mse", scores(11, seed=1))
    write_baseline(tmp_path, "constant", scores(30))
    write_baseline(tmp_path, "linear", scores(12))
    write_baseline(tmp_path, "boosting", np.full(20, 8.25))
    verdict = compare(tmp_path).verdict
    assert "huber is behind a baseline: boosting reaches 8.25." in verdict
    assert "linear" not in verdict


def test_only_baselines_of_the_same_rows_and_metric_count(tmp_path):
    write_job(tmp_path / "a", "huber", scores(10, 6))
    write_job(tmp_path / "b", "mse", scores(10, 6, seed=1))
    write_baseline(tmp_path, "constant", scores(5, 6), split="other")
    write_baseline(tmp_path, "linear", scores(5, 6), metric="mae")
    comparison = compare(tmp_path)
    assert [(each.name, each.scores) for each in comparison.baselines] == [("constant", ())]
    assert all(group.against_constant is None for group in comparison.groups)
    assert with_baselines(comparison) == comparison
    assert compare(tmp_path, baselines=False).baselines is None


def test_a_loss_that_did_not_converge_is_named(tmp_path):
    write_job(tmp_path / "a", "huber", scores(10), converged=[False] * 5 + [True] * 15)
    write_job(tmp_path / "b", "mse", scores(10, seed=1), converged=[False] * 2 + [True] * 18)
    write_job(tmp_path / "c", "mae", scores(10, seed=2))
    comparison = compare(tmp_path)
    assert "huber did not converge in 5 of 20 seeds." in comparison.verdict
    assert "mse did not" not in comparison.verdict
    counts = {group["label"]: group.get("not_converged") for group in comparison.to_json()["groups"]}
    assert counts == {"huber": 5, "mse": 2, "mae": None}


def called_better(verdict):
    """The losses that a verdict calls better than another, or the best of all."""
    return re.findall(r"(\w+) (?:\(rmse [^)]*\) )?is better", verdict)


@pytest.mark.parametrize("seed", range(40))
def test_the_words_obey_the_pairs_and_the_constant(tmp_path, seed):
    random = np.random.default_rng(seed)
    count = int(random.choice([2, 5, 8, 20]))
    labels = ["alpha", "beta", "gamma"][: random.integers(2, 4)]
    shared = random.normal(0, random.choice([0.1, 3]), count)
    for label in labels:
        level = 10 + random.choice([-3, -0.5, 0, 0.5])
        of_label = level + shared + random.normal(0, random.choice([0.1, 2]), count)
        write_job(tmp_path / label, label, [None if random.random() < 0.05 else x for x in of_label])
    if random.random() < 0.9:
        write_baseline(tmp_path, "constant", (10 + shared).tolist())
    comparison = compare(tmp_path)
    able = {group.label for group in comparison.groups if group.may_win}
    for label in called_better(comparison.verdict):
        assert label in able
        won = [pair for pair in comparison.pairs if comparison.winner(pair) == label]
        assert won, comparison.verdict
    best = [group for group in comparison.groups if group.summary.mean is not None][:1]
    if best and not any(group.may_win for group in comparison.groups if group.summary.mean is not None):
        assert comparison.verdict.startswith("On diabetes no loss beats the constant")
        assert "is better" not in comparison.verdict
    for a, b in itertools.combinations(labels, 2):
        assert not re.search(rf"{a} cannot be distinguished from [^.]*{b}", comparison.verdict) or any(
            {pair.a, pair.b} == {a, b} and pair.decision == "undecided" for pair in comparison.pairs
        )


def test_terminal_page_and_files_show_them_below_the_losses(tmp_path, capsys):
    write_job(tmp_path / "a", "mean_squared_error", scores(20), converged=[False] * 5 + [True] * 15)
    write_job(tmp_path / "b", "huber", scores(15, seed=1))
    write_baseline(tmp_path, "constant", scores(10, seed=2))
    write_baseline(tmp_path, "linear", scores(16, seed=3))
    write_baseline(tmp_path, "boosting", [], status="failed", error="the target has 32 columns")
    comparison = compare(tmp_path)
    print_comparison(comparison)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.index("mse") < shown.index("│ constant")
    assert "20 (5 not" in shown
    assert "no better" in shown
    write(comparison, tmp_path / "out", [])
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [each["name"] for each in content["baselines"]] == ["constant", "linear", "boosting"]
    assert content["baselines"][2]["left_out"] == "the target has 32 columns"
    assert content["groups"][0]["against_constant"]["beats"] is False
    assert content["pairs"][0]["decision"] == "a_better"  # as without baselines
    assert (tmp_path / "out" / "baselines.csv").read_text().startswith("name,data,n,")
    page = read(tmp_path / "out" / "report.html")
    assert "No boosting: the target has 32 columns." in page.text
    assert "huber does not beat the constant" in page.text
    assert not re.search("(huber|mean_squared_error) is better", page.text)


def test_a_comparison_without_baselines_has_none_of_their_words(tmp_path):
    comparison = made_up_comparison(("diabetes",))
    text = read(written(tmp_path, comparison, learning_curves())).text
    assert "constant" not in text
    assert "aseline" not in text
    intervals(tmp_path / "a.png", comparison)


def test_a_loss_that_beats_no_constant_does_not_win_over_data_sets(tmp_path):
    for index in range(8):
        sweep, data = tmp_path / str(index), f"d{index}"
        write_job(sweep / "a", "huber", scores(11, seed=index), data=data)
        write_job(sweep / "b", "mse", scores(15, seed=index), data=data)
        write_baseline(sweep, "constant", scores(10, seed=index), data=data)
    folders = [tmp_path / str(index) for index in range(8)]
    comparison = compare(*folders)
    (pair,) = comparison.across_data.pairs
    assert pair.decision == "a_better"
    assert comparison.winner_over_data(pair) is None
    assert compare(*folders, baselines=False).winner_over_data(pair) == "huber"
    write(comparison, tmp_path / "out", [])
    assert "huber is better" not in read(tmp_path / "out" / "report.html").text
