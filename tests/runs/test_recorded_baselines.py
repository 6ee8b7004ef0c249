"""The baselines are scikit-learn's on exactly the rows of the losses, trained once, and never in the way."""

import json
import shutil
from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, RidgeCV
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, mean_poisson_deviance
from threadpoolctl import threadpool_info

from lossbench.config import compose
from lossbench.config.check import check
from lossbench.config.resolve import data_settings, resolve
from lossbench.data.replicates import make_splits, make_table
from lossbench.records.baselines import BaselineRecord, read_baselines, read_block
from lossbench.records.result import Result, read_results
from lossbench.runs import baseline_models, baselines
from lossbench.runs.job import run_job

SEEDS = 2
QUICK = (f"replicates={SEEDS}", "trainer.max_epochs=1")


def trained(folder, *words, metric=None):
    """Train a run and its baselines; return its config, its data, its splits and the baselines by name."""
    values = compose.plain(compose.compose_config(*QUICK, *words))
    run_job(values, folder / "job", picture=False, command=["train"])
    config = resolve(values)
    dataset = config.data.load()
    block = read_block([folder / "job"])
    outcome = baselines.record_baselines(
        block, metric or config.primary_on(dataset).name, folder / "baselines"
    )
    assert outcome.failures == {}
    records = {record.result.loss: record for record in read_baselines([folder / "job"])}
    return config, dataset, make_splits(dataset, config.data, config.targets, config.seeds), records


