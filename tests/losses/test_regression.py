"""Losses of real targets, beyond what holds for every loss."""

import math

import pytest
import torch
from cases import draw

from lossbench import losses


def test_huber_with_a_large_delta_is_half_the_squared_error():
    y_pred, y_true = draw("huber", (30,))
    torch.testing.assert_close(
        losses.huber(y_pred, y_true, delta=1e6), losses.mean_squared_error(y_pred, y_true) / 2
    )


def test_log_cosh_is_accurate_to_three_roundings_in_float32():
    """Keras gives 0 for an error of 1e-4. Here value and gradient are within three roundings of the truth."""
    x = torch.logspace(-15, 6, 500).unsqueeze(1).requires_grad_()
    got = losses.log_cosh(x, torch.zeros_like(x))
    got.sum().backward()
    wide = x.detach().double().squeeze(1)
    exact = torch.where(wide < 30, (2 * (wide.clamp(max=30) / 2).sinh().square()).log1p(), wide - math.log(2))
    eps = torch.finfo(torch.float32).eps
    torch.testing.assert_close(got.detach().double(), exact, rtol=3 * eps, atol=0)
    torch.testing.assert_close(x.grad.double().squeeze(1), wide.tanh(), rtol=3 * eps, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("delta", [1e5, 1e8, 1e15, 1e30, 1e200])
def test_log_cosh_with_a_large_delta_is_half_the_squared_error(delta, dtype):
    x = torch.tensor([[-1.0], [1e-3], [0.0], [7.0]], dtype=dtype)
    got = losses.log_cosh(x, torch.zeros_like(x), delta=delta)
    rtol = max(
        3 * torch.finfo(dtype).eps, 50 / delta**2 if delta < 1e30 else 0
    )  # the next term is of the order of e²/6δ²
    torch.testing.assert_close(got, x.squeeze(1).square() / 2, rtol=rtol, atol=0)


@pytest.mark.parametrize("delta", [1.0, 2.0])
def test_the_hand_written_gradient_of_log_cosh_supports_second_derivatives_and_vmap(delta):
    generator = torch.Generator().manual_seed(0)
    y_pred, y_true = (torch.randn(3, 2, dtype=torch.float64, generator=generator) for _ in range(2))
    pair = (y_pred.requires_grad_(), y_true.requires_grad_())
    assert torch.autograd.gradgradcheck(lambda a, b: losses.log_cosh(a, b, delta=delta), pair)
    mapped = torch.func.vmap(lambda a, b: losses.log_cosh(a, b, delta=delta))(y_pred[None], y_true[None])
    torch.testing.assert_close(mapped[0], losses.log_cosh(y_pred, y_true, delta=delta))
