"""Features: numbers, gaps and categories."""

import numpy as np
import pytest
from frames import CLASSES, FRAME, RANDOM, REGRESSION, ROWS, batch_of


def gaps(frame):
    frame = frame.copy()
    frame.loc[::7, "a"] = np.nan
    return frame


def test_a_gap_is_the_mean_of_the_replicates_own_training_rows(build):
    frame = gaps(REGRESSION)
    *_, splits, module = build(frame, "data.missing=mean", "data.feature_limit=null", "replicates=3")
    for part in ("train", "validation", "test"):
        features, _, _ = batch_of(module, part)
        for values, split in zip(features, splits, strict=True):
            train = frame.a[split.train]
            filled = frame.a[getattr(split, part)].fillna(train.mean())
            np.testing.assert_allclose(values[:, 0], (filled - train.mean()) / train.std(ddof=0), atol=1e-12)


@pytest.mark.parametrize("precision", ["64-true", "32-true"])
@pytest.mark.parametrize("value", [0.0, 1e12])
def test_no_row_of_the_test_part_changes_a_feature_of_training(build, value, precision):
    frame = gaps(FRAME[["a", "b", "y", "part"]])
    changed = frame.copy()
    changed.loc[changed.part == "test", ["a", "b"]] = value
    overrides = ("data.missing=mean", "data.split_column=part", f"trainer.precision={precision}")
    before, after = (batch_of(build(content, *overrides)[3]) for content in (frame, changed))
    np.testing.assert_allclose(before[0], after[0], atol=1e-5)
    tested = (batch_of(build(content, *overrides)[3], "test")[0] for content in (frame, changed))
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
    features, _, _ = batch_of(module)
    for index, value in ((2, 10), (3, 7), (4, 90)):
        assert (features[0, :, index] == (frame.zip[split.train] == value)).all()


def test_excluded_columns_are_no_features_and_may_hold_anything(build):
    frame = REGRESSION.assign(note=[f"note {i}" if i % 2 else None for i in range(ROWS)])
    _, dataset, _, _ = build(frame, "data.exclude=[note]")
    assert dataset.feature_names == ("a", "b")
