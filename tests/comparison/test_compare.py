"""Runs are grouped, paired and decided as the contract says, or refused with the key that is in the way."""

import json

import numpy as np
import pytest
import yaml
from scipy import stats

import lossbench
from lossbench.comparison.compare import compare
from lossbench.comparison.model import Excluded, TunedSetting
from lossbench.errors import UserError

KEYS = {
    "schema_version",
    *("metric", "higher_is_better", "reference", "groups", "pairs", "matrix", "across_data", "excluded"),
}


def write_run(
    folder,
    loss,
    scores,
    *,
    seed=0,
    data="diabetes",
    split="s",
    config=None,
    error=None,
    metric="rmse",
    validation=None,
):
    """Write as much of the record of a run as a comparison reads."""
    folder.mkdir(parents=True)
    scores = list(scores)
    seeds = list(range(seed, seed + len(scores)))
    metrics = {
        f"{part}/{name}": scores
        for part in ("train", "validation", "test")
        for name in (metric, "mae", "loss")
    }
    metrics[f"validation/{metric}"] = scores if validation is None else list(validation)
    result = {
        "schema_version": 1,
        "status": "failed" if error else "completed",
        **{"loss": loss, "label": loss, "data": data, "config_id": folder.name, "error": error},
        "seeds": [] if error else seeds,
        "replicates": [] if error else [{"status": "completed", "epoch": 1, "best_epoch": 1} for _ in seeds],
        "metrics": {} if error else metrics,
        **{"yardstick": metric, "higher_is_better": {metric: metric == "accuracy", "mae": False}},
    }
    (folder / "result.json").write_text(json.dumps(result))
    values = {"seed": seed, "replicates": len(scores), "loss": {"name": loss}, "data": {"name": data}}
    for key, value in (config or {}).items():
        section, _, name = key.partition(".")
        values.setdefault(section, {})[name] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    hashes = {str(each): {"split": f"{split}{each}", "initial_weights": "w", "order": "o"} for each in seeds}
    (folder / "manifest.json").write_text(json.dumps({"seeds": hashes, "command": ["train.py"]}))


def scores(mean, count=20, seed=0, spread=1.0):
    return np.random.default_rng(seed).normal(mean, spread, count).tolist()


def test_it_holds_the_contract_and_is_json(tmp_path):
    write_run(tmp_path / "a", "mean_squared_error", scores(10))
    write_run(tmp_path / "b", "huber", scores(9.5, seed=1))
    comparison = compare(tmp_path)
    content = comparison.to_json()
    assert set(content) >= KEYS
    assert json.loads(json.dumps(content, allow_nan=False)) == content  # which tuples would not be
    assert comparison.metric == comparison.metric == "test/rmse"
    assert [group.label for group in comparison.groups] == ["huber", "mean_squared_error"]  # the best first


def test_losses_are_paired_by_seed_whatever_the_order_of_runs(tmp_path):
    first, second = scores(10), scores(9.9, seed=1)
    write_run(tmp_path / "a", "mean_squared_error", first)
    write_run(tmp_path / "b1", "huber", second[10:], seed=10)
    write_run(tmp_path / "b2", "huber", second[:10])
    (pair,) = compare(tmp_path).pairs
    assert pair.a == min(
        ("huber", "mean_squared_error"), key=lambda n: np.mean({"huber": second}.get(n, first))
    )
    differences = (np.array(first) - np.array(second)) * (1 if pair.a == "mean_squared_error" else -1)
    assert pair.n == 20
    assert pair.difference == pytest.approx(differences.mean())
    assert pair.p_wilcoxon == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-6)
    low, high = pair.ci95
    assert low < differences.mean() < high


@pytest.mark.parametrize(("metric", "winner"), [("rmse", "huber"), ("accuracy", "mean_squared_error")])
def test_a_clear_difference_is_decided_in_the_metrics_direction(tmp_path, metric, winner):
    write_run(tmp_path / "a", "mean_squared_error", scores(10), metric=metric)
    write_run(tmp_path / "b", "huber", scores(7, seed=1), metric=metric)
    comparison = compare(tmp_path)
    (pair,) = comparison.pairs
    assert (pair.a, pair.decision) == (winner, "a_better")
    assert f"{winner} is better than all others" in comparison.verdict


