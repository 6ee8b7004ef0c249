"""Columns with a role, and corruption: who is where, what counts how much, and no test row is touched."""

import numpy as np
import pandas as pd
import pytest
import torch

from lossbench import tasks
from lossbench.cli.main import compose_config
from lossbench.config import compose as composition
from lossbench.config.resolve import check
from lossbench.data.table import table
from lossbench.errors import UserError
from lossbench.runs import build as factory
from lossbench.runs import run as experiment

ROWS = 200
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 2))
WEIGHTS = RANDOM.integers(0, 4, ROWS)
FRAME = pd.DataFrame(
    {
        "a": X[:, 0],
        "b": X[:, 1],
        "y": X.sum(1) + RANDOM.normal(size=ROWS),
        "z": X[:, 0] - X[:, 1],
        "kind": np.repeat(["u", "v", "w"], [120, 60, 20]),
        "count": RANDOM.poisson(3, ROWS),
        "weight": WEIGHTS,
        "group": RANDOM.integers(0, 20, ROWS),
        "part": RANDOM.permutation(np.repeat(["train", "validation", "test"], [120, 40, 40])),
        "day": RANDOM.permutation(pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")),
    }
)
REGRESSION = FRAME[["a", "b", "y"]]
CLASSES = FRAME[["a", "b", "kind"]]


@pytest.fixture
def build(tmp_path):
    """From a frame and overrides the config, the data, the splits and the module, not trained."""

    def make(frame, *overrides, target="y"):
        path = tmp_path / "my.csv"
        frame.to_csv(path, index=False)
        common = ("data=table", f"data.path={path}", f"data.target={target}", "trainer.precision=64-true")
        settings = check(composition.plain(compose_config(*common, *overrides)))
        dataset = factory.build_dataset(settings)
        splits = factory.build_splits(settings, dataset)
        return settings, dataset, splits, factory.build_module(settings, dataset, splits)

    return make


def fit(settings, module):
    experiment.fit(settings, module, factory.build_orders(settings, module))
    return module


def seen(module, part="train"):
    """Features, the only term's targets and its weights, or None, as the replicates see a part."""
    rows = module.table.rows(part)
    ((features, targets, weights),) = module.table.batches(rows, rows.shape[1])
    (target,) = targets.values()
    return features.numpy(), target.numpy(), next((one.numpy() for one in weights.values()), None)


# Weights


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_a_weighted_loss_is_the_weighted_mean_of_keras(build, reduction):
    frame = FRAME[["a", "b", "y", "weight"]]
    overrides = ("data.weight=weight", f"loss.reduction={reduction}", "replicates=2")
    _, dataset, splits, module = build(frame, *overrides)
    assert dataset.feature_names == ("a", "b")
    for part in ("train", "validation", "test"):
        predictions, targets, losses = module.evaluate(part)
        errors = (predictions["output"] - targets["mean_squared_error"]).square().squeeze(-1).numpy()
        weights = np.stack([WEIGHTS[getattr(split, part)] for split in splits])
        # a record is a mean over values, of a sum too
        by = weights.sum(1) if reduction == "mean_with_sample_weight" else errors.shape[1]
        np.testing.assert_allclose(losses[0], (weights * errors).sum(1) / by, rtol=1e-12)


def test_a_weight_trains_as_rows_repeated_that_often(build):
    """Of categories, which are not standardised, with whole batches: else the means would differ."""
    frame = FRAME[["kind", "y", "part", "weight"]]
    common = (
        "data.split_column=part",
        "data.scale_target=false",
        "data.batch_size=1000",
        "optimizer=sgd",
        "optimizer.lr=0.1",
        "trainer.max_epochs=5",
        "trainer.keep=last",
    )
    weighted = build(frame, *common, "data.weight=weight", "loss.reduction=mean_with_sample_weight")
    repeated = frame.loc[np.repeat(frame.index, WEIGHTS)].drop(columns="weight")
    twice = build(repeated, *common)
    start = [parameter.clone() for parameter in weighted[3].network.parameters()]
    ends = [list(fit(one[0], one[3]).network.parameters()) for one in (weighted, twice)]
    for begun, one, other in zip(start, *ends, strict=True):
        assert not torch.equal(begun, one)
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight", [-1, "x", ""])
def test_a_weight_that_is_none_is_named(build, weight):
    frame = FRAME[["a", "y", "weight"]].astype({"weight": object})
    frame.loc[3, "weight"] = weight
    with pytest.raises(UserError, match="line 5, column weight"):
        build(frame, "data.weight=weight")


def assert_balanced(labels, weights):
    for own, counts in zip(labels.squeeze(-1), weights, strict=True):
        of_class = [counts[own == k].sum() for k in range(3)]
        np.testing.assert_allclose(of_class, len(own) / 3, rtol=1e-12)


def test_balanced_weights_make_all_classes_of_the_training_part_count_alike(build):
    overrides = ("loss=scce", "data.class_weight=balanced", "replicates=3", "data.stratify=false")
    *_, module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = seen(module)
    assert_balanced(labels, weights)
    assert len({tuple(np.bincount(own.astype(int).ravel())) for own in labels}) > 1  # and each its own


def test_balanced_weights_and_the_rows_own_multiply(build):
    frame = FRAME[["a", "kind", "weight"]]
    one, other = (
        seen(build(frame, "loss=scce", "data.class_weight=balanced", *more, target="kind")[3])[2]
        for more in (["data.weight=weight"], ["data.exclude=[weight]"])
    )
    rows = build(frame, "loss=scce", target="kind")[2][0].train
    np.testing.assert_allclose(one[0], other[0] * WEIGHTS[rows], rtol=1e-12)


def test_balanced_weights_are_of_the_labels_that_are_seen_not_of_the_true_ones(build):
    overrides = ("loss=scce", "data.class_weight=balanced", "data.label_noise=0.4", "replicates=2")
    *_, module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = seen(module)
    assert_balanced(labels, weights)


# Who is in which part


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


# What a feature is


def gaps(frame):
    frame = frame.copy()
    frame.loc[::7, "a"] = np.nan
    return frame


def test_a_gap_is_the_mean_of_the_replicates_own_training_rows(build):
    frame = gaps(REGRESSION)
    *_, splits, module = build(frame, "data.missing=mean", "replicates=3")
    for part in ("train", "validation", "test"):
        features, _, _ = seen(module, part)
        for own, split in zip(features, splits, strict=True):
            train = frame.a[split.train]
            filled = frame.a[getattr(split, part)].fillna(train.mean())
            np.testing.assert_allclose(own[:, 0], (filled - train.mean()) / train.std(ddof=0), atol=1e-12)


@pytest.mark.parametrize("precision", ["64-true", "32-true"])
@pytest.mark.parametrize("value", [0.0, 1e12])
def test_no_row_of_the_test_part_changes_a_feature_of_training(build, value, precision):
    frame = gaps(FRAME[["a", "b", "y", "part"]])
    changed = frame.copy()
    changed.loc[changed.part == "test", ["a", "b"]] = value
    overrides = ("data.missing=mean", "data.split_column=part", f"trainer.precision={precision}")
    before, after = (seen(build(one, *overrides)[3]) for one in (frame, changed))
    np.testing.assert_allclose(before[0], after[0], atol=1e-5)
    tested = (seen(build(one, *overrides)[3], "test")[0] for one in (frame, changed))
    assert not np.allclose(*tested)


def test_a_gap_of_categories_is_a_category(build):
    frame = CLASSES.assign(y=FRAME.y)
    frame.loc[::7, "kind"] = np.nan
    _, dataset, _, _ = build(frame, "data.missing=mean")
    assert dataset.feature_names == ("a", "b", "kind=(missing)", "kind=u", "kind=v", "kind=w")
    assert (dataset.features[:, 2] == frame.kind.isna()).all()
    assert (dataset.features[:, 2:].sum(1) == 1).all()


def test_numbers_named_as_categories_are_0_and_1_and_stay_so(build):
    frame = REGRESSION.assign(zip=RANDOM.permutation(np.repeat([7, 10, 90], [100, 60, 40])))
    _, dataset, (split,), module = build(frame, "data.categorical=[zip]")
    assert dataset.feature_names == ("a", "b", "zip=10", "zip=7", "zip=90")
    features, _, _ = seen(module)
    for place, value in ((2, 10), (3, 7), (4, 90)):
        assert (features[0, :, place] == (frame.zip[split.train] == value)).all()


def test_excluded_columns_are_no_features_and_may_hold_anything(build):
    frame = REGRESSION.assign(note=[f"note {i}" if i % 2 else None for i in range(ROWS)])
    _, dataset, _, _ = build(frame, "data.exclude=[note]")
    assert dataset.feature_names == ("a", "b")


def test_a_column_has_one_role(build):
    with pytest.raises(
        UserError, match=r"column weight is named more than once, in data\.exclude and data\.we"
    ):
        build(FRAME[["a", "y", "weight"]], "data.exclude=[weight]", "data.weight=weight")
    with pytest.raises(UserError, match=r"data\.group=gruop: .* Did you mean group\?"):
        build(FRAME[["a", "y", "group"]], "data.group=gruop")


# Several columns as one target


def test_two_columns_are_regressed_at_once_each_in_its_own_scale(build):
    frame = FRAME[["a", "b", "y", "z"]].assign(z=FRAME.z * 1000)
    settings, dataset, (split,), module = build(frame, "loss=huber", "trainer.max_epochs=2", target="[y,z]")
    assert dataset.target.columns == ("y", "z")
    true = frame[["y", "z"]].to_numpy()[split.train]
    np.testing.assert_allclose(seen(module)[1][0], (true - true.mean(0)) / true.std(0), atol=1e-12)
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


# Corruption


DIRT = {
    "outliers": (REGRESSION, "y", ("loss=mse", "data.outliers=0.1", "data.scale_target=false")),
    "symmetric noise": (CLASSES, "kind", ("loss=scce", "data.label_noise=0.3")),
    "pairwise noise": (
        CLASSES,
        "kind",
        ("loss=scce", "data.label_noise=0.3", "data.label_noise_kind=pairwise"),
    ),
    "missing labels": (CLASSES, "kind", ("loss=scce", "data.missing_labels=0.25")),
    "imbalance": (CLASSES, "kind", ("loss=scce", "data.imbalance=10")),
}
SHARES = {"outliers": 0.1, "symmetric noise": 0.3, "pairwise noise": 0.3, "missing labels": 0.25}


@pytest.mark.parametrize("name", SHARES)
def test_of_the_training_rows_the_share_asked_for_is_touched_each_replicates_own(build, name):
    clean, target, overrides = DIRT[name]
    keep = [one for one in overrides if "scale_target" in one]
    both = (
        build(clean, overrides[0], *keep, *more, "replicates=3", target=target)[3]
        for more in ([], overrides[1:])
    )
    (_, before, _), (_, after, weights) = map(seen, both)
    changed = (before != after).any(-1) if weights is None else weights == 0
    assert changed.sum(1).tolist() == [round(120 * SHARES[name])] * 3
    assert not (changed[0] == changed[1]).all()


@pytest.mark.parametrize("name", DIRT)
def test_rows_that_do_not_train_are_never_touched(build, name):
    frame, target, overrides = DIRT[name]
    keep = [one for one in overrides if "scale_target" in one]
    _, _, splits, clean = build(frame, overrides[0], *keep, "replicates=3", target=target)
    _, _, others, dirty = build(frame, *overrides, "replicates=3", target=target)
    for part in ("validation", "test"):
        (x, y, _), (seen_x, seen_y, weights) = seen(clean, part), seen(dirty, part)
        assert (x == seen_x).all() or name == "imbalance"  # which changes the rows that scale
        assert (y == seen_y).all()
        assert weights is None or (weights == 1).all()
        for one, other in zip(splits, others, strict=True):
            assert (getattr(one, part) == getattr(other, part)).all()


@pytest.mark.parametrize("name", DIRT)
def test_a_seeds_dirt_is_its_own_whoever_trains_beside_it(build, name):
    frame, target, overrides = DIRT[name]
    together = seen(build(frame, *overrides, "seed=5", "replicates=3", target=target)[3])
    for place, seed in ((0, 5), (2, 7)):
        alone = seen(build(frame, *overrides, f"seed={seed}", target=target)[3])
        for one, all_of_them in zip(alone, together, strict=True):
            assert (one is None) == (all_of_them is None)
            assert one is None or (one[0] == all_of_them[place]).all()


def test_outliers_are_moved_by_the_deviations_asked_for_up_or_down(build):
    overrides = ("data.outliers=0.2", "data.outlier_size=7", "data.scale_target=false")
    _, _, (split,), module = build(REGRESSION, *overrides)
    true = REGRESSION.y.to_numpy()[split.train]
    moved = (seen(module)[1][0, :, 0] - true) / true.std()
    assert np.isclose(np.abs(moved), 7).sum() == 24
    assert set(moved.round(6)) - {0.0, -0.0} == {7, -7}


def test_outliers_of_counts_are_counts_and_go_up(build):
    frame = FRAME[["a", "b", "count"]]
    _, _, (split,), module = build(frame, "loss=poisson", "data.outliers=0.2", target="count")
    moved = seen(module)[1][0, :, 0] - frame["count"].to_numpy()[split.train]
    assert (moved > 0).sum() == 24
    assert (moved >= 0).all()
    assert (moved == moved.round()).all()


@pytest.mark.parametrize(("kind", "steps"), [("symmetric", {1, 2}), ("pairwise", {1})])
def test_wrong_labels_are_another_class_of_any_or_the_next(build, kind, steps):
    overrides = ("loss=scce", "data.label_noise=0.5", f"data.label_noise_kind={kind}")
    _, dataset, (split,), module = build(CLASSES, *overrides, target="kind")
    away = (seen(module)[1][0, :, 0] - dataset.target.values[split.train]) % 3
    assert set(away) - {0} == steps


def test_imbalance_makes_the_last_class_that_much_rarer_in_as_many_training_rows(build):
    frame = CLASSES.assign(kind=np.repeat(["u", "v"], ROWS // 2))
    common = ("loss=bce", "replicates=2")
    _, dataset, before, _ = build(frame, *common, target="kind")
    _, _, after, _ = build(frame, *common, "data.imbalance=9", target="kind")
    for one, other in zip(before, after, strict=True):
        assert len(one.train) == len(other.train) == 120
        assert np.bincount(dataset.target.values[other.train]).tolist() == [108, 12]
        assert set(other.train) <= set(one.train)


def test_a_missing_label_teaches_nothing(build):
    """Training does not depend on what stands there."""
    overrides = ("loss=scce", "data.missing_labels=0.5", "trainer.max_epochs=2", "data.stratify=false")
    settings, _, (split,), module = build(CLASSES, *overrides, target="kind")
    unknown = split.train[seen(module)[2][0] == 0]
    assert len(unknown) == 60
    changed = CLASSES.copy()
    changed.loc[unknown, "kind"] = changed.kind[unknown].map({"u": "v", "v": "w", "w": "u"})
    again, *_, other = build(changed, *overrides, target="kind")
    for one, two in zip(
        fit(settings, module).network.parameters(), fit(again, other).network.parameters(), strict=True
    ):
        assert torch.equal(one, two)


def test_which_labels_are_missing_has_nothing_to_do_with_which_are_wrong(build):
    overrides = ("loss=scce", "data.label_noise=0.5", "data.missing_labels=0.5")
    _, dataset, (split,), module = build(CLASSES, *overrides, target="kind")
    _, labels, weights = seen(module)
    wrong = labels[0, :, 0] != dataset.target.values[split.train]
    unknown = weights[0] == 0
    assert wrong.sum() == unknown.sum() == 60
    assert 15 < (wrong & unknown).sum() < 45  # of the same rows 60, of chance 30


def test_each_output_has_dirt_of_its_own():
    words = (
        "loss=outputs",
        "data=wine",
        "+loss@loss.outputs.cultivar=scce",
        "+loss@loss.outputs.alcohol=mse",
    )
    dirt = ("data.label_noise=0.3", "data.outliers=0.3", "data.missing_labels=0.3")
    made = []
    for overrides in (words, (*words, *dirt)):
        settings = check(composition.plain(compose_config(*overrides)))
        dataset = factory.build_dataset(settings)
        splits = factory.build_splits(settings, dataset)
        made.append(factory.build_module(settings, dataset, splits).table)
    rows = made[0].rows("train")
    (_, clean, _), (_, dirty, weights) = (next(table.batches(rows, 1000)) for table in made)
    wrong = dirty["cultivar"][0, :, 0] != clean["cultivar"][0, :, 0]
    far = (
        made[1].target("alcohol").in_user_units(dirty["alcohol"])
        - made[0].target("alcohol").in_user_units(clean["alcohol"])
    )[0, :, 0].abs() > 1e-6
    assert wrong.sum() == far.sum() == round(0.3 * rows.shape[1])
    assert 0 < (wrong & far).sum() < wrong.sum() * 2 / 3  # of the same rows all, of chance a third
    unknown = [weights[term][0] == 0 for term in ("cultivar", "alcohol")]
    assert 0 < (unknown[0] & unknown[1]).sum() < unknown[0].sum() * 2 / 3


def test_a_table_is_the_same_read_twice(tmp_path):
    path = tmp_path / "my.csv"
    FRAME.to_csv(path, index=False)
    options = {"path": str(path), "target": "y", "task": "regression", "weight": "weight", "group": "group"}
    first = table(**options, exclude=["day"]).fingerprint
    assert first == table(**options, exclude=["day"]).fingerprint
    assert first != table(**options | {"weight": None}, exclude=["day", "weight"]).fingerprint