def rmse(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def standardised(features, split):
    train = features[split.train]
    return (features - train.mean(0)) / np.where(train.std(0) > 0, train.std(0), 1)


def test_numbers_are_those_of_scikit_learn(tmp_path):
    _, dataset, splits, records = trained(tmp_path, "loss=mse")
    x, y = dataset.features, load_diabetes().target
    for seed, split in enumerate(splits):
        train, test = split.train, split.test
        ridge = RidgeCV(np.logspace(-3, 5, 17)).fit(standardised(x, split)[train], y[train])
        trees = HistGradientBoostingRegressor(early_stopping=True, random_state=seed)
        trees.fit(x[train], y[train], X_val=x[split.validation], y_val=y[split.validation])
        expected = {
            "constant": np.full(len(test), y[train].mean()),
            "linear": ridge.predict(standardised(x, split)[test]),
            "boosting": trees.predict(x[test]),
        }
        for name, predictions in expected.items():
            value = records[name].result.metrics["test/rmse"][seed]
            assert value == pytest.approx(rmse(predictions, y[test]), rel=1e-6), name


def test_classes_are_those_of_scikit_learn(tmp_path):
    _, _, splits, records = trained(tmp_path, "loss=bce")
    x, y = load_breast_cancer(return_X_y=True)
    for seed, split in enumerate(splits):
        train, test, validation = split.train, split.test, split.validation
        scaled = standardised(x, split)
        models = [
            LogisticRegression(C=c, max_iter=500).fit(scaled[train], y[train]) for c in (0.01, 0.1, 1, 10)
        ]
        best = min(models, key=lambda model: log_loss(y[validation], model.predict_proba(scaled[validation])))
        trees = HistGradientBoostingClassifier(early_stopping=True, random_state=seed)
        trees.fit(x[train], y[train], X_val=x[validation], y_val=y[validation])
        expected = {
            "constant": np.full(len(test), y[train].mean()),
            "linear": best.predict_proba(scaled[test])[:, 1],
            "boosting": trees.predict_proba(x[test])[:, 1],
        }
        for name, predictions in expected.items():
            metrics = records[name].result.metrics
            brier = brier_score_loss(y[test], predictions)
            assert metrics["test/brier"][seed] == pytest.approx(brier, rel=1e-5), name
            accuracy = accuracy_score(y[test], predictions > 0.5)
            assert metrics["test/accuracy"][seed] == pytest.approx(accuracy, rel=1e-6), name
    assert records["constant"].result.metrics["test/auroc"] == [0.5] * SEEDS


def test_counts_are_a_poisson_regression(tmp_path):
    _, dataset, splits, records = trained(tmp_path, "loss=poisson")
    x, y = dataset.features, dataset.target.values[:, 0]
    assert not dataset.unscaled
    for seed, split in enumerate(splits):
        train, test, validation = split.train, split.test, split.validation
        scaled, mean = standardised(x, split), y[train].mean()
        models = [
            PoissonRegressor(alpha=alpha, max_iter=500).fit(scaled[train], y[train] / mean)
            for alpha in (1, 1e-2, 1e-4)
        ]
        linear = min(
            models,
            key=lambda model: mean_poisson_deviance(y[validation] / mean, model.predict(scaled[validation])),
        )
        trees = HistGradientBoostingRegressor(loss="poisson", early_stopping=True, random_state=seed)
        trees.fit(x[train], y[train], X_val=x[validation], y_val=y[validation])
        for name, predicted in (
            ("linear", mean * linear.predict(scaled[test])),
            ("boosting", trees.predict(x[test])),
        ):
            value = records[name].result.metrics["test/rmse"][seed]
            assert value == pytest.approx(rmse(predicted, y[test]), rel=1e-4), name


@pytest.mark.parametrize(("metric", "constant"), [("rmse", np.mean), ("mae", np.median), ("r2", np.mean)])
def test_the_constant_is_the_best_one_for_the_metric(tmp_path, metric, constant):
    _, dataset, splits, records = trained(
        tmp_path,
        "loss=mse",
        "metrics=[mae,rmse]" if metric == "mae" else f"metrics=[{metric},mae]",
        metric=metric,
    )
    y = dataset.target.values[:, 0]
    expected = [rmse(constant(y[split.train]), y[split.test]) for split in splits]
    assert records["constant"].result.metrics["test/rmse"] == pytest.approx(expected, rel=1e-6)


def test_they_are_trained_on_the_corrupted_targets_and_weights_of_the_losses(tmp_path):
    words = ("loss=mse", "data.outliers=0.2", "data.missing_labels=0.3")
    config, dataset, splits, records = trained(tmp_path, *words)
    table = make_table(
        dataset, splits, config.data, config.targets, config.seeds, config.training.dtype
    )  # what the losses are trained on
    y = dataset.target.values[:, 0]
    _, targets, weights = next(table.batches(table.rows("train"), len(splits[0].train)))
    (term,) = table.terms
    values = table.target(term).in_user_units(targets[term])[..., 0].numpy()
    for seed, split in enumerate(splits):
        known = weights[term][seed].numpy() > 0
        assert 0.25 < 1 - known.mean() < 0.35
        expected = rmse(values[seed][known].mean(), y[split.test])
        assert records["constant"].result.metrics["test/rmse"][seed] == pytest.approx(expected, rel=1e-5)


def test_the_record_proves_that_the_rows_are_those_of_the_losses(tmp_path):
    _, dataset, splits, records = trained(tmp_path, "loss=mse", "seed=4")
    job = json.loads((tmp_path / "job" / "manifest.json").read_text())
    for name, record in records.items():
        assert record.fingerprint == job["data_fingerprint"] == dataset.fingerprint
        assert record.splits == {int(seed): hashes["split"] for seed, hashes in job["seeds"].items()}
        assert record.sizes["test"] == len(splits[0].test)
        content = json.loads((record.result.folder / "result.json").read_text())
        assert (content["baseline"], content["loss"], content["seeds"]) == (True, name, [4, 5])
        assert set(content) > {"status", "data", "replicates", "metrics", "yardstick", "duration_s"}
    assert [result.loss for result in read_results(tmp_path)] == ["mean_squared_error"]
    assert read_results(tmp_path / "baselines") == []
    assert "baseline" not in json.loads((tmp_path / "job" / "result.json").read_text())


def counted_fits(monkeypatch):
    fits, fit = [], baseline_models.fit

    def count(name, data):
        fits.append((name, data.seed))
        threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
        assert set(threads) == {1}
        return fit(name, data)

    monkeypatch.setattr(baselines, "fit", count)
    return fits


def test_each_is_trained_once_for_each_seed_on_one_thread(tmp_path, monkeypatch):
    fits = counted_fits(monkeypatch)
    *_, first = trained(tmp_path, "loss=mse")
    assert sorted(fits) == sorted((name, seed) for name in first for seed in range(SEEDS))
    fits.clear()
    *_, again = trained(tmp_path, "loss=mse")
    assert fits == []
    shutil.rmtree(tmp_path / "job")
    *_, more = trained(tmp_path, "loss=mse", "replicates=4")
    assert sorted(fits) == sorted((name, seed) for name in first for seed in (2, 3))
    for name, record in more.items():
        assert record.result.seeds == [0, 1, 2, 3]
        before = first[name].result.metrics["test/rmse"]
        assert record.result.metrics["test/rmse"][:2] == again[name].result.metrics["test/rmse"] == before
    fits.clear()
    trained(tmp_path, "loss=mse", "replicates=4", metric="mae")  # another constant is the best
    assert len(fits) == 3 * 4


def test_a_kill_leaves_no_half_record(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*arguments):
        raise Killed

    values = compose.plain(compose.compose_config(*QUICK, "loss=mse"))
    run_job(values, tmp_path / "job", picture=False, command=["train"])
    block, store = read_block([tmp_path / "job"]), tmp_path / "baselines"
    for owner, name in ((baselines.files, "write_text"), (baselines.files, "write_json"), (Result, "write")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, kill)
            with pytest.raises(Killed):
                baselines.record_baselines(block, "rmse", store)
        assert read_baselines(block.folders) == []
    assert baselines.record_baselines(block, "rmse", store).fits == 3 * SEEDS
    assert len(read_baselines(block.folders)) == 3
    shutil.rmtree(tmp_path / "job")
    run_job(values | {"replicates": 2 * SEEDS}, tmp_path / "job", picture=False, command=["train"])
    more = read_block([tmp_path / "job"])
    for owner, name in ((baselines.files, "write_json"), (Result, "write")):  # while seeds are added
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, kill)
            with pytest.raises(Killed):
                baselines.record_baselines(more, "rmse", store)
        assert {record.result.loss for record in read_baselines(more.folders)} == {"linear", "boosting"}
    assert baselines.record_baselines(more, "rmse", store).fits == 2 * SEEDS + SEEDS + SEEDS


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        ("dice", {"constant", "linear"}),
        ("cosine_similarity", {"constant", "linear"}),
        ("kl_divergence", {"constant", "linear"}),
        ("contrastive", {"constant"}),
        ("triplet_margin", {"constant"}),
        ("triplet", set()),
    ],
)
def test_a_task_has_the_baselines_that_make_sense_and_says_why_others_are_left_out(loss, names):
    values = compose.plain(compose.compose_config(f"loss={loss}"))
    checked = check(values)
    (output,) = checked.outputs
    target = data_settings(checked).load().target_of(output.name)
    columns = 1 if target.task.has_classes else target.values.shape[1]
    reasons = {
        name: baseline_models.left_out(name, output.task, columns)
        for name in ("constant", "linear", "boosting")
    }
    assert {name for name, reason in reasons.items() if reason is None} == names