def test_equal_losses_are_undecided_and_few_seeds_are_too_few(tmp_path):
    write_run(tmp_path / "x" / "a", "mean_squared_error", scores(10))
    write_run(tmp_path / "x" / "b", "huber", scores(10, seed=3))
    assert compare(tmp_path / "x").pairs[0].decision == "undecided"
    write_run(tmp_path / "y" / "a", "mean_squared_error", scores(10, 5))
    write_run(tmp_path / "y" / "b", "huber", scores(1, 5, seed=3))
    comparison = compare(tmp_path / "y")
    (pair,) = comparison.pairs
    assert (pair.decision, pair.seeds_needed, pair.p_value) == ("too_few_seeds", 6, None)
    assert "use at least 6 (replicates=6)" in comparison.verdict


def test_failed_runs_and_diverged_seeds_are_shown_and_counted(tmp_path):
    write_run(tmp_path / "a", "mean_squared_error", scores(10))
    write_run(tmp_path / "b", "huber", [None, *scores(9, 19)])
    write_run(tmp_path / "c", "log_cosh", [], error="no memory")
    comparison = compare(tmp_path)
    assert comparison.excluded == (Excluded("c", "failed: no memory"),)
    assert {group.label: group.summary.diverged for group in comparison.groups} == {
        "mean_squared_error": 0,
        "huber": 1,
    }
    assert comparison.pairs[0].n == 19
    assert "1 run failed and 1 seed diverged" in comparison.verdict


def test_the_verdict_says_why_there_is_nothing_to_compare(tmp_path):
    write_run(tmp_path / "a" / "a", "huber", [None, None], data="a")
    write_run(tmp_path / "b" / "a", "huber", [None, None], data="b")
    write_run(tmp_path / "b" / "b", "log_cosh", [2.0, 4.0], data="b")
    assert "On a no run has a finite rmse." in compare(tmp_path / "a").verdict
    assert "On b only log_cosh has a result (rmse 3)" in compare(tmp_path / "b").verdict


def test_the_verdict_says_what_the_best_beats_and_what_not(tmp_path):
    write_run(tmp_path / "a", "huber", scores(10, seed=1))
    write_run(tmp_path / "b", "log_cosh", scores(10, seed=2))
    write_run(tmp_path / "c", "poisson", scores(20, seed=3))
    verdict = compare(tmp_path).verdict
    assert "is better than poisson, but cannot be distinguished from" in verdict
    assert "with 20 seeds" in verdict


def test_a_reference_that_one_block_lacks_leaves_its_pairs_out(tmp_path):
    for data, losses in (("a", ("huber", "log_cosh")), ("b", ("poisson", "log_cosh"))):
        for index, loss in enumerate(losses):
            write_run(tmp_path / f"{data}{loss}", loss, scores(10 + index), data=data)
    comparison = compare(tmp_path, reference="huber")
    assert [(pair.a, pair.b, pair.data) for pair in comparison.pairs] == [("huber", "log_cosh", "a")]
    assert "On b poisson has the best mean" in comparison.verdict
    assert "it is in no pair that was compared" in comparison.verdict


def test_a_loss_with_two_parameters_is_two_groups(tmp_path):
    for delta in (1.0, 2.0):
        write_run(tmp_path / f"h{delta}", "huber", scores(10, seed=int(delta)), config={"loss.delta": delta})
    write_run(tmp_path / "m", "mean_squared_error", scores(10, seed=7))
    labels = sorted(group.label for group in compare(tmp_path).groups)
    assert labels == ["huber delta=1.0", "huber delta=2.0", "mean_squared_error"]


