"""Metrics of numbers at any offset and scale."""

import numpy as np
import pytest
import torch
from oracles import ORACLES, draw

import lossbench
from lossbench.metrics import metric, panel
from lossbench.tasks import REGRESSION


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


def test_r2_of_equal_targets_is_undefined_in_both_forms():
    y = torch.ones(1, 5, 1, dtype=torch.float64)
    assert metric(REGRESSION, "r2").per_replicate(y + 1, y).isnan().all()
    assert panel(REGRESSION, ["r2"], y + 1, y)["r2"].isnan().all()
