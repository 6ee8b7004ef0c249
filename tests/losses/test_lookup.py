"""Losses are found by name, by function, by class and by dict."""

import subprocess
import sys

import pytest
import torch
from cases import LOSSES, draw

from lossbench import losses


@pytest.mark.parametrize("name", LOSSES)
def test_all_forms_of_a_loss_give_the_same_value(name):
    y_pred, y_true = draw(name, (40,))
    expected = losses.function(name)(y_pred, y_true).mean()  # of a scalar, the scalar
    forms = [name, {"name": name}, losses.function(name), getattr(losses, name), type(losses.get(name))]
    for form in forms:
        torch.testing.assert_close(losses.get(form)(y_pred, y_true), expected)
    instance = losses.get(name)
    assert losses.get(instance) is instance
    torch.testing.assert_close(instance(y_true=y_true, y_pred=y_pred), expected)


@pytest.mark.parametrize("wrong", ["hubr", "MSELoss", ""])
def test_an_unknown_name_is_an_error_that_lists_the_losses(wrong):
    with pytest.raises(ValueError, match=r"The losses: .*huber"):
        losses.get(wrong)


@pytest.mark.parametrize("wrong", [None, 3, {"delta": 1}, {"name": 3}])
def test_an_identifier_that_names_no_loss_is_an_error(wrong):
    with pytest.raises(TypeError, match="names no loss"):
        losses.get(wrong)


def test_unknown_attributes_are_attribute_errors():
    assert not hasattr(losses, "no_such_loss")
    assert not hasattr(losses, "__no_such__")


def test_parameters_beside_an_identifier_are_used_or_refused():
    assert losses.get({"name": "huber", "delta": 2.0}, delta=3.0).get_config()["delta"] == 3.0
    with pytest.raises(TypeError, match="made already"):
        losses.get(losses.Huber(), delta=5.0)
    with pytest.raises(TypeError, match=r"functools\.partial"):
        losses.get(lambda y_true, y_pred: y_pred, weight=3.0)


def test_every_listed_attribute_is_the_loss_that_it_says():
    attributes = losses.lookup.attributes()
    assert set(attributes) < set(dir(losses))
    for attribute, name in attributes.items():
        loss = getattr(losses, attribute)
        assert loss is (type(losses.get(name)) if attribute[0].isupper() else losses.function(name))
    assert losses.KLDivergence is losses.KLD is losses.KlDivergence  # the name in Keras


def test_a_loss_imports_no_other_family():
    code = "import sys; from lossbench import losses; losses.Huber(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "lossbench.losses.regression" in done.stdout.split()
    assert "lossbench.losses.multiclass" not in done.stdout.split()
