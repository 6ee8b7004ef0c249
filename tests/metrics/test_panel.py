"""Every metric of every task: its value, its direction, and the facts that tasks.py states."""

import numpy as np
import pytest
import torch
from oracles import CLASSES, ORACLES, REPLICATES, ROWS, WEIGHTED, draw

from lossbench import tasks
from lossbench.metrics import METRICS, metric, panel
from lossbench.tasks import TASKS

EVERY = [(task, name) for task in TASKS.values() for name in METRICS[task]]
IDS = [f"{task}-{name}" for task, name in EVERY]


def perfect(task, targets):
    """Predictions that no others can surpass."""
    if task in (tasks.PAIR, tasks.TRIPLET):
        return 1 - targets if task is tasks.PAIR else targets - 0.5
    if task.embeds:
        return targets[..., None].double()
    if task.class_count == 2:
        return targets.double().unsqueeze(-1)
    return torch.nn.functional.one_hot(targets, CLASSES).double() if task.has_classes else targets


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_the_metrics_of_a_task_are_those_that_its_record_states(task):
    assert list(METRICS[task]) == [info.name for info in task.metrics]
    for info in task.metrics:
        assert (metric(task, info.name).of_each is not None) == info.is_mean, info.name


def test_every_task_has_metrics():
    assert set(METRICS) == set(TASKS.values())


@pytest.mark.parametrize(("task", "name"), EVERY, ids=IDS)
def test_every_metric_equals_scikit_learns_for_each_replicate(task, name):
    predictions, targets = draw(task)
    got = panel(task, [name], predictions, targets)[name]
    oracle = ORACLES[task.name, name]
    expected = [oracle(y.numpy(), p.numpy()) for p, y in zip(predictions, targets, strict=True)]
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("task", "name"), EVERY, ids=IDS)
def test_the_monitored_value_is_the_panels(task, name):
    predictions, targets = draw(task)
    got = metric(task, name).per_replicate(predictions, targets)
    torch.testing.assert_close(got, panel(task, [name], predictions, targets)[name], check_dtype=False)


@pytest.mark.parametrize(("task", "name"), EVERY, ids=IDS)
def test_the_stated_direction_is_the_true_one(task, name):
    worse, targets = draw(task)
    best, other = (panel(task, [name], p, targets)[name][0] for p in (perfect(task, targets), worse))
    assert (best > other) == task.metric(name).higher_is_better


@pytest.mark.parametrize(("task", "name"), WEIGHTED)
def test_weighted_metrics_equal_scikit_learns(task, name):
    predictions, targets = draw(TASKS[task])
    weights = torch.rand(REPLICATES, ROWS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    got = panel(TASKS[task], [f"weighted_{name}"], predictions, targets, weights)[f"weighted_{name}"]
    samples = zip(predictions, targets, weights, strict=True)
    expected = [WEIGHTED[task, name](y.numpy(), p.numpy(), w.numpy()) for p, y, w in samples]
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("task", "name"), [case for case in EVERY if case[0].metric(case[1]).is_mean], ids=str
)
def test_equal_weights_change_no_mean(task, name):
    predictions, targets = draw(task)
    weights = torch.full((REPLICATES, ROWS), 2.5, dtype=torch.float64)
    got = panel(task, [name, f"weighted_{name}"], predictions, targets, weights)
    torch.testing.assert_close(got[name], got[f"weighted_{name}"], rtol=1e-6, atol=1e-9, check_dtype=False)
