"""A loss curve shows the value and the first two derivatives of the configured formula."""

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
def test_a_curve_agrees_with_derivatives_by_hand(name, parameters):
    curve = loss_curve(name, dict(parameters))
    assert np.allclose(curve["x"], E)
    for part, formula in zip(("value", "gradient", "curvature"), FORMULAS[name, parameters], strict=True):
        assert np.array(curve[part]) == pytest.approx(formula, rel=1e-6, abs=1e-9), part


@pytest.mark.parametrize("delta", [0.5, 2.0, 10.0])
def test_the_curve_of_huber_uses_delta_and_extends_beyond_it(delta):
    curve = {key: np.array(column) for key, column in loss_curve("huber", {"delta": delta}).items()}
    e = curve["x"]
    assert e.max() == pytest.approx(max(3, 1.5 * delta), rel=0.01)
    assert curve["gradient"] == pytest.approx(np.clip(e, -delta, delta))
    assert curve["value"] == pytest.approx(np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2)))
    assert curve["curvature"] == pytest.approx(1.0 * (abs(e) < delta))


def test_a_loss_of_positive_targets_is_drawn_along_the_prediction_for_a_target_of_1():
    curve = {key: np.array(column) for key, column in loss_curve("poisson", {}).items()}
    assert "target of 1" in str(curve["axis"])
    assert curve["gradient"] == pytest.approx(1 - 1 / curve["x"], abs=1e-5)
    assert curve["curvature"] == pytest.approx(curve["x"] ** -2.0, rel=1e-5)


@pytest.mark.parametrize("name", registry.losses())
def test_every_loss_of_a_single_number_has_a_finite_curve(name):
    given = {key: value for key, value in registry.read("loss", name).items() if key not in ("name", "about")}
    curve, about = loss_curve(name, given), registry.loss(name).facts
    alone = not about["couples_samples"] and about["task"] in ("regression", "positive", "count", "binary")
    assert (curve is not None) == alone
    if curve is not None:
        assert all(np.isfinite(curve[part]).all() for part in ("x", "value", "gradient", "curvature"))
        assert len({len(curve[part]) for part in ("x", "value", "gradient", "curvature")}) == 1


def test_a_loss_that_is_not_built_in_has_no_curve():
    assert loss_curve("custom", {"function": "os:remove"}) is loss_curve("../data/diabetes", {}) is None