def test_shares_and_masks_stay_in_their_domain(tmp_path):
    *_, records = trained(tmp_path, "loss=kl_divergence", "replicates=1", metric="kl")
    constant, linear = (records[name].result.metrics["test/kl"][0] for name in ("constant", "linear"))
    assert 0 < linear < constant
    *_, records = trained(tmp_path / "masks", "loss=dice", "replicates=1")
    assert records["linear"].result.metrics["test/iou"] > records["constant"].result.metrics["test/iou"]
    assert records["boosting"].result.error.startswith("boosted trees predict one column at a time")


def test_several_outputs_have_their_metrics_in_one_record(tmp_path):
    *_, records = trained(tmp_path, "experiment=multi_output_wine", "replicates=1")
    names = {"test/cultivar/accuracy", "test/alcohol/rmse"}
    assert all(names <= set(record.result.metrics) for record in records.values())


def test_classes_that_are_not_in_the_training_part_get_no_probability(tmp_path):
    path = tmp_path / "t.csv"
    rows = [
        (i % 7, i % 3, "abc"[i % 3] if i < 60 else "abcd"[i % 4], "train" if i < 60 else part)
        for i, part in zip(range(100), ["validation", "test"] * 50, strict=True)
    ]
    lines = ["x,z,y,part", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines))
    words = ("loss=scce", "data=table", f"data.path={path}", "data.target=y", "data.split_column=part")
    *_, records = trained(tmp_path, *words)
    for record in records.values():
        assert record.result.status == "completed"
        assert None not in record.result.metrics["test/accuracy"]


