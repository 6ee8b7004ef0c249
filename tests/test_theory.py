"""Trained networks predict what theory says that their loss asks for."""

import numpy as np
import pandas as pd
import pytest

import lossbench

ROWS = 3000


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """Two groups of lognormal targets, whose mean (1.65 times) lies well above their median."""
    random = np.random.default_rng(0)
    group = np.arange(ROWS) % 2
    target = np.exp(random.normal(size=ROWS)) * np.where(group == 0, 1.0, 3.0)
    path = tmp_path_factory.mktemp("skewed") / "t.csv"
    pd.DataFrame({"group": group, "y": target}).to_csv(path, index=False)
    return path, pd.Series(target).groupby(group)


def predictions(tmp_path, path, *words):
    result = lossbench.run(
        *words,
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


def test_squared_error_asks_for_the_mean(tmp_path, skewed):
    path, groups = skewed
    # of 900 training rows a group's mean has a standard error of 7 %; two thirds of it are shared
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=mse"), groups.mean(), rtol=0.1)


def test_absolute_error_asks_for_the_median(tmp_path, skewed):
    path, groups = skewed
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=mae"), groups.median(), rtol=0.1)


def test_huber_lies_between_them_the_nearer_the_mean_the_larger_delta(tmp_path, skewed):
    path, groups = skewed
    by_delta = [
        predictions(tmp_path / d, path, "loss=huber", f"loss.delta={d}") for d in ("0.05", "0.5", "2")
    ]
    for group in (0, 1):
        order = [groups.median()[group] * 0.93, *(p[group] for p in by_delta), groups.mean()[group] * 1.07]
        assert order == sorted(order)


def test_squared_logarithmic_error_asks_for_the_mean_of_logarithms(tmp_path, skewed):
    path, _ = skewed
    frame = pd.read_csv(path)
    expected = np.expm1(np.log1p(frame["y"]).groupby(frame["group"]).mean())
    np.testing.assert_allclose(predictions(tmp_path, path, "loss=msle"), expected, rtol=0.1)


def test_poisson_asks_for_the_mean(tmp_path):
    random = np.random.default_rng(1)
    group = np.arange(ROWS) % 2
    path = tmp_path / "t.csv"
    counts = random.poisson(np.where(group == 0, 2.0, 6.0))
    pd.DataFrame({"group": group, "y": counts}).to_csv(path, index=False)
    got = predictions(tmp_path, path, "loss=poisson", "loss.from_logits=true")
    np.testing.assert_allclose(got, [2.0, 6.0], rtol=0.1)


@pytest.mark.parametrize("words", [("loss=bce",), ("loss=bce", "loss.from_logits=true")], ids=" ".join)
def test_crossentropy_is_calibrated(tmp_path, words):
    random = np.random.default_rng(2)
    group = np.arange(ROWS) % 2
    path = tmp_path / "t.csv"
    truth = random.random(ROWS) < np.where(group == 0, 0.2, 0.7)
    pd.DataFrame({"group": group, "y": truth.astype(int)}).to_csv(path, index=False)
    # a share of 900 rows has a standard error of 0.015
    np.testing.assert_allclose(predictions(tmp_path, path, *words), [0.2, 0.7], atol=0.05)
