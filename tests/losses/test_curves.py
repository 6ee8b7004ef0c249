"""A loss's profile is that of its formula: value, first and second derivative, parameters as configured."""

import numpy as np
import pytest

from lossbench import registry
from lossbench.losses.curves import loss_curve

E = (np.arange(-300, 300) + 0.5) / 100
P = 1 / (1 + np.exp(-E))
ONE = np.ones_like(E)
FORMULAS = {
    ("mean_squared_error", ()): (E**2, 2 * E, 2 * ONE),
    ("mean_absolute_error", ()): (abs(E), np.sign(E), 0 * E),
    ("log_cosh", (("delta", 2.0),)): (4 * np.log(np.cosh(E / 2)), 2 * np.tanh(E / 2), np.cosh(E / 2) ** -2.0),
    ("binary_crossentropy", ()): (-np.log(P), P - 1, P * (1 - P)),
    ("binary_crossentropy", (("from_logits", True),)): (-np.log(P), P - 1, P * (1 - P)),
    ("hinge", ()): (np.maximum(1 - E, 0), -1.0 * (E < 1), 0 * E),
    ("squared_hinge", ()): (np.maximum(1 - E, 0) ** 2, -2 * np.maximum(1 - E, 0), 2.0 * (E < 1)),
}


@pytest.mark.parametrize(("name", "parameters"), FORMULAS)
def test_it_is_the_formula_differentiated_by_hand(name, parameters):
    found = loss_curve(name, dict(parameters))
    assert np.allclose(found["x"], E)
    for part, formula in zip(("value", "gradient", "curvature"), FORMULAS[name, parameters], strict=True):
        assert np.array(found[part]) == pytest.approx(formula, rel=1e-6, abs=1e-9), part


@pytest.mark.parametrize("delta", [0.5, 2.0, 10.0])
def test_hubers_delta_is_honoured_and_in_view(delta):
    found = {key: np.array(column) for key, column in loss_curve("huber", {"delta": delta}).items()}
    e = found["x"]
    assert e.max() == pytest.approx(max(3, 1.5 * delta), rel=0.01)
    assert found["gradient"] == pytest.approx(np.clip(e, -delta, delta))
    assert found["value"] == pytest.approx(np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2)))
    assert found["curvature"] == pytest.approx(1.0 * (abs(e) < delta))


def test_what_is_positive_is_judged_by_the_prediction_of_a_target_of_one():
    found = {key: np.array(column) for key, column in loss_curve("poisson", {}).items()}
    assert "target of 1" in str(found["axis"])
    assert found["gradient"] == pytest.approx(1 - 1 / found["x"], abs=1e-5)
    assert found["curvature"] == pytest.approx(found["x"] ** -2.0, rel=1e-5)


@pytest.mark.parametrize("name", registry.losses())
def test_every_loss_has_a_finite_profile_or_none(name):
    given = {key: value for key, value in registry.read("loss", name).items() if key not in ("name", "about")}
    found, about = loss_curve(name, given), registry.about("loss", name)
    alone = not about["couples_samples"] and about["task"] in ("regression", "positive", "count", "binary")
    assert (found is not None) == alone
    if found is not None:
        assert all(np.isfinite(found[part]).all() for part in ("x", "value", "gradient", "curvature"))
        assert len({len(found[part]) for part in ("x", "value", "gradient", "curvature")}) == 1


def test_what_is_not_ours_has_none():
    assert loss_curve("custom", {"function": "os:remove"}) is loss_curve("../data/diabetes", {}) is None
