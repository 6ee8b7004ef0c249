"""Targets: columns read as a task, and what a task does not allow."""

import numpy as np
import pytest
from frames import FRAME, batch_of, fit

from lossbench import tasks
from lossbench.data.table import table
from lossbench.errors import UserError


def test_two_columns_are_regressed_at_once_each_in_its_own_scale(build):
    frame = FRAME[["a", "b", "y", "z"]].assign(z=FRAME.z * 1000)
    settings, dataset, (split,), module = build(frame, "loss=huber", "trainer.max_epochs=2", target="[y,z]")
    assert dataset.target.columns == ("y", "z")
    true = frame[["y", "z"]].to_numpy()[split.train]
    np.testing.assert_allclose(batch_of(module)[1][0], (true - true.mean(0)) / true.std(0), atol=1e-12)
    fit(settings, module)
    predictions, _, losses = module.evaluate("test")
    assert predictions["output"].shape == (1, 40, 2)
    assert np.isfinite(losses).all()


def test_columns_of_0_and_1_are_a_mask(build, train, tmp_path):
    frame = FRAME[["a", "b"]].assign(left=(FRAME.a > 0).astype(int), right=(FRAME.b > 0).astype(int))
    _, dataset, *_ = build(frame, "loss=bce", "data.task=mask", target="[left,right]")
    assert (dataset.target.task, dataset.target.columns) == (tasks.MASK, ("left", "right"))
    path = f"data.path={tmp_path / 'my.csv'}"
    outcome = train(
        "loss=bce", "data=table", path, "data.target=[left,right]", "data.task=mask", "replicates=2"
    )
    assert outcome.status == 0, outcome.err
    assert min(outcome.results[0].metrics["test/accuracy"]) > 0.9  # the halves are there to be learned
    frame.loc[4, "right"] = 2
    with pytest.raises(UserError, match="line 6, column right: 2 is not 0 or 1"):
        build(frame, "loss=bce", "data.task=mask", target="[left,right]")


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([0, 1, 2], "binary", "no classes"),
        ([1, 1, 1], "binary", "nothing to predict"),
        ([1.5, 2.5, 3.5], "multiclass", "no classes"),
        ([1, 1, 1], "multiclass", "nothing to predict"),
        ([0, 1, 2] * 3, "binary", "a binary target has 2"),
    ],
)
def test_targets_that_are_no_classes(csv, values, task, words):
    content = "a,y\n" + "".join(f"{i},{y}\n" for i, y in enumerate(values))
    with pytest.raises(UserError, match=words):
        table(path=csv(content), target="y", task=task)


def test_a_late_text_makes_the_whole_column_text(csv):
    labels = ["7"] * 150_000 + ["x"] * 50_000
    got = table(path=csv("a,y\n" + "".join(f"1,{label}\n" for label in labels)), target="y", task="binary")
    assert got.target.classes == ("7", "x")


def test_na_may_be_a_class_and_blank_lines_are_nothing(csv):
    content = "\na,region\n1,NA\n\n2,EU\n3,NA\n4,EU\n\n\n"
    got = table(path=csv(content), target="region", task="binary")
    assert got.target.classes == ("EU", "NA")
    assert got.features.ravel().tolist() == [1, 2, 3, 4]
    with pytest.raises(UserError, match="line 5, column a: 'x'"):
        table(path=csv(content.replace("2,EU", "x,EU")), target="region", task="binary")


@pytest.mark.parametrize(
    ("cells", "task", "message"),
    [
        (
            "1.5 2 -1",
            "positive",
            "line 4, column y: -1 is not a positive number, as a positive target must be",
        ),
        (
            "1 2 2.5",
            "count",
            r"line 4, column y: 2.5 is not a count \(0, 1, 2, ...\), as a count target must be",
        ),
        ("1 0 0.5", "mask", "line 4, column y: 0.5 is not 0 or 1, as a mask target must be"),
        ("0.5 -0.5 1", "distribution", "line 3, column y: -0.5 is not a share, at least 0"),
    ],
)
def test_a_value_that_the_task_does_not_allow_is_named(csv, cells, task, message):
    content = "a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells.split()))
    with pytest.raises(UserError, match=message):
        table(path=csv(content), target="y", task=task)


def test_shares_that_do_not_sum_to_1_are_named(csv):
    content = "a,p,q\n1,0.5,0.5\n2,0.25,0.7\n3,0.1,0.9\n"
    with pytest.raises(
        UserError, match=r"line 3, column p: the shares of a distribution sum to 0\.95, not to 1"
    ):
        table(path=csv(content), target=["p", "q"], task="distribution")


def test_classes_stand_in_one_column(csv):
    with pytest.raises(UserError, match=r"one binary target has one column; .* set data\.task=mask"):
        table(path=csv("a,p,q\n1,0,1\n2,1,0\n3,0,0\n"), target=["p", "q"], task="binary")