def test_a_sweep_ends_with_its_baselines_and_compares_without_them_if_asked(tmp_path, train):
    words = ("-m", "loss=mse,huber", "replicates=6", "trainer.max_epochs=2", f"hydra.sweep.dir={tmp_path}/s")
    without = train(*words, "baselines=false")
    assert without.status == 0
    assert "constant" not in without.out
    assert not (tmp_path / "s" / "baselines").exists()
    outcome = train(*words, "baselines=true")
    assert "baselines: 18 fits in" in outcome.out
    assert "│ constant" in outcome.out
    assert len(read_results(tmp_path / "s")) == 2  # baselines is not a part of a run's identity
    again = train(*words)
    assert "fits" not in again.out
    assert "│ constant" in again.out
    assert "│ constant" not in train(*words, "baselines=false").out


def test_a_comparison_goes_on_when_baselines_fail(tmp_path, train, monkeypatch):
    words = ("-m", "loss=mse,huber", "replicates=2", "trainer.max_epochs=2", f"hydra.sweep.dir={tmp_path}/s")
    fit = baseline_models.fit

    def broken(name, data):
        if name == "boosting":
            raise ValueError("no trees\nhere")
        return fit(name, data)

    with monkeypatch.context() as patch:
        patch.setattr(baselines, "fit", broken)
        outcome = train(*words)
    assert outcome.status == 0
    assert "no baseline (boosting on diabetes): ValueError: no trees here" in outcome.out
    assert "│ linear" in outcome.out

    def interrupt(name, data):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(baselines, "fit", interrupt)
        outcome = train(*words)
    assert "baselines: interrupted" in outcome.out
    assert "pairs, by seed" in outcome.out


def test_compare_trains_what_is_missing_or_says_why_not(tmp_path, train, monkeypatch, capsys):
    path = tmp_path / "t.csv"
    x = np.random.default_rng(0).normal(size=(60, 2))
    path.write_text("a,b,y\n" + "\n".join(f"{a},{b},{a - b}" for a, b in x))
    sweep = tmp_path / "s"
    train(
        *("-m", "loss=mse,huber", "data=table", f"data.path={path}", "data.target=y", "baselines=false"),
        *("replicates=3", "trainer.max_epochs=2", f"hydra.sweep.dir={sweep}"),
    )
    main = import_module("lossbench.cli.compare").main

    def compared():
        monkeypatch.setattr("sys.argv", ["compare.py", str(sweep)])
        main()
        return " ".join(capsys.readouterr().out.split())

    assert "constant" not in compared()  # the runs were started with baselines=false
    for config in sweep.glob("*/config.yaml"):
        config.write_text(config.read_text().replace("baselines: false\n", ""))  # as an earlier version
    data = path.read_text()
    path.write_text(data.replace("\n", "\n9,9,9\n", 1))
    assert "the data is no longer what the runs were trained on" in compared()
    path.rename(tmp_path / "away.csv")
    assert "no such file" in compared()
    path.write_text(data)
    assert "baselines: 9 fits in" in compared()
    assert "fits" not in compared()
    path.unlink()  # the records are enough
    assert "│ constant" in compared()


def test_a_record_that_cannot_be_read_is_none(tmp_path):
    assert BaselineRecord.read(tmp_path) is None
    Result("completed", "constant", "constant", "d", "id", folder=tmp_path, baseline=True).write()
    assert BaselineRecord.read(tmp_path) is None  # there is no manifest
