"""Metrics of numbers at any offset and scale."""

import numpy as np
import pytest
import torch
from oracles import ORACLES, draw

import lossbench
from lossbench.metrics import metric, panel
from lossbench.tasks import COUNT, POSITIVE, REGRESSION


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 1.0), (0.0, 1e-30), (0.0, 1e30), (1e8, 40.0)])
def test_targets_of_any_offset_and_scale_are_judged_right(shift, scale):
    p, y = (values / 50 * scale + shift for values in draw(REGRESSION))
    for name in REGRESSION.metric_names("real", weighted=False):
        got = panel(REGRESSION, [name], p, y)[name]
        centred = [(a - shift).numpy() / scale for a in (p, y)]
        expected = [ORACLES["regression", name](t, q) for q, t in zip(*centred, strict=True)]
        factor = 1 if name == "r2" else scale
        np.testing.assert_allclose(got.numpy() / factor, expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_a_run_on_targets_with_a_large_offset_is_judged_as_without(tmp_path, offset):
    random = np.random.default_rng(0)
    a = random.normal(size=200)
    rows = zip(a, 3 * a + random.normal(size=200) + offset, strict=True)
    (tmp_path / "t.csv").write_text(
        "a,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in rows).replace("np.float64(", "").replace(")", "")
    )
    result = lossbench.run(
        "data=table",
        f"data.path={tmp_path}/t.csv",
        "data.target=y",
        "optimizer.lr=0.05",
        f"hydra.run.dir={tmp_path}/run",
    )
    assert 0.8 < result.metrics["test/r2"][0] < 0.95  # 9 of 10 parts of the variance are the feature's
    assert 0.7 < result.metrics["test/rmse"][0] < 1.5


@pytest.mark.parametrize(
    ("task", "name", "targets", "predictions", "expected"),
    [
        (COUNT, "poisson_deviance", [0.0, 2.0], [0.0, 2.0], 0.0),  # 0 is the limit of predictions above 0
        (COUNT, "poisson_deviance", [0.0, 2.0], [3.0, 2.0], 3.0),
        (COUNT, "poisson_deviance", [0.0, 2.0], [0.0, 0.0], np.inf),
        (COUNT, "poisson_deviance", [0.0, 2.0], [-1.0, 2.0], np.nan),
        (POSITIVE, "gamma_deviance", [1.0, 2.0], [1.0, 2.0], 0.0),
        (POSITIVE, "gamma_deviance", [1.0, 2.0], [0.0, 2.0], np.nan),
        (POSITIVE, "gamma_deviance", [1.0, 2.0], [-1.0, 2.0], np.nan),
    ],
)
def test_a_deviance_is_undefined_outside_its_domain(task, name, targets, predictions, expected):
    y, p = (torch.tensor(values).view(1, -1, 1) for values in (targets, predictions))
    for got in (panel(task, [name], p, y)[name], metric(task, name).per_replicate(p, y)):
        np.testing.assert_allclose(got.numpy(), [expected])


def test_a_prediction_outside_the_domain_of_a_deviance_is_an_empty_value_of_the_record(tmp_path):
    result = lossbench.run(
        *("data=ink", "loss=mse", "model.output_activation=linear", "model.hidden_units=[]"),
        *(
            "model.initial_output=random",
            "trainer.average=false",
            "optimizer.lr=1e-6",
            "trainer.max_epochs=1",
            f"hydra.run.dir={tmp_path}/run",
        ),
    )
    assert (result.status, result.primary_metric) == ("completed", "r2")
    assert "test/poisson_deviance" not in result.metrics
    assert np.isfinite(result.metrics["test/rmse"]).all()


def test_a_change_of_unit_changes_no_gamma_deviance():
    p, y = draw(POSITIVE)
    euros, cents = (panel(POSITIVE, ["gamma_deviance"], p * unit, y * unit) for unit in (1, 100))
    torch.testing.assert_close(euros["gamma_deviance"], cents["gamma_deviance"])


def test_r2_of_equal_targets_is_undefined_in_both_forms():
    y = torch.ones(1, 5, 1, dtype=torch.float64)
    assert metric(REGRESSION, "r2").per_replicate(y + 1, y).isnan().all()
    assert panel(REGRESSION, ["r2"], y + 1, y)["r2"].isnan().all()
