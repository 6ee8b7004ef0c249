"""R networks as one are R networks, each as torch would build it and Keras would start it."""

import math

import pytest
import torch
from torch import nn

from lossbench.training.network import Head, activation_function, dense

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "softplus": nn.Softplus(),
    "softmax": nn.Softmax(-1),
    "linear": nn.Identity(),
}


def build(seeds, hidden=(8, 5), activation="relu", output="linear", dtype=torch.float64):
    generators = [torch.Generator().manual_seed(s) for s in seeds]
    return dense(
        4,
        {"y": Head(2, output)},
        lambda purpose: generators,
        dtype,
        hidden_units=list(hidden),
        activation=activation,
    )


def alone(network, r, activation, output):
    """Replicate r as a plain torch network of the same weights."""
    modules = []
    for layer in [*network.hidden, *network.heads]:
        linear = nn.Linear(*layer.weight.shape[1:], dtype=layer.weight.dtype)
        linear.weight.data, linear.bias.data = layer.weight[r].T, layer.bias[r, 0]
        modules += [linear, ACTIVATIONS[activation]]
    return nn.Sequential(*modules[:-1], ACTIVATIONS[output])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
def test_each_replicate_is_the_plain_network_of_its_weights(activation, hidden):
    network = build([0, 1, 2], hidden, activation, "softplus")
    x = torch.randn(3, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for r in range(3):
        torch.testing.assert_close(network(x)["y"][r], alone(network, r, activation, "softplus")(x[r]))


def test_names_cover_keras_and_agree_with_torch():
    x = torch.linspace(-3, 3, 7)
    for name, module in ACTIVATIONS.items():
        torch.testing.assert_close(activation_function(name)(x), module(x))


def test_the_start_is_glorot_uniform_with_zero_bias():
    network = build(range(200), hidden=(64,))
    for layer in [*network.hidden, *network.heads]:
        fan_in, fan_out = layer.weight.shape[1:]
        limit = math.sqrt(6 / (fan_in + fan_out))
        assert layer.weight.abs().max() <= limit
        # the deviation of a uniform distribution, from at least 25,600 draws: 1 % is 3 of its errors
        assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01)
        assert (layer.bias == 0).all()


def test_the_start_depends_on_the_own_seed_alone():
    together, single = build([4, 5, 6]), build([5])
    rounded = build([5], dtype=torch.float32)
    for a, b, c in zip(together.parameters(), single.parameters(), rounded.parameters(), strict=True):
        assert torch.equal(a[1:2], b)
        assert torch.equal(b.float(), c)
    assert not torch.equal(together.hidden[0].weight[0], together.hidden[0].weight[1])
