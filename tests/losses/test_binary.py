"""Losses of two classes, beyond what holds for every loss."""

import pytest
import torch
from cases import draw

from lossbench import losses


def test_focal_losses_with_gamma_0_are_crossentropies():
    for logits in (False, True):
        y_pred, y_true = draw("binary_crossentropy", (50,), from_logits=logits)
        plain = losses.binary_crossentropy(y_pred, y_true, from_logits=logits)
        faded = losses.binary_focal_crossentropy(y_pred, y_true, gamma=0.0, from_logits=logits)
        torch.testing.assert_close(faded, plain)
        half = losses.focal(y_pred, y_true, gamma=0.0, alpha=0.5, from_logits=logits)
        torch.testing.assert_close(half, plain / 2)
        y_pred, y_true = draw("categorical_crossentropy", (50,), from_logits=logits)
        torch.testing.assert_close(
            losses.categorical_focal_crossentropy(y_pred, y_true, gamma=0.0, alpha=1.0, from_logits=logits),
            losses.categorical_crossentropy(y_pred, y_true, from_logits=logits),
        )


def test_the_focal_loss_of_a_confident_wrong_logit_has_a_gradient():
    """Keras clips the sigmoid: its value is 15.94 here, and its gradient 0."""
    z = torch.tensor([[40.0]], requires_grad=True)
    loss = losses.binary_focal_crossentropy(z, torch.zeros(1, 1), from_logits=True)
    loss.sum().backward()
    assert loss.item() == pytest.approx(40.0)
    assert z.grad.item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_hinge_losses_convert_labels_only_if_all_are_0_or_1(name):
    function, (scores, signs) = losses.function(name), draw(name, (50,))
    torch.testing.assert_close(function(scores, (signs + 1) / 2), function(scores, signs))
    mixed = torch.tensor([[0.0], [-1.0], [1.0]])
    got = losses.hinge(torch.tensor([[-0.5], [0.8], [-0.3]]), mixed)
    torch.testing.assert_close(got, torch.tensor([1.0, 1.8, 1.3]))


def test_a_probability_of_nan_does_not_affect_other_samples():
    y_pred, y_true = torch.rand(50, 3), torch.rand(50, 3)
    without = losses.binary_crossentropy(y_pred, y_true)
    y_pred[7, 1] = torch.nan
    with_nan = losses.binary_crossentropy(y_pred, y_true)
    assert with_nan.isnan().nonzero().flatten().tolist() == [7]
    others = torch.arange(50) != 7
    assert torch.equal(with_nan[others], without[others])


@pytest.mark.parametrize("name", ["binary_crossentropy", "binary_focal_crossentropy"])
def test_crossentropy_of_probabilities_is_computed_without_autocast(name, monkeypatch):
    """On CUDA, torch refuses to compute the cross-entropy of probabilities under autocast."""
    autocast = []
    function = torch.nn.functional.binary_cross_entropy

    def spy(*arguments, **keywords):
        autocast.append(torch.is_autocast_enabled("cpu"))
        return function(*arguments, **keywords)

    monkeypatch.setattr(torch.nn.functional, "binary_cross_entropy", spy)
    y_pred, y_true = torch.tensor([[0.2], [torch.nan]]), torch.ones(2, 1)
    alone = getattr(losses, name)(y_pred, y_true)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = getattr(losses, name)(y_pred, y_true)
    assert autocast == [False, False]
    torch.testing.assert_close(within, alone, equal_nan=True)
