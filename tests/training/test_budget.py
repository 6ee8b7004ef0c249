"""The budget of a run is a number of steps, and training ends where it makes no more progress."""

import numpy as np
import pytest
import torch
from torch import nn

from lossbench.config.compose import compose_config, plain
from lossbench.config.resolve import resolve
from lossbench.training.averaging import WeightAverage
from lossbench.training.budget import Budget, budget_of
from lossbench.training.convergence import converged


@pytest.mark.parametrize(
    ("overrides", "rows", "expected"),
    [
        ((), 62, Budget(epochs=10_000, steps_per_epoch=2, patience=500)),
        ((), 32_000, Budget(epochs=20, steps_per_epoch=1000, patience=10)),
        (("trainer.max_steps=10", "trainer.patience=3"), 32, Budget(20, 1, 10)),
        (("trainer.max_epochs=7",), 62, Budget(7, 2, None)),
        (("trainer.max_epochs=7", "trainer.early_stopping=3"), 62, Budget(7, 2, 3)),
        (("trainer.early_stopping=null",), 62, Budget(10_000, 2, None)),
        (("schedule=cosine",), 62, Budget(10_000, 2, None)),
        (("schedule=cosine", "trainer.early_stopping=4"), 62, Budget(10_000, 2, 4)),
        (("data.batch_size=1",), 62, Budget(323, 62, 17)),
    ],
    ids=str,
)
def test_epochs_and_patience_follow_from_steps(overrides, rows, expected):
    settings = resolve(plain(compose_config(*overrides))).training
    assert budget_of(settings, rows) == expected


def test_the_average_is_the_sum_that_defines_it():
    """Of the epochs 1 to T, epoch t counts in proportion to (t + 7)! / (t - 1)!: mostly the last ninth."""
    epochs, random = 30, np.random.default_rng(0)
    values = random.normal(size=epochs)
    parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    average = WeightAverage([parameter])
    for epoch, value in enumerate(values, 1):
        parameter.data.fill_(value)
        average.update(epoch)
    shares = [np.prod([float(t + k) for k in range(8)]) for t in range(1, epochs + 1)]
    expected = np.average(values, weights=shares)
    with average.in_place():
        assert parameter.item() == pytest.approx(expected, rel=1e-12)
    assert parameter.item() == values[-1]


def test_trained_weights_come_back_after_an_error():
    parameter = nn.Parameter(torch.ones(1))
    average = WeightAverage([parameter])
    average.update(1)
    parameter.data.fill_(2)
    with pytest.raises(KeyError), average.in_place():
        raise KeyError
    assert parameter.item() == 2


def outcome(curve, *, start=1.0, stopped=False, rates=None):
    curve = np.asarray(curve, dtype=float)
    rates = np.ones(len(curve)) if rates is None else rates
    (result,) = converged(
        curve[:, None], np.array([start]), np.array([len(curve)]), np.array([stopped]), np.asarray(rates)
    )
    return bool(result)


TIMES = np.arange(1, 101)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (np.exp(-TIMES / 10), True),
        (np.exp(-TIMES / 100), False),  # on its way
        (1 - TIMES / 101, False),  # a straight line
        (np.where(TIMES < 50, 1.0, 0.2), True),
        (np.where(TIMES < 95, 1.0, 0.2), False),  # a late drop
        (1 + TIMES / 100, False),  # nothing was learned
        (np.append(np.exp(-TIMES[:-1] / 10), np.nan), False),
    ],
)
def test_the_last_tenth_of_a_converged_run_gains_next_to_nothing(curve, expected):
    assert outcome(curve) is expected


def test_who_stopped_for_lack_of_progress_has_converged_while_the_rate_is_at_its_height():
    falling = 1 - TIMES / 101
    assert outcome(falling, stopped=True)
    half_way = np.linspace(1, 0.4, 100)
    assert not outcome(falling, stopped=True, rates=half_way)
    assert outcome(falling, stopped=True, rates=np.linspace(1, 0.05, 100))


def test_a_rate_that_has_fallen_to_nothing_hides_no_slope():
    """Of a cosine the last epochs stand still whatever is left to learn."""
    rates = (1 + np.cos(np.pi * TIMES / 100)) / 2
    learning = np.cumsum(rates) / rates.sum()
    assert not outcome(np.exp(-learning), rates=rates)
    assert outcome(np.exp(-40 * learning), rates=rates)