def test_every_data_key_makes_a_block_and_pairs_stay_within(tmp_path):
    for rate in (0.0, 0.1):
        for loss in ("mean_squared_error", "huber"):
            write_run(tmp_path / f"{loss}{rate}", loss, scores(10 + rate), config={"data.outliers": rate})
    comparison = compare(tmp_path)
    assert {group.data for group in comparison.groups} == {
        "diabetes outliers=0.0",
        "diabetes outliers=0.1",
    }
    assert len(comparison.pairs) == 2
    assert comparison.across_data is None  # two rates of one data set are not two data sets
    assert {group.data_set for group in comparison.groups} == {"diabetes"}
    assert "holds for this data set only" in comparison.verdict


def test_over_data_sets_each_counts_once_however_many_rates_it_has(tmp_path):
    table = {
        ("huber", "a"): [1.0, 5.0],
        ("log_cosh", "a"): [2.0, 3.0],
        ("huber", "b"): [7.0, 7.0],
        ("log_cosh", "b"): [8.0, 9.0],
    }
    for (loss, data), means in table.items():
        for rate, mean in zip((0.0, 0.1), means, strict=True):
            values = [mean] * 3
            write_run(
                tmp_path / f"{loss}{data}{rate}", loss, values, data=data, config={"data.outliers": rate}
            )
    across = compare(tmp_path).across_data
    assert across.n == 2
    assert across.mean_ranks == {"huber": 1.5, "log_cosh": 1.5}  # on a 3.0 against 2.5, on b 7.0 and 8.5
    (pair,) = across.pairs
    assert abs(pair.median_difference) == pytest.approx(0.5)
    assert pair.decision == "too_few_data_sets"


@pytest.mark.parametrize(("metric", "best"), [("rmse", "log_cosh"), ("accuracy", "huber")])
def test_ten_data_sets_decide_in_the_metrics_direction(tmp_path, metric, best):
    for index in range(10):
        for loss, more in (("huber", 1.0), ("log_cosh", 0.0)):
            write_run(tmp_path / f"{loss}{index}", loss, [index + more] * 3, data=f"d{index}", metric=metric)
    across = compare(tmp_path).across_data
    assert min(across.mean_ranks, key=across.mean_ranks.get) == best
    (pair,) = across.pairs
    assert pair.median_difference == (1.0 if pair.a == "huber" else -1.0)  # a - b in the metric's own units
    assert getattr(pair, pair.decision[0]) == best


def test_any_other_key_is_tuned_on_validation_for_each_loss_and_its_cost_is_counted(tmp_path):
    for loss, best in (("mean_squared_error", 0.01), ("huber", 0.001)):
        for rate in (0.01, 0.001):
            values = scores(10 if rate == best else 20)
            write_run(tmp_path / f"{loss}{rate}", loss, values, config={"optimizer.lr": rate})
    tuned = {group.label: group.tuned for group in compare(tmp_path).groups}
    assert tuned["mean_squared_error"] == TunedSetting({"optimizer.lr": 0.01}, 2)
    assert tuned["huber"] == TunedSetting({"optimizer.lr": 0.001}, 2)


def tried(folder, means, tests=None, config="optimizer.lr", **options):
    """Runs of each loss at 0.1, 0.01 and 0.001, whose validation scores have these means."""
    for loss, of_loss in means.items():
        for index, (rate, mean) in enumerate(zip((0.1, 0.01, 0.001), of_loss, strict=True)):
            values = scores(mean, seed=index)
            test = values if tests is None else scores(tests[loss][index], seed=index)
            write_run(
                folder / f"{loss}{rate}", loss, test, validation=values, config={config: rate}, **options
            )


def chosen(comparison, kind):
    return {group.label: getattr(group, kind).setting["optimizer.lr"] for group in comparison.groups}


def test_the_best_is_picked_on_validation_and_evaluated_on_test(tmp_path):
    tried(tmp_path, {"huber": (10, 20, 30), "mse": (30, 20, 10)}, {"huber": (9, 1, 1), "mse": (1, 1, 8)})
    comparison = compare(tmp_path)
    assert chosen(comparison, "tuned") == {"huber": 0.1, "mse": 0.001}
    means = {group.label: group.summary.mean for group in comparison.groups}
    assert means["huber"] == pytest.approx(np.mean(scores(9)))
    assert means["mse"] == pytest.approx(np.mean(scores(8, seed=2)))
    assert comparison.tuning.runs == 6
    assert "6 runs in all" in comparison.verdict


