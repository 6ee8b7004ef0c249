"""Trained networks predict the minimiser of the expected loss: mean, median, probability."""

import numpy as np
import pandas as pd
import pytest

import lossbench

ROWS = 3000


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """Write a table with two groups of lognormal targets, whose means are 1.65 times their medians."""
    random = np.random.default_rng(0)
    group = np.arange(ROWS) % 2
    target = np.exp(random.normal(size=ROWS)) * np.where(group == 0, 1.0, 3.0)
    path = tmp_path_factory.mktemp("skewed") / "t.csv"
    pd.DataFrame({"group": group, "y": target}).to_csv(path, index=False)
    return path, pd.Series(target).groupby(group)


def predictions(tmp_path, path, *overrides):
    result = lossbench.run(
        *overrides,
        "data=table",
        f"data.path={path}",
        "data.target=y",
        "data.batch_size=1800",
        "data.stratify=false",
        "model.hidden_units=[]",
        "optimizer.lr=0.05",
        "trainer.max_epochs=400",
        "trainer.keep=last",
        f"hydra.run.dir={tmp_path}/run",
    )
    table = pd.read_csv(result.folder / "predictions.csv")
    group = pd.read_csv(path)["group"].to_numpy()[table["row"]]
    column = "prediction" if "probability/1" not in table else "probability/1"
    return table.groupby(group)[column].mean()


def test_squared_error_predicts_the_mean(tmp_path, skewed):
    path, groups = skewed
    # The mean of 900 training rows has a standard error of 7 %, two thirds of which both sides share
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=mse"), groups.mean(), rtol=0.1)


def test_absolute_error_predicts_the_median(tmp_path, skewed):
    path, groups = skewed
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=mae"), groups.median(), rtol=0.1)


@pytest.mark.slow
def test_huber_predicts_between_median_and_mean_closer_to_the_mean_for_larger_delta(tmp_path, skewed):
    path, groups = skewed
    by_delta = [
        predictions(tmp_path / d, path, "loss=huber", f"loss.delta={d}") for d in ("0.05", "0.5", "2")
    ]
    for group in (0, 1):
        order = [groups.median()[group] * 0.93, *(p[group] for p in by_delta), groups.mean()[group] * 1.07]
        assert order == sorted(order)


def test_squared_logarithmic_error_predicts_the_mean_of_logarithms(tmp_path, skewed):
    path, _ = skewed
    frame = pd.read_csv(path)
    expected = np.expm1(np.log1p(frame["y"]).groupby(frame["group"]).mean())
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=msle"), expected, rtol=0.1)


def test_poisson_predicts_the_mean(tmp_path):
    random = np.random.default_rng(1)
    group = np.arange(ROWS) % 2
    path = tmp_path / "t.csv"
    counts = random.poisson(np.where(group == 0, 2.0, 6.0))
    pd.DataFrame({"group": group, "y": counts}).to_csv(path, index=False)
    got = predictions(tmp_path, path, "loss=poisson", "loss.from_logits=true")
    np.testing.assert_allclose(got, [2.0, 6.0], rtol=0.1)


@pytest.mark.parametrize("overrides", [("loss=bce",), ("loss=bce", "loss.from_logits=true")], ids=" ".join)
def test_crossentropy_predicts_the_probability(tmp_path, overrides):
    random = np.random.default_rng(2)
    group = np.arange(ROWS) % 2
    path = tmp_path / "t.csv"
    truth = random.random(ROWS) < np.where(group == 0, 0.2, 0.7)
    pd.DataFrame({"group": group, "y": truth.astype(int)}).to_csv(path, index=False)
    # A proportion of 900 rows has a standard error of 0.015
    np.testing.assert_allclose(predictions(tmp_path, path, *overrides), [0.2, 0.7], atol=0.05)
