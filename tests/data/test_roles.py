"""Columns with a role: which part a row is in, and what is no weight."""

import numpy as np
import pandas as pd
import pytest
from frames import FRAME, REGRESSION, ROWS

from lossbench.errors import UserError


@pytest.mark.parametrize("weight", [-1, "x", ""])
def test_a_weight_that_is_none_is_named(build, weight):
    frame = FRAME[["a", "y", "weight"]].astype({"weight": object})
    frame.loc[3, "weight"] = weight
    with pytest.raises(UserError, match="line 5, column weight"):
        build(frame, "data.weight=weight")


def test_rows_of_a_group_stay_in_one_part_the_same_for_all_seeds(build):
    frame = FRAME[["a", "y", "group"]]
    _, dataset, splits, _ = build(frame, "data.group=group", "replicates=3")
    assert dataset.feature_names == ("a",)
    parts = [splits[0].train, splits[0].validation, splits[0].test]
    groups = [set(frame.group[rows]) for rows in parts]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert [len(group) for group in groups] == [12, 4, 4]
    assert sorted(np.concatenate(parts)) == list(range(ROWS))
    for other in splits[1:]:
        assert all(
            (getattr(other, p) == getattr(splits[0], p)).all() for p in ("train", "validation", "test")
        )


def test_too_few_groups_are_named(build):
    with pytest.raises(UserError, match=r"data\.group has 3 groups, too few"):
        build(FRAME[["a", "y", "kind"]], "data.group=kind", "data.test=0.1")


def test_the_split_column_decides_in_any_case_and_with_blanks(build):
    frame = FRAME[["a", "y", "part"]].assign(part=lambda one: " " + one.part.str.title() + " ")
    _, dataset, splits, _ = build(frame, "data.split_column=part", "replicates=2")
    assert dataset.feature_names == ("a",)
    for split in splits:
        for part in ("train", "validation", "test"):
            assert (getattr(split, part) == np.flatnonzero(FRAME.part == part)).all()


def test_a_part_that_is_none_or_empty_is_named(build):
    frame = FRAME[["a", "y", "part"]].copy()
    frame.loc[0, "part"] = "holdout"
    with pytest.raises(UserError, match="line 2, column part: 'holdout'; a part is one of: train"):
        build(frame, "data.split_column=part")
    with pytest.raises(UserError, match="no row is given to test"):
        build(FRAME[FRAME.part != "test"][["a", "y", "part"]], "data.split_column=part")


@pytest.mark.parametrize("as_number", [False, True])
def test_the_earliest_train_and_the_latest_test(build, as_number):
    frame = FRAME[["a", "y", "day"]]
    if as_number:
        frame = frame.assign(day=pd.to_datetime(frame.day).astype("int64"))
    _, dataset, splits, _ = build(frame, "data.time=day", "replicates=2")
    assert dataset.feature_names == ("a",)
    for split in splits:
        days = [frame.day[rows] for rows in (split.train, split.validation, split.test)]
        assert [len(part) for part in days] == [120, 40, 40]
        assert days[0].max() < days[1].min()
        assert days[1].max() < days[2].min()


def test_times_of_several_zones_are_put_in_their_true_order(build):
    times = [f"2024-03-31T{10 + i // 60:02}:{i % 60:02}:00+{'00' if i % 2 else '12'}:00" for i in range(ROWS)]
    _, dataset, _, _ = build(REGRESSION.assign(time=times), "data.time=time")
    assert (np.argsort(dataset.order) == [*range(0, ROWS, 2), *range(1, ROWS, 2)]).all()


def test_a_column_has_one_role(build):
    with pytest.raises(
        UserError, match=r"column weight is named more than once, in data\.exclude and data\.we"
    ):
        build(FRAME[["a", "y", "weight"]], "data.exclude=[weight]", "data.weight=weight")
    with pytest.raises(UserError, match=r"data\.group=gruop: .* Did you mean group\?"):
        build(FRAME[["a", "y", "group"]], "data.group=gruop")