@pytest.mark.parametrize(
    ("means", "same"),
    [
        ({"a": (10, 15, 20), "b": (10, 15, 20)}, 0.1),  # what all choose by themselves
        ({"a": (10, 15, 25), "b": (25, 15, 10)}, 0.01),  # equal ranks: the best mean
        ({"a": (10, 15, 20), "b": (10, 15, 20), "c": (10, 15, 20), "d": (9000, 10, 15)}, 0.1),  # one explodes
    ],
)
def test_one_setting_for_all_is_the_best_of_the_ranks_of_each_loss(tmp_path, means, same):
    tried(tmp_path, means)
    comparison = compare(tmp_path)
    assert set(chosen(comparison, "same").values()) == {same}
    trials = comparison.tuning.trials
    assert len(trials) == 3 * len(means)
    for group in comparison.groups:
        (row,) = [trial for trial in trials if trial.label == group.label and trial.same]
        index = (0.1, 0.01, 0.001).index(same)
        assert group.same.summary.mean == row.summary.mean
        assert row.summary.mean == pytest.approx(np.mean(scores(means[group.label][index], seed=index)))


def test_a_higher_metric_is_tuned_to_the_highest(tmp_path):
    tried(tmp_path, {"a": (10, 15, 25), "b": (10, 15, 25)}, metric="accuracy")
    comparison = compare(tmp_path)
    assert set(chosen(comparison, "tuned").values()) == set(chosen(comparison, "same").values()) == {0.001}


def test_a_setting_at_which_a_seed_diverges_is_chosen_last(tmp_path):
    write_run(tmp_path / "a", "huber", [1.0, None], config={"optimizer.lr": 1})
    write_run(tmp_path / "b", "huber", [9.0, 9.0], config={"optimizer.lr": 0.1})
    (group,) = compare(tmp_path).groups
    assert (group.tuned.setting["optimizer.lr"], group.summary.diverged) == (0.1, 0)


def test_the_pairs_are_decided_at_the_same_setting_too(tmp_path):
    tried(tmp_path, {"huber": (10, 12, 14), "mse": (18, 12.5, 11)}, {"huber": (5, 9, 9), "mse": (20, 20, 5)})
    comparison = compare(tmp_path)
    assert set(chosen(comparison, "same").values()) == {0.01}
    (pair,) = comparison.pairs
    assert pair.decision == "undecided"
    alone = compare(tmp_path / "huber0.01", tmp_path / "mse0.01").pairs[0]
    assert alone.decision != "undecided"
    same = pair.same
    sign = 1 if alone.a == pair.a else -1
    assert same.difference == pytest.approx(sign * alone.difference)
    assert same.p_adjusted == alone.p_adjusted
    assert "With optimizer.lr=0.01 for all, huber is better than mse" in comparison.verdict


def test_what_tuning_changes_is_said_with_its_data_set(tmp_path):
    for data, last in (("diabetes", 11), ("petals", 25)):
        means = {"huber": (10, 12, 14), "mse": (18, 12.5, last)}
        tests = {"huber": (5, 9, 9), "mse": (20, 20, 5 if last == 11 else 20)}
        tried(tmp_path / data, means, tests, data=data)
    said = compare(tmp_path / "diabetes", tmp_path / "petals").verdict
    assert "on diabetes huber is better than mse." in said


def test_the_best_is_picked_on_validation_whatever_part_is_shown(tmp_path):
    tried(tmp_path, {"huber": (10, 20, 30)}, {"huber": (9, 8, 1)})
    assert chosen(compare(tmp_path, metric="train/rmse"), "tuned") == {"huber": 0.1}


def test_without_tuning_nothing_is_reported_about_it(tmp_path):
    write_run(tmp_path / "a", "huber", scores(10))
    write_run(tmp_path / "b", "mean_squared_error", scores(10, seed=1))
    comparison = compare(tmp_path)
    assert comparison.tuning is None
    assert all(group.tuned is group.same is None for group in comparison.groups)
    assert all("same" not in row for row in [*comparison.to_json()["groups"], *comparison.to_json()["pairs"]])


