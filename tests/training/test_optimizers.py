"""Optimizers are torch's with torch's defaults, and elementwise; schedules depend on the step alone."""

import inspect

import keras
import pytest
import torch
from torch import nn, optim

from lossbench import registry
from lossbench.training import optimizers, schedules

TORCH = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "nadam": optim.NAdam,
}


def descend(optimizer, parameter, steps=30, poisoned=None):
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        if poisoned is not None and step == 3:
            parameter.grad[poisoned] = torch.nan
        optimizer.step()
    return parameter.detach().clone()


@pytest.mark.parametrize("name", registry.names("optimizer"))
def test_it_is_torchs(name):
    ours, theirs = (nn.Parameter(torch.ones(3, 4, 5, dtype=torch.float64)) for _ in range(2))
    got = descend(vars(optimizers)[name]([ours]), ours)
    chosen = {key: registry.read("optimizer", name)[key] for key in ("lr", "weight_decay")}
    expected = descend(TORCH[name]([theirs], **chosen, foreach=False), theirs)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-14)  # fused arithmetic, rounded once


@pytest.mark.parametrize("name", registry.names("optimizer"))
def test_defaults_are_torchs_but_for_those_that_were_chosen(name):
    theirs = inspect.signature(TORCH[name]).parameters
    for parameter in inspect.signature(vars(optimizers)[name]).parameters.values():
        if (name, parameter.name) == ("sgd", "lr"):
            assert parameter.default == pytest.approx(float(keras.optimizers.SGD().learning_rate))
        elif (name, parameter.name) in (("adamw", "lr"), ("adamw", "weight_decay")):
            continue  # chosen by measurement
        elif parameter.name in theirs and parameter.kind is parameter.KEYWORD_ONLY:
            assert parameter.default == theirs[parameter.name].default, parameter.name


@pytest.mark.parametrize("name", registry.names("optimizer"))
def test_a_replicate_that_is_not_finite_touches_no_other(name):
    clean, sick = (nn.Parameter(torch.ones(3, 4, 5)) for _ in range(2))
    expected = descend(vars(optimizers)[name]([clean]), clean)
    got = descend(vars(optimizers)[name]([sick]), sick, poisoned=1)
    assert got[1].isnan().all()
    assert torch.equal(got[[0, 2]], expected[[0, 2]])


def test_cosine_is_keras():
    theirs = keras.optimizers.schedules.CosineDecay(1.0, 99, alpha=0.1)
    for step in range(0, 100, 7):
        assert schedules.cosine(step, 100, final=0.1) == pytest.approx(float(theirs(step)), abs=1e-6)


def test_exponential_is_keras():
    for staircase, ours in ((False, schedules.exponential), (True, schedules.staircase)):
        theirs = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5, staircase=staircase)
        for step in range(0, 100, 7):
            assert ours(step, 100, rate=0.5, steps=10) == pytest.approx(float(theirs(step)), abs=1e-6)


@pytest.mark.parametrize("name", registry.names("schedule"))
def test_every_schedule_starts_at_one_and_stays_within_it(name):
    values = [vars(schedules)[name](step, 50) for step in range(50)]
    assert values[0] == 1.0
    assert all(0 <= value <= 1 for value in values)
    assert vars(schedules)[name](0, 1) == 1.0