def test_what_is_unfair_is_refused_with_the_key(tmp_path):
    write_run(tmp_path / "half" / "a", "mean_squared_error", scores(10), config={"optimizer.lr": 0.1})
    write_run(tmp_path / "half" / "b", "mean_squared_error", scores(10), config={"optimizer.lr": 0.2})
    write_run(tmp_path / "half" / "c", "huber", scores(10), config={"optimizer.lr": 0.1})
    with pytest.raises(UserError, match=r"optimizer\.lr varies.*huber lacks"):
        compare(tmp_path / "half")
    write_run(tmp_path / "twice" / "a", "huber", scores(10))
    write_run(tmp_path / "twice" / "b", "huber", scores(10), seed=19)
    with pytest.raises(UserError, match="seed 19 of huber was trained more than once, in a and b"):
        compare(tmp_path / "twice")
    write_run(tmp_path / "apart" / "a", "huber", scores(10))
    write_run(tmp_path / "apart" / "b", "mean_squared_error", scores(10), split="other")
    with pytest.raises(UserError, match="have different splits at seed 0"):
        compare(tmp_path / "apart")


def test_mistakes_are_answered(tmp_path):
    with pytest.raises(UserError, match="no results"):
        compare(tmp_path)
    write_run(tmp_path / "a", "huber", scores(10))
    write_run(tmp_path / "b", "mean_squared_error", scores(10))
    with pytest.raises(UserError, match="Did you mean test/rmse"):
        compare(tmp_path, metric="rsme")
    with pytest.raises(UserError, match="Did you mean huber"):
        compare(tmp_path, reference="hubr")
    assert len(compare(tmp_path, reference="huber").pairs) == 1
    assert compare(tmp_path, metric="mae").metric == "test/mae"


def test_the_matrix_marks_the_metric_that_a_loss_was_trained_with(tmp_path):
    write_run(tmp_path / "a", "mean_squared_error", scores(10))
    write_run(tmp_path / "b", "huber", scores(10))
    matrix = compare(tmp_path).matrix
    assert matrix.metrics == ("mae", "rmse")
    same = {row.label: row.same for row in matrix.rows}
    assert same == {"mean_squared_error": (False, True), "huber": (False, False)}


def test_a_real_sweep_ends_with_its_comparison(tmp_path, train):
    words = [
        "-m",
        "loss=mse,huber",
        "replicates=6",
        "trainer.max_epochs=2",
        f"hydra.sweep.dir={tmp_path}/sweep",
    ]
    outcome = train(*words)
    assert outcome.status == 0
    assert "test/r2, higher is better" in outcome.out
    assert "pairs, by seed" in outcome.out
    shown = outcome.out.split("test/r2, higher")[1].split("figures and a page")[0]
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert len(lossbench.compare(tmp_path / "sweep").groups) == 2


def test_a_loss_that_wins_the_common_seeds_is_not_called_indistinguishable(tmp_path):
    """The best mean may be over other seeds: mse was trained on more of them, and easier ones."""
    common = np.linspace(10, 11, 12)
    write_run(tmp_path / "mse", "mse", [*common, *[1.0] * 20])
    write_run(tmp_path / "huber", "huber", common - 1)
    comparison = compare(tmp_path)
    assert comparison.groups[0].label == "mse"
    (pair,) = comparison.pairs
    assert pair.decision == "b_better"
    assert "huber is better on the seeds that both have" in comparison.verdict
    assert "cannot be distinguished" not in comparison.verdict


def test_a_loss_that_was_not_compared_is_not_judged(tmp_path):
    """With a reference, only pairs with it are compared."""
    scores = np.linspace(10, 11, 12)
    for name, shift in (("huber", 0.0), ("mae", 0.5), ("mse", 1.0)):
        write_run(tmp_path / name, name, scores + shift)
    verdict = compare(tmp_path, reference="mse").verdict
    assert "huber (rmse 10.5) is better than mse. It was not compared with mae." in verdict
    assert "cannot be distinguished" not in verdict
